#include "tasks/task.hpp"

#include <algorithm>

#include "base/error.hpp"

namespace lockstep {

Flow Task::inputs(const torch::Tensor& inputs, const torch::Tensor&) const { return {inputs}; }

void Task::add_generated(Model&, const StepBatch&, const Dataset&, std::span<const std::int64_t>,
                         Tally&) const {}

std::vector<std::string> Task::show(Model&, const Dataset&, torch::Device, const std::string&) const {
  return {};
}

void require_declared(const Task& task, const Evaluation& evaluation) {
  const std::vector<Measure> measures = task.measures();
  for (const auto& [name, value] : evaluation.more)
    if (std::none_of(measures.begin(), measures.end(), [&](const Measure& m) { return m.name == name; }))
      throw run_error("the task of metric {} measures '{}', which its measures() does not declare",
                      task.metric(), name);
}

std::unique_ptr<Task> make_task(TaskKind kind, const DatasetInfo& info) {
  switch (kind) {
    case TaskKind::classification:
      return make_classification(info);
    case TaskKind::reconstruction:
      return make_reconstruction();
    case TaskKind::translation:
      return make_translation(info);
    case TaskKind::language_model:
      return make_language_model(info);
  }
  return nullptr;
}

torch::Tensor real_rows(const torch::Tensor& rows, const StepBatch& batch) {
  return batch.samples < rows.size(0) ? rows.narrow(0, 0, batch.samples) : rows;
}

Tally zero_tally(std::int64_t sums, std::int64_t counts, torch::Device device) {
  const auto options = torch::TensorOptions().device(device);
  return {torch::zeros({sums}, options.dtype(torch::kFloat64)),
          torch::zeros({counts}, options.dtype(torch::kInt64))};
}

}  // namespace lockstep
