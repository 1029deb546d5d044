#include "train/resume.hpp"

#include <algorithm>
#include <set>
#include <span>
#include <string_view>

#include "base/digest.hpp"
#include "base/error.hpp"
#include "config/load_config.hpp"
#include "train/rank_state.hpp"

namespace lockstep {

namespace {

// Keys that change neither the rows nor the model nor what a step does, except for rounding; and those whose
// effect is compared instead (batch, number of steps, content of the data). An entry that ends in a dot
// stands for all keys below it.
constexpr std::string_view kMayDiffer[] = {"run.name",
                                           "model.preset",
                                           "model.kernels",
                                           "data.path",
                                           "data.cache",
                                           "data.workers",
                                           "data.max_bytes",
                                           "data.embeddings",
                                           "training.epochs",
                                           "training.steps",
                                           "training.global_batch",
                                           "training.target",
                                           "training.accumulate",
                                           "training.micro_batch",
                                           "parallel.",
                                           "measure.",
                                           "checkpoint."};
// How far a step goes: another value is another schedule, which checkpoint.reschedule allows.
constexpr std::string_view kSchedule[] = {"training.schedule.", "training.optimizer.lr",
                                          "training.grad_clip"};

bool lists(std::span<const std::string_view> list, std::string_view key) {
  return std::any_of(list.begin(), list.end(), [&](std::string_view entry) {
    return entry.ends_with('.') ? key.starts_with(entry) : key == entry;
  });
}

// A key that one of the two does not know is at its default there.
std::string value_of(const std::map<std::string, std::string>& settings, const std::string& key) {
  static const std::map<std::string, std::string> defaults = flatten(RunConfig(), {});
  for (const auto* map : {&settings, &defaults})
    if (const auto found = map->find(key); found != map->end()) return found->second;
  return "not set";
}

void compare_settings(const Checkpoint& checkpoint, const Setup& setup) {
  const std::map<std::string, std::string> here = kept_settings(setup);
  const std::map<std::string, std::string>& there = checkpoint.facts().settings;
  std::set<std::string> keys;
  for (const auto* settings : {&here, &there})
    for (const auto& [key, value] : *settings) keys.insert(key);
  for (const std::string& key : keys) {
    const std::string mine = value_of(here, key), theirs = value_of(there, key);
    if (mine == theirs || lists(kMayDiffer, key)) continue;
    const bool schedule = lists(kSchedule, key);
    if (schedule && setup.config.checkpoint.reschedule) continue;
    throw input_error("{} is {}, but was {} in the run of {}; {}", setup.config.place(key), mine, theirs,
                      checkpoint.path(),
                      schedule ? "set it back, or set checkpoint.reschedule to true to use the new value"
                               : "set it back, or start again, without --resume");
  }
}

void compare_work(const Checkpoint& checkpoint, const Setup& setup) {
  const RunConfig& c = setup.config;
  const CheckpointFacts& facts = checkpoint.facts();
  if (setup.batches.global_batch != facts.global_batch)
    throw input_error(
        "{} makes a global batch of {}, but it was {} in the run of {}; set it back, or start again, "
        "without --resume",
        c.place(c.training.global_batch ? "training.global_batch" : "training.micro_batch"),
        setup.batches.global_batch, facts.global_batch, checkpoint.path());
  const std::string digest = plain_text(setup.data.train->info().digest);
  if (!comparable_digests(digest, facts.data_digest))
    throw input_error(
        "{}: it was written by another version of Lockstep, whose digest of the data cannot be compared "
        "with this version's; continue with that version, or start again, without --resume",
        checkpoint.path());
  if (digest != facts.data_digest)
    throw input_error(
        "{}: the data is not that of the run of {}: its digest is {}, not {}; give that data, or start "
        "again, without --resume",
        c.place(c.data.path.empty() ? "data.name" : "data.path"), checkpoint.path(), digest,
        facts.data_digest);
}

void compare_length(const Checkpoint& checkpoint, const Setup& setup) {
  const RunConfig& c = setup.config;
  const CheckpointFacts& facts = checkpoint.facts();
  const char* key = c.training.epochs ? "training.epochs" : "training.steps";
  const std::int64_t per_epoch = setup.batches.steps_per_epoch();
  if (facts.steps_done / per_epoch != facts.epochs_done ||
      (facts.steps_done % per_epoch != 0) != facts.within_epoch)
    throw input_error("{}: {} steps are not {} epochs of {} steps{}", checkpoint.path(), facts.steps_done,
                      facts.epochs_done, per_epoch, facts.within_epoch ? " and a part of another" : "");
  if (facts.steps_done >= setup.total_steps)
    throw input_error("{}: its {} are all that was asked for; set {} to more", checkpoint.path(),
                      c.training.epochs ? fmt::format("{} epochs", facts.epochs_done)
                                        : fmt::format("{} steps", facts.steps_done),
                      key);
  if (c.training.schedule.name == ScheduleKind::constant || c.checkpoint.reschedule ||
      facts.total_steps == setup.total_steps)
    return;
  throw input_error(
      "{} makes {} steps, but it was {} in the run of {}, and training.schedule.name depends on it; set "
      "it back, or set checkpoint.reschedule to true to use the schedule of {} steps",
      c.place(key), setup.total_steps, facts.total_steps, checkpoint.path(), setup.total_steps);
}

}  // namespace

std::map<std::string, std::string> kept_settings(const Setup& setup) {
  std::map<std::string, std::string> kept = flatten(setup.config, setup.hyper);
  std::erase_if(kept, [](const auto& setting) { return lists(kMayDiffer, setting.first); });
  for (auto& [key, value] : kept) value = plain_text(value);
  return kept;
}

void require_same_training(const Checkpoint& checkpoint, const Setup& setup) {
  compare_settings(checkpoint, setup);
  compare_work(checkpoint, setup);
  compare_length(checkpoint, setup);
}

CheckpointFacts checkpoint_facts(const Setup& setup, const std::string& run, std::int64_t steps_done) {
  const std::int64_t per_epoch = setup.batches.steps_per_epoch();
  return {.run = run,
          .epochs_done = steps_done / per_epoch,
          .steps_done = steps_done,
          .within_epoch = steps_done % per_epoch != 0,
          .total_steps = setup.total_steps,
          .global_batch = setup.batches.global_batch,
          .data_digest = plain_text(setup.data.train->info().digest),
          .mode = name_of(setup.mode),
          .settings = kept_settings(setup)};
}

bool same_ranks(const Checkpoint& checkpoint, const Setup& setup, int ranks) {
  return checkpoint.facts().mode == name_of(setup.mode) && checkpoint.facts().ranks == ranks;
}

// If one rank's part of the file is damaged, all ranks must give up together.
void load_on_all_ranks(const Checkpoint& checkpoint, World& world, Model& model, FlatOptimizer& optimizer,
                       const Aliases& aliases) {
  std::string error;
  std::set<std::string> taken;
  try {
    taken = checkpoint.load(model, optimizer, aliases);
    check_rank_states(checkpoint, world.rank(), world.size());
  } catch (const Error& refusal) {
    error = refusal.what();
  }
  for (const std::string& theirs : world.all_gather(error))
    if (!theirs.empty()) throw input_error("{}", theirs);
  for (const auto& theirs : world.all_gather(std::vector<std::string>(taken.begin(), taken.end())))
    taken.insert(theirs.begin(), theirs.end());
  checkpoint.require_all_taken(taken);
}

}  // namespace lockstep
