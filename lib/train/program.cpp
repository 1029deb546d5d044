#include "train/program.hpp"

#include <fmt/format.h>

#include <exception>
#include <filesystem>
#include <optional>

#include "base/provenance.hpp"
#include "base/standard_output.hpp"
#include "comm/agreement.hpp"
#include "config/command_line.hpp"
#include "config/load_config.hpp"
#include "launch/flight_recorder.hpp"
#include "launch/watchdog.hpp"
#include "record/memory.hpp"
#include "record/run_folder.hpp"
#include "record/run_record.hpp"
#include "tasks/classification.hpp"
#include "train/binding.hpp"
#include "train/dry_run.hpp"
#include "train/resume.hpp"
#include "train/trainer.hpp"

namespace lockstep {

namespace {

RunData describe_run(const Setup& setup, World& world) {
  RunData run =
      describe_run(world, setup.mode, setup.device, setup.threads, loader_threads(setup, world.rank()));
  run.config_given = setup.config.given_text;
  run.config_resolved = resolved_yaml(setup);
  run.settings.merge(flatten(setup.config, setup.hyper));                     // what is known already stays
  run.settings["parallel.backend"] = name_of(setup.communicator->backend());  // what `auto` came to
  if (setup.pipeline) {
    const PipelinePlan& plan = setup.pipeline->plan;
    run.settings["parallel.stages"] = std::to_string(plan.grid.stages());
    run.settings["parallel.micro_batches"] = std::to_string(plan.micro_batches());
    run.settings["parallel.chunks"] = std::to_string(plan.chunks_per_stage);
  }
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

// Rank 0, before the first step.
void introduce(const RunRecord& record, const CommandLine& line, const RunData& run, const Setup& setup,
               const World& world) {
  const RunOutput output = record.output();
  if (!output.exists()) return;
  record.line(fmt::format("{}: {} parameters, {} ranks, back end {}, {} rows, {}", run.model.name,
                          run.model.parameters, world.size(), name_of(setup.communicator->backend()),
                          run.data.train_rows, output.folder));
  if (const std::string& remark = setup.communicator->remark(); !remark.empty()) {
    record.line(remark);
    output.writer->set_backend_remark(remark);
  }
  for (const std::string& note : setup.data.notes) record.line(note);
  if (const int removed = remove_abandoned_files(line.output, line.resume); removed > 0)
    record.line(fmt::format("removed unfinished files of killed runs: {}", removed));
  if (const std::string warning = crowded_cores_warning(setup, run.ranks); !warning.empty())
    record.line(warning);
}

constexpr std::int64_t kMostClassesListed = 20;

// Stopped by a signal after a step, with a checkpoint of it. Rank 0 says so.
ExitCode finish_interrupted(const RunRecord& record, const TrainingResult& result, double wall_seconds) {
  const RunOutput output = record.output();
  if (output.exists()) {
    output.writer->finish("interrupted", result.invalid_reasons.empty(), result.invalid_reasons,
                          wall_seconds);
    const std::string line = fmt::format("{}; go on with --resume {}", result.interruption, output.folder);
    output.progress->log(line);
    print_failure(program_invocation_short_name, line);
  }
  return ExitCode::failed;
}

ExitCode finish_run(const RunRecord& record, TrainingResult& result,
                    const std::vector<std::string>& class_names, double wall_seconds, World& world) {
  world.flight().activity.enter("closing the run");
  if (!result.interruption.empty()) return finish_interrupted(record, result, wall_seconds);
  record.finish(result.invalid_reasons, wall_seconds);
  if (result.test_confusion.rows > 0 && result.test_confusion.rows <= kMostClassesListed)
    for (const std::string& line : class_table(result.test_confusion, class_names)) record.line(line);
  record.line(fmt::format("done in {:.2f} s: {}/run.h5", wall_seconds, record.output().folder));
  return world.broadcast(result.invalid_reasons).empty() ? ExitCode::done : ExitCode::not_valid;
}

// checkpoint: to go on from; null: none.
ExitCode train(const CommandLine& line, const Checkpoint* checkpoint, Setup& setup, World& world) {
  world.flight().activity.enter("opening the run");
  RunData run = describe_run(setup, world);
  const SteadyTime origin = common_start(world, run);
  std::optional<RunRecord> record;
  const auto open = [&] { record.emplace(world, RunPlace{.output = line.output, .quiet = line.quiet}, run); };
  // From here on failures are recorded in the run file; a checkpoint that does not fit leaves no file.
  if (!checkpoint) open();
  try {
    Trainer trainer(setup, world, origin, run.header.uuid);
    if (checkpoint) {
      trainer.resume(*checkpoint);
      const CheckpointFacts& facts = checkpoint->facts();
      run.header.resumed = {facts.run, checkpoint->digest(), facts.epochs_done, facts.steps_done};
      open();
    }
    introduce(*record, line, run, setup, world);
    trainer.record_to(record->output());
    TrainingResult result = trainer.run();
    return finish_run(*record, result, setup.data.train->info().class_names,
                      seconds_between(origin, steady_now()), world);
  } catch (const std::exception& error) {
    if (record) record->fail(error.what());
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

// What this process is asked to do. Read before the ranks meet, because it says how long they may take to
// meet; errors in it are reported after they have met.
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

// Everything that could make the ranks do different things. No key may differ: paths refer to one file
// system, and what `auto` resolves to on each node is not compared.
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
