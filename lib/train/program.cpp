#include "train/program.hpp"

#include <fmt/format.h>

#include <exception>
#include <filesystem>
#include <optional>

#include "base/provenance.hpp"
#include "base/standard_output.hpp"
#include "comm/agreement.hpp"
#include "comm/library_versions.hpp"
#include "config/command_line.hpp"
#include "config/load_config.hpp"
#include "launch/fingerprint.hpp"
#include "launch/flight_recorder.hpp"
#include "launch/topology.hpp"
#include "launch/watchdog.hpp"
#include "tasks/classification.hpp"
#include "train/binding.hpp"
#include "train/dry_run.hpp"
#include "train/memory.hpp"
#include "train/resume.hpp"
#include "train/run_folder.hpp"
#include "train/trainer.hpp"

namespace lockstep {

namespace {

RunData describe_run(const Setup& setup, World& world, const std::string& uuid) {
  RankEnvironment mine = describe_rank(setup.device, setup.threads, loader_threads(setup, world.rank()));
  const World::ClockOffset clock = world.measure_clock_offset();
  mine.clock_offset = clock.offset;
  mine.clock_error = clock.error;
  RunData run;
  run.header.uuid = uuid;
  run.header.mode = name_of(setup.mode);
  run.header.started = utc_timestamp();
  run.config_given = setup.config.given_text;
  run.config_resolved = to_yaml(setup.config, setup.hyper);
  run.settings = flatten(setup.config, setup.hyper);
  run.settings["parallel.backend"] = setup.communicator->backend();  // what `auto` came to
  if (setup.pipeline) {
    const PipelinePlan& plan = setup.pipeline->plan;
    run.settings["parallel.stages"] = std::to_string(plan.grid.stages());
    run.settings["parallel.micro_batches"] = std::to_string(plan.micro_batches());
    run.settings["parallel.chunks"] = std::to_string(plan.chunks_per_stage);
  }
  run.settings["parallel.device"] = setup.device.is_cuda() ? "cuda" : "cpu";
  run.ranks = gather_environments(world, mine);
  run.environment = library_versions(world);
  run.fingerprint = hardware_fingerprint(run.ranks);
  const auto task = make_task(setup.task, setup.data.train->info());
  run.metric = task->metric();
  run.higher_is_better = task->higher_is_better();
  run.chance = task->chance();
  run.measures = task->measures();
  require_declared(*task, task->finish(task->start_tally(torch::kCPU)));  // now rather than after an epoch
  run.model = setup.facts;
  run.data = data_facts(setup.data);
  return run;
}

// Rank 0's clock at the start, on this rank's clock.
SteadyTime common_start(World& world, double clock_offset) {
  return world.broadcast(steady_now()) +
         std::chrono::duration_cast<SteadyTime::duration>(std::chrono::duration<double>(clock_offset));
}

// Rank 0's side of a run: its folder, log and run file.
struct Record {
  std::string folder;
  std::unique_ptr<Progress> progress;
  std::unique_ptr<RunWriter> writer;

  Record(const CommandLine& line, const Setup& setup, World& world, const RunData& run) {
    folder = create_run_folder(line.output, name_of(setup.mode), setup.model->name(), world.size(),
                               run.header.uuid);
    progress = std::make_unique<Progress>(folder + "/log.txt", line.quiet);
    write_text_file(folder + "/config.yaml", run.config_resolved);
    writer = std::make_unique<RunWriter>(folder + "/run.h5", run);
  }

