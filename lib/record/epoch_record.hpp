// What the ranks do together with an epoch once its steps are over, whoever has run them: replicas are
// compared, the work is audited, and what all have recorded goes to the run file.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "data/work_audit.hpp"
#include "launch/world.hpp"
#include "record/epoch_exchange.hpp"
#include "record/run_output.hpp"
#include "results/run_data.hpp"

namespace lockstep {

// Equal on all ranks exactly when the tensors are, bit for bit.
std::uint64_t tensors_digest(const std::vector<torch::Tensor>& tensors);

// Collective. Empty, or a sentence that names two ranks, the same on every rank. digest: of this rank's
// parameters; replicas: those that gave the same number hold the same ones.
std::string replicas_sentence(World& world, int replicas, std::uint64_t digest, std::int64_t epoch);

struct AuditedEpoch {
  AuditRow row;
  std::string sentence;  // empty: as it should be
};
// Collective; the same on every rank. expected: the rows that the epoch had to come to. before: what an earlier
// run did of it; null: nothing.
AuditedEpoch audit_epoch(World& world, const WorkReport& mine, std::int64_t epoch, std::int64_t expected,
                         const WorkReport* before = nullptr);

// An epoch as rank 0 has written it.
struct WrittenEpoch {
  EpochRow row;
  double samples = 0;     // of all ranks
  double comm_share = 0;  // exposed
};

struct EpochToWrite {
  std::int64_t number = 0;
  EpochRow row;
  AuditRow audit;               // no samples: not audited
  bool steps_have_loss = true;  // no: nobody has given any
};

// Collective. On rank 0: fills in train_loss and train_seconds and appends to the output, where there is one;
// what it returns is known there alone.
WrittenEpoch write_epoch(World& world, const RunOutput& output, const RankEpoch& mine, EpochToWrite epoch);

}  // namespace lockstep
