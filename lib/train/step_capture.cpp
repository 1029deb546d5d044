#include "train/step_capture.hpp"

#include "base/error.hpp"
#include "launch/flight_recorder.hpp"

namespace lockstep {

namespace {

std::string first_obstacle(const Setup& setup) {
  if (setup.config.training.cuda_graph == CudaGraphUse::off) return "training.cuda_graph is off";
  return graph_obstacle(setup);
}

}  // namespace

StepCapture::StepCapture(const Setup& setup, World& world, StepRecorder& recorder, WorkLog* log)
    : setup_(setup),
      world_(world),
      recorder_(recorder),
      obstacle_(first_obstacle(setup)),
      graphs_(obstacle_.empty(), recorder, log) {}

void StepCapture::capture(TrainingStep& step) {
  recorder_.exclude_gap();
  world_.flight().activity.enter("capturing a step", -1);
  obstacle_ = step.capture();
  if (world_.size() > 1)  // on all ranks or on none: a collective is captured everywhere or nowhere
    for (const std::string& theirs : world_.all_gather(obstacle_))
      if (obstacle_.empty()) obstacle_ = theirs;
  if (obstacle_.empty()) return;
  step.drop_captured();
  const RunConfig& config = setup_.config;
  if (config.training.cuda_graph == CudaGraphUse::on)
    throw input_error("{}: the step of {} cannot be captured: {}; set it to auto",
                      config.place("training.cuda_graph"), setup_.model->name(), obstacle_);
}

void StepCapture::report(const RunOutput& output) const {
  if (!setup_.device.is_cuda() || !output.exists()) return;
  const std::string text = graphs_.size() > 0  ? "captured"
                           : obstacle_.empty() ? "no batch shape occurred often enough"
                                               : obstacle_;
  output.writer->set_cuda_graph(text);
  output.progress->line("CUDA graphs: " + text);
}

}  // namespace lockstep
