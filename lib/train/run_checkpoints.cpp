#include "train/run_checkpoints.hpp"

#include <utility>
#include <vector>

#include "launch/flight_recorder.hpp"
#include "train/resume.hpp"

namespace lockstep {

RunCheckpoints::RunCheckpoints(const Setup& setup, World& world, const Strategy& strategy,
                               FlatOptimizer& optimizer, std::string run)
    : setup_(setup), world_(world), strategy_(strategy), optimizer_(optimizer), run_(std::move(run)) {}

void RunCheckpoints::load(const Checkpoint& checkpoint) {
  load_on_all_ranks(checkpoint, world_, *setup_.model, optimizer_, aliases());
}

bool RunCheckpoints::due(std::int64_t epochs_done, std::int64_t steps_done) const {
  const std::int64_t every = setup_.config.checkpoint.every_epochs;
  const bool whole_epochs = steps_done == epochs_done * setup_.batches.steps_per_epoch();
  return every != 0 && epochs_done % every == 0 && whole_epochs;
}

void RunCheckpoints::save_if_due(std::int64_t epochs_done, std::int64_t steps_done, const RunOutput& output) {
  if (!due(epochs_done, steps_done)) return;
  world_.flight().activity.enter("saving the checkpoint after epoch", epochs_done);
  // The stages of the first replica have the whole model between them, or rank 0 has it.
  const bool has_part = setup_.pipeline ? strategy_.replica() == 0 : world_.rank() == 0;
  CheckpointTensors mine;
  if (has_part) mine = checkpoint_tensors(*setup_.model, optimizer_, aliases());
  std::vector<std::string> parts;
  if (setup_.pipeline) {
    parts = world_.gather(has_part ? encode_tensors(std::move(mine.tensors), {}) : "");
    mine.tensors = merge_parts(parts);
  }
  if (!output.exists()) return;
  save_checkpoint(output.folder + "/checkpoint", checkpoint_facts(setup_, run_, epochs_done, steps_done),
                  setup_.config.checkpoint.keep, std::move(mine.tensors));
}

Aliases RunCheckpoints::aliases() const {
  return setup_.pipeline ? setup_.pipeline->tied.aliases : Aliases();
}

}  // namespace lockstep
