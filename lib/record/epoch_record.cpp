#include "record/epoch_record.hpp"

#include <fmt/format.h>

#include <limits>
#include <map>
#include <numeric>
#include <utility>

#include "base/digest.hpp"

namespace lockstep {

namespace {

double mean_training_loss(const StepTable& steps) {
  double sum = 0, terms = 0;
  for (std::size_t i = 0; i < steps.loss.values.size(); ++i) {
    const std::int32_t weight = steps.loss_terms.values[i];
    if (weight == 0) continue;
    sum += static_cast<double>(steps.loss.values[i]) * weight;
    terms += weight;
  }
  return sum / terms;
}

double sum_of(const Matrix<double>& matrix) {
  return std::accumulate(matrix.values.begin(), matrix.values.end(), 0.0);
}

}  // namespace

std::uint64_t tensors_digest(const std::vector<torch::Tensor>& tensors) {
  Digest digest;
  for (const torch::Tensor& tensor : tensors) {
    const torch::Tensor host = tensor.detach().cpu().contiguous();
    digest.add(host.data_ptr(), host.nbytes());
  }
  return digest.value();
}

std::string replicas_sentence(World& world, int replicas, std::uint64_t digest, std::int64_t epoch) {
  const auto digests = world.all_gather(std::pair(replicas, digest));
  std::map<int, std::size_t> first;  // rank of each number
  for (std::size_t rank = 0; rank < digests.size(); ++rank) {
    const std::size_t other = first.try_emplace(digests[rank].first, rank).first->second;
    if (digests[rank] != digests[other])
      return fmt::format(
          "epoch {}: replicas diverged: the parameters of rank {} differ from those of rank {}", epoch, rank,
          other);
  }
  return {};
}

AuditedEpoch audit_epoch(World& world, const WorkReport& mine, std::int64_t epoch, std::int64_t expected,
                         const WorkReport* before) {
  const std::int64_t rows = mine.dataset_size;
  AuditedEpoch audited{merge_audits(rows, world.all_gather(mine), before), {}};
  audited.sentence = audit_sentence(audited.row, rows, epoch, expected);
  audited.row.missing -= rows - expected;
  return audited;
}

WrittenEpoch write_epoch(World& world, const RunOutput& output, const RankEpoch& mine, EpochToWrite epoch) {
  EpochTables tables = exchange_epoch(world, mine, static_cast<std::int32_t>(epoch.number));
  if (!output.exists()) return {};
  StepTable& steps = tables.steps;
  WrittenEpoch written{std::move(epoch.row)};
  written.row.train_loss =
      epoch.steps_have_loss ? mean_training_loss(steps) : std::numeric_limits<double>::quiet_NaN();
  written.row.train_seconds =
      steps.start.at(0, steps.steps() - 1) + steps.wall.at(0, steps.steps() - 1) - steps.start.at(0, 0);
  written.samples = std::accumulate(steps.samples.values.begin(), steps.samples.values.end(), 0.0);
  written.comm_share = sum_of(steps.comm_exposed) / sum_of(steps.wall);
  if (!epoch.steps_have_loss) steps.loss = {};
  output.writer->append_epoch(steps, tables.comm, tables.stages, written.row, epoch.audit);
  return written;
}

}  // namespace lockstep