  void introduce(const CommandLine& line, const Setup& setup, World& world, const RunData& run) const {
    progress->line(fmt::format("{}: {} parameters, {} ranks, back end {}, {} rows, {}", run.model.name,
                               run.model.parameters, world.size(), setup.communicator->backend(),
                               run.data.train_rows, folder));
    if (const std::string& remark = setup.communicator->remark(); !remark.empty()) {
      progress->line(remark);
      writer->set_backend_remark(remark);
    }
    for (const std::string& note : setup.data.notes) progress->line(note);
    if (const int removed = remove_abandoned_checkpoints(line.output, line.resume); removed > 0)
      progress->line(
          fmt::format("unfinished checkpoints that killed runs had left, now removed: {}", removed));
    if (const std::string warning = crowded_cores_warning(setup, run.ranks); !warning.empty())
      progress->line(warning);
  }
};

// The emergency handler lives exactly as long as what it writes to.
class EmergencyGuard {
 public:
  EmergencyGuard(World& world, Record* record) : world_(world) {
    if (record)
      world_.on_emergency([record](const Emergency& emergency) {
        const bool signal = emergency.reason == Emergency::Reason::signal;
        record->progress->log(emergency.message);
        record->writer->finish_emergency(signal ? "interrupted" : "failed", emergency.message);
        for (const std::string& detail : emergency.details) record->progress->log(detail);
      });
  }
  ~EmergencyGuard() { world_.on_emergency({}); }
  EmergencyGuard(const EmergencyGuard&) = delete;
  EmergencyGuard& operator=(const EmergencyGuard&) = delete;

