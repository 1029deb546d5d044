#include "data/work_audit.hpp"

#include <algorithm>
#include <bit>

#include "base/error.hpp"
#include "base/random.hpp"

namespace lockstep {

namespace {

std::size_t words_for(std::int64_t samples) { return (static_cast<std::size_t>(samples) + 63) / 64; }

bool all_equal(const AuditRow& row) {
  return std::adjacent_find(row.samples.begin(), row.samples.end(), std::not_equal_to<>()) ==
             row.samples.end() &&
         std::adjacent_find(row.digest.begin(), row.digest.end(), std::not_equal_to<>()) == row.digest.end();
}

// 41250 as "41,250".
std::string with_commas(std::int64_t number) {
  const std::string digits = std::to_string(number);
  std::string text;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) text += ',';
    text += digits[i];
  }
  return text;
}

}  // namespace

WorkAudit::WorkAudit(std::int64_t dataset_size)
    : report_{.dataset_size = dataset_size, .seen = std::vector<std::uint64_t>(words_for(dataset_size))} {}

void WorkAudit::begin_epoch() {
  std::fill(report_.seen.begin(), report_.seen.end(), 0);
  report_.samples = report_.padding = 0;
  report_.digest = 0;
}

void WorkAudit::record(std::span<const std::int64_t> ids, std::int64_t padding) {
  const auto real = static_cast<std::int64_t>(ids.size()) - padding;
  for (const std::int64_t id : ids.first(static_cast<std::size_t>(std::max<std::int64_t>(real, 0)))) {
    if (id < 0 || id >= report_.dataset_size)
      throw run_error("sample {} was trained on, but there are {}", id, report_.dataset_size);
    report_.seen[static_cast<std::size_t>(id) / 64] |= std::uint64_t{1} << (id % 64);
    report_.digest += splitmix64(static_cast<std::uint64_t>(id));
  }
  report_.samples += real;
  report_.padding += padding;
}

WorkReport sum_of_reports(const std::vector<WorkReport>& reports) {
  WorkReport sum = reports.at(0);
  for (std::size_t i = 1; i < reports.size(); ++i) {
    const WorkReport& report = reports[i];
    if (report.dataset_size != sum.dataset_size || report.seen.size() != sum.seen.size())
      throw run_error("a rank's work report is not one of {} samples", sum.dataset_size);
    for (std::size_t w = 0; w < sum.seen.size(); ++w) sum.seen[w] |= report.seen[w];
    sum.samples += report.samples;
    sum.padding += report.padding;
    sum.digest += report.digest;
  }
  return sum;
}

AuditRow merge_audits(std::int64_t dataset_size, const std::vector<WorkReport>& ranks,
                      const WorkReport* before) {
  std::vector<WorkReport> all = {WorkAudit(dataset_size).local()};
  all.insert(all.end(), ranks.begin(), ranks.end());
  if (before) all.push_back(*before);
  const WorkReport together = sum_of_reports(all);
  std::int64_t distinct = 0;
  for (const std::uint64_t word : together.seen) distinct += std::popcount(word);
  AuditRow row{.samples = {},
               .digest = {},
               .missing = dataset_size - distinct,
               .repeated = together.samples - distinct,
               .padding = 0};
  for (const WorkReport& report : ranks) {
    row.samples.push_back(report.samples);
    row.digest.push_back(report.digest);
    row.padding += report.padding;
  }
  return row;
}

std::string audit_sentence(const AuditRow& row, std::int64_t dataset_size, std::int64_t epoch,
                           std::int64_t expected) {
  const std::int64_t wanted = expected < 0 ? dataset_size : expected;
  const std::int64_t missing =
      wanted - (dataset_size - row.missing);  // negative: more than should have been covered
  if (missing == 0 && row.repeated == 0) return {};
  const auto ranks = row.samples.size();
  if (ranks > 1 && row.repeated > 0 && all_equal(row))
    return fmt::format(
        "epoch {}: each of the {} ranks trained on the same {} samples, so {} of their {} samples were "
        "repeats: the sampler did not share the data out among the ranks, and more ranks meant more work, "
        "not less time",
        epoch, ranks, with_commas(row.samples[0]), with_commas(row.repeated),
        with_commas(row.samples[0] * static_cast<std::int64_t>(ranks)));
  std::vector<std::string> faults;
  if (missing > 0) faults.push_back(fmt::format("{} were never trained on", with_commas(missing)));
  if (missing < 0)
    faults.push_back(fmt::format("{} more were trained on than should have been", with_commas(-missing)));
  if (row.repeated > 0)
    faults.push_back(
        fmt::format("{} times a sample was trained on that had been before", with_commas(row.repeated)));
  return fmt::format("epoch {}: of {} samples {}: the epoch did not cover the data set once", epoch,
                     with_commas(wanted), faults.size() == 2 ? faults[0] + ", and " + faults[1] : faults[0]);
}

}  // namespace lockstep
