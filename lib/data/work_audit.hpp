// The work audit: which samples each rank trained on in an epoch, and whether together they are the data set,
// each sample once. Ranks record on their own; whoever gathers their reports (rank 0) judges.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include "results/run_data.hpp"

namespace lockstep {

// What one rank did in an epoch: dataset_size / 8 bytes and a little.
struct WorkReport {
  std::int64_t dataset_size = 0, samples = 0, padding = 0;
  std::uint64_t digest = 0;         // sum of splitmix64(id): the same for any order
  std::vector<std::uint64_t> seen;  // a bit a sample
  bool operator==(const WorkReport&) const = default;
  static auto fields(auto& report) {
    auto& [size, samples, padding, digest, seen] = report;
    return std::tie(size, samples, padding, digest, seen);
  }
};

class WorkAudit {
 public:
  explicit WorkAudit(std::int64_t dataset_size);
  void begin_epoch();  // forgets the epoch before
  // One micro batch; the last `padding` ids do not count. Allocates nothing. Error when an id is out of
  // range.
  void record(std::span<const std::int64_t> ids, std::int64_t padding);
  const WorkReport& local() const { return report_; }

 private:
  WorkReport report_;
};

// The row of one epoch from the reports of all ranks, in order of rank. repeated counts every time beyond the
// first that a sample was trained on, by whichever rank. before: what an earlier run did of the epoch: it
// counts in missing and repeated, samples and padding are the ranks' own. Error when a report is not one of
// `dataset_size` samples.
AuditRow merge_audits(std::int64_t dataset_size, const std::vector<WorkReport>& ranks,
                      const WorkReport* before = nullptr);

// What they all did together. Errors as above; at least one report.
WorkReport sum_of_reports(const std::vector<WorkReport>& reports);

// Empty when the epoch is as it should be, else one sentence that says what went wrong. expected: samples
// that the epoch should have covered, where it was cut short or resumed; -1: all.
std::string audit_sentence(const AuditRow& row, std::int64_t dataset_size, std::int64_t epoch,
                           std::int64_t expected = -1);

}  // namespace lockstep