 private:
  World& world_;
};

constexpr std::int64_t kMostClassesListed = 20;

// Stopped by a signal after a step, with a checkpoint of it. Rank 0 says so.
ExitCode finish_interrupted(Record* record, const TrainingResult& result, double wall_seconds) {
  if (record) {
    record->writer->finish("interrupted", result.invalid_reasons.empty(), result.invalid_reasons,
                           wall_seconds);
    const std::string line = fmt::format("{}; go on with --resume {}", result.interruption, record->folder);
    record->progress->log(line);
    print_failure(program_invocation_short_name, line);
  }
  return ExitCode::failed;
}

ExitCode finish_run(Record* record, TrainingResult& result, const std::vector<std::string>& class_names,
                    double wall_seconds, World& world) {
  world.flight().activity.enter("closing the run");
  if (!result.interruption.empty()) return finish_interrupted(record, result, wall_seconds);
  if (record) {
    record->writer->finish("complete", result.invalid_reasons.empty(), result.invalid_reasons, wall_seconds);
    for (const std::string& reason : result.invalid_reasons) record->progress->line("NOT VALID: " + reason);
    if (result.test_confusion.rows > 0 && result.test_confusion.rows <= kMostClassesListed)
      for (const std::string& line : class_table(result.test_confusion, class_names))
        record->progress->line(line);
    record->progress->line(fmt::format("done in {:.2f} s: {}/run.h5", wall_seconds, record->folder));
  }
  return world.broadcast(result.invalid_reasons).empty() ? ExitCode::done : ExitCode::not_valid;
}

// checkpoint: to go on from; null: none.
ExitCode train(const CommandLine& line, const Checkpoint* checkpoint, Setup& setup, World& world) {
  world.flight().activity.enter("opening the run");
  RunData run = describe_run(setup, world, world.broadcast(new_uuid()));
  const SteadyTime origin =
      common_start(world, run.ranks[static_cast<std::size_t>(world.rank())].clock_offset);
  std::unique_ptr<Record> record;
  std::optional<EmergencyGuard> guard;
  const auto open = [&] {
    if (world.rank() == 0) record = std::make_unique<Record>(line, setup, world, run);
    guard.emplace(world, record.get());
  };
  // What goes wrong from now on stands in the run file; but a checkpoint that does not fit leaves no file.
  if (!checkpoint) open();
  try {
    Trainer trainer(setup, world, origin, run.header.uuid);
    if (checkpoint) {
      trainer.resume(*checkpoint);
      const CheckpointFacts& facts = checkpoint->facts();
      run.header.resumed = {facts.run, checkpoint->digest(), facts.epochs_done, facts.steps_done};
      open();
    }
    if (record) record->introduce(line, setup, world, run);
    if (record) trainer.record_to({record->writer.get(), record->progress.get(), record->folder});
    TrainingResult result = trainer.run();
    return finish_run(record.get(), result, setup.data.train->info().class_names,
                      seconds_between(origin, steady_now()), world);
  } catch (const std::exception& error) {
    if (record) record->writer->finish_emergency("failed", error.what());
    throw;
  }
}

// Rank 0 draws.
void write_svg(const std::string& path, const std::string& svg, const World& world) {
  if (world.rank() != 0) return;
  if (svg.empty()) throw input_error("--svg {}: there is no pipeline to draw; run train_mp", path);
  if (std::filesystem::exists(path))
    throw input_error("--svg {}: the file exists; remove it, or give another name", path);
  write_text_file(path, svg);
}

// What this process is asked for. It is read before the ranks meet, for the time they have to do so; what is
// wrong with it is said once they have.
struct Request {
  CommandLine line;
  std::unique_ptr<Checkpoint> checkpoint;  // of --resume
  std::optional<RunConfig> config;         // none for --help and --version
  std::exception_ptr objection;
};

Request read_request(int argc, char** argv, const TrainerProgram& program) {
  Request request;
  try {
    request.line = parse_command_line(argc, argv, program.name);
    const CommandLine& line = request.line;
    if (line.help || line.version) return request;
    if (!line.resume.empty()) request.checkpoint = std::make_unique<Checkpoint>(find_checkpoint(line.resume));
    // --resume goes on as the run began.
    request.config = load_config(line.config.empty() ? resumed_config(line.resume) : line.config, line.sets);
  } catch (...) {
    request.objection = std::current_exception();
  }
  return request;
}

TimeLimit time_limit(const Request& request) {
  TimeLimit limit{.setting = "parallel.timeout_s"};
  if (request.config) limit.seconds = request.config->parallel.timeout_s;
  return limit;
}

// Everything that could make the ranks do different things. No key may differ: a path is of one file system,
// and what `auto` comes to on each node is not compared.
Facts facts_of(const Request& request) {
  const auto yes_or_no = [](bool value) { return value ? "yes" : "no"; };
  const CommandLine& line = request.line;
  Facts facts;
  for (const auto& [flag, given] : {std::pair("--help", line.help),
                                    {"--version", line.version},
                                    {"--dry-run", line.dry_run},
                                    {"--quiet", line.quiet}})
    facts.emplace_back(flag, yes_or_no(given));
  facts.emplace_back("--output", line.output);
  facts.emplace_back("--resume", line.resume);
  if (request.checkpoint) facts.emplace_back("checkpoint", request.checkpoint->digest());
  facts.emplace_back("--ranks", std::to_string(line.ranks));
  facts.emplace_back("--svg", line.svg);
  if (!request.config) return facts;
  for (const auto& [key, value] : flatten(*request.config, request.config->model.hyper))
    facts.emplace_back(key, value);
  return facts;
}

std::string version_line(const TrainerProgram& program) {
  const Provenance p = provenance();
  return fmt::format("{} {} ({}, {})\n", program.name, p.version, p.commit, p.compiler);
}

ExitCode run_request(Request& request, const TrainerProgram& program, World& world) {
  if (program.at_start) program.at_start(world);
  if (request.objection) std::rethrow_exception(request.objection);
  require_same_launch(world, program.name, facts_of(request));
  const CommandLine& line = request.line;
  const bool speaks = world.rank() == 0;
  if (line.help || line.version) {
    if (speaks)
      write_standard_output(line.help ? help_text(program.name, program.about) : version_line(program));
    return ExitCode::done;
  }
  if (!line.dry_run) {
    world.flight().activity.enter("reading the data and making the model");
    Setup setup = make_setup(std::move(*request.config), program.mode, world);
    if (program.change_setup) program.change_setup(setup);
    if (request.checkpoint) require_same_training(*request.checkpoint, setup);
    return train(line, request.checkpoint.get(), setup, world);
  }
  const DryRun dry = dry_run(std::move(*request.config), program.mode, line.ranks, world);
  if (speaks) write_standard_output(dry.text);
  if (!line.svg.empty()) write_svg(line.svg, dry.svg, world);
  return ExitCode::done;
}

}  // namespace

int run_trainer(int argc, char** argv, const TrainerProgram& program) {
  keep_heap_pages();
  Request request = read_request(argc, argv, program);
  return run_main(
      argc, argv, program.use_mpi, [&](World& world) { return run_request(request, program, world); },
      time_limit(request));
}

}  // namespace lockstep
