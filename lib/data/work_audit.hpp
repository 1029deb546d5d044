// The work audit: which samples each rank trained on in an epoch, and whether together they are the data set,
// each sample once. Ranks record on their own; whoever gathers their reports (rank 0) judges.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "results/run_data.hpp"

namespace lockstep {

class WorkAudit {
 public:
  explicit WorkAudit(std::int64_t dataset_size);
  void begin_epoch();  // forgets the epoch before
  // One micro batch; the last `padding` ids do not count. Allocates only when a sample comes twice. Error
  // when an id is out of range.
  void record(std::span<const std::int64_t> ids, std::int64_t padding);
  // This rank's report: dataset_size / 8 bytes and a little.
  std::string local() const;

 private:
  std::int64_t dataset_size_;
  std::vector<std::uint64_t> seen_;  // a bit a sample
  std::vector<std::int64_t> again_;  // every further time that a sample came
  std::int64_t samples_ = 0, padding_ = 0;
  std::uint64_t digest_ = 0;  // sum of splitmix64(id): the same for any order
};

// The row of one epoch from the reports of all ranks, in order of rank. repeated counts every time beyond the
// first that a sample was trained on, by whichever rank. Error when a report is not one of `dataset_size`
// samples.
AuditRow merge_audits(std::int64_t dataset_size, const std::vector<std::string>& locals);

// Empty when the epoch is as it should be, else one sentence that says what went wrong. expected: samples
// that the epoch should have covered, where it was cut short or resumed; -1: all.
std::string audit_sentence(const AuditRow& row, std::int64_t dataset_size, std::int64_t epoch,
                           std::int64_t expected = -1);

}  // namespace lockstep
