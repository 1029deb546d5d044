#include "train/unfinished_epoch.hpp"

#include <bit>

#include "base/error.hpp"

namespace lockstep {

namespace {

constexpr const char *kLoss = "epoch/loss", *kWork = "epoch/work", *kSeen = "epoch/seen";

}  // namespace

void UnfinishedEpoch::add_losses(const StepTable& steps) {
  for (std::int64_t s = 0; s < steps.steps(); ++s)
    for (std::int64_t r = 0; r < steps.ranks(); ++r) {
      const std::int32_t weight = steps.loss_terms.at(r, s);
      if (weight == 0) continue;
      loss += static_cast<double>(steps.loss.at(r, s)) * weight;
      loss_terms += weight;
    }
}

UnfinishedEpoch nothing_done(std::int64_t rows) { return {.work = WorkAudit(rows).local()}; }

void add_unfinished(CheckpointTensors& tensors, const UnfinishedEpoch& epoch) {
  const double loss[] = {epoch.loss, epoch.loss_terms};
  const std::int64_t work[] = {epoch.work.samples, epoch.work.padding,
                               std::bit_cast<std::int64_t>(epoch.work.digest)};
  std::vector<std::int64_t> seen;
  for (const std::uint64_t word : epoch.work.seen) seen.push_back(std::bit_cast<std::int64_t>(word));
  tensors.add(kLoss, std::span<const double>(loss));
  tensors.add(kWork, std::span<const std::int64_t>(work));
  tensors.add(kSeen, std::span<const std::int64_t>(seen));
}

UnfinishedEpoch unfinished_epoch(const Checkpoint& checkpoint, std::int64_t rows) {
  UnfinishedEpoch epoch = nothing_done(rows);
  if (!checkpoint.facts().within_epoch) return epoch;
  const auto loss = checkpoint.column<double>(kLoss);
  const auto work = checkpoint.column<std::int64_t>(kWork), seen = checkpoint.column<std::int64_t>(kSeen);
  if (loss.size() != 2 || work.size() != 3 || seen.size() != epoch.work.seen.size())
    throw input_error("{}: what it says of its unfinished epoch is not of {} rows", checkpoint.path(), rows);
  epoch.loss = loss[0];
  epoch.loss_terms = loss[1];
  epoch.work.samples = work[0];
  epoch.work.padding = work[1];
  epoch.work.digest = std::bit_cast<std::uint64_t>(work[2]);
  for (std::size_t w = 0; w < seen.size(); ++w) epoch.work.seen[w] = std::bit_cast<std::uint64_t>(seen[w]);
  return epoch;
}

}  // namespace lockstep
