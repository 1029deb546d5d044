#include "record/run_record.hpp"

#include <chrono>

#include "comm/library_versions.hpp"
#include "launch/fingerprint.hpp"
#include "launch/topology.hpp"
#include "record/run_folder.hpp"

namespace lockstep {

RunData describe_run(World& world, Mode mode, const c10::Device& device, int threads, int loader_threads) {
  RankEnvironment mine = describe_rank(device, threads, loader_threads);
  const World::ClockOffset clock = world.measure_clock_offset();
  mine.clock_offset = clock.offset;
  mine.clock_error = clock.error;
  RunData run;
  run.header.uuid = world.broadcast(new_uuid());
  run.header.mode = name_of(mode);
  run.header.started = utc_timestamp();
  run.settings["parallel.device"] = device.is_cuda() ? "cuda" : "cpu";
  run.ranks = gather_environments(world, mine);
  run.environment = library_versions(world);
  run.fingerprint = hardware_fingerprint(run.ranks);
  return run;
}

SteadyTime common_start(World& world, const RunData& run) {
  const double offset = run.ranks[static_cast<std::size_t>(world.rank())].clock_offset;
  return world.broadcast(steady_now()) +
         std::chrono::duration_cast<SteadyTime::duration>(std::chrono::duration<double>(offset));
}

RunRecord::RunRecord(World& world, const RunPlace& place, const RunData& run) : world_(world) {
  if (world.rank() != 0) return;
  folder_ = create_run_folder(place.output, run.header.mode, run.model.name, world.size(), run.header.uuid,
                              place.option);
  progress_ = std::make_unique<Progress>(folder_ + "/log.txt", place.quiet);
  write_text_file(folder_ + "/config.yaml", run.config_resolved);
  writer_ = std::make_unique<RunWriter>(folder_ + "/run.h5", run);
  world_.on_emergency([this](const Emergency& emergency) {
    const bool signal = emergency.reason == Emergency::Reason::signal;
    progress_->log(emergency.message);
    writer_->finish_emergency(signal ? "interrupted" : "failed", emergency.message);
    for (const std::string& detail : emergency.details) progress_->log(detail);
  });
}

RunRecord::~RunRecord() { world_.on_emergency({}); }

void RunRecord::line(const std::string& text) const {
  if (progress_) progress_->line(text);
}

void RunRecord::finish(const std::vector<std::string>& invalid_reasons, double wall_seconds) const {
  if (!writer_) return;
  writer_->finish("complete", invalid_reasons.empty(), invalid_reasons, wall_seconds);
  for (const std::string& reason : invalid_reasons) line("NOT VALID: " + reason);
}

void RunRecord::fail(const std::string& reason) const noexcept {
  if (writer_) writer_->finish_emergency("failed", reason);
}

}  // namespace lockstep
