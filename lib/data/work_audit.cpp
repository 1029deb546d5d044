#include "data/work_audit.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/error.hpp"
#include "base/random.hpp"

namespace lockstep {

namespace {

std::size_t words_for(std::int64_t samples) { return (static_cast<std::size_t>(samples) + 63) / 64; }

// What local() puts in front of the bits and the repeated ids.
struct ReportHead {
  std::int64_t dataset_size, samples, padding, again;
  std::uint64_t digest;
};

template <typename T>
void append(std::string& out, const T* values, std::size_t count) {
  out.append(reinterpret_cast<const char*>(values), count * sizeof(T));
}

ReportHead read_head(const std::string& report, std::int64_t dataset_size) {
  ReportHead head{};
  if (report.size() >= sizeof head) std::memcpy(&head, report.data(), sizeof head);
  if (head.dataset_size != dataset_size || head.again < 0 ||
      report.size() != sizeof head + (words_for(dataset_size) + static_cast<std::size_t>(head.again)) * 8)
    throw run_error("a rank's work report is not one of {} samples", dataset_size);
  return head;
}

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
    : dataset_size_(dataset_size), seen_(words_for(dataset_size)) {}

void WorkAudit::begin_epoch() {
  std::fill(seen_.begin(), seen_.end(), 0);
  again_.clear();
  samples_ = padding_ = 0;
  digest_ = 0;
}

void WorkAudit::record(std::span<const std::int64_t> ids, std::int64_t padding) {
  const auto real = static_cast<std::int64_t>(ids.size()) - padding;
  for (const std::int64_t id : ids.first(static_cast<std::size_t>(std::max<std::int64_t>(real, 0)))) {
    if (id < 0 || id >= dataset_size_)
      throw run_error("sample {} was trained on, but there are {}", id, dataset_size_);
    std::uint64_t& word = seen_[static_cast<std::size_t>(id) / 64];
    const std::uint64_t bit = std::uint64_t{1} << (id % 64);
    if ((word & bit) != 0) again_.push_back(id);
    word |= bit;
    digest_ += splitmix64(static_cast<std::uint64_t>(id));
  }
  samples_ += real;
  padding_ += padding;
}

std::string WorkAudit::local() const {
  const ReportHead head{dataset_size_, samples_, padding_, static_cast<std::int64_t>(again_.size()), digest_};
  std::string report;
  append(report, &head, 1);
  append(report, seen_.data(), seen_.size());
  append(report, again_.data(), again_.size());
  return report;
}

AuditRow merge_audits(std::int64_t dataset_size, const std::vector<std::string>& locals) {
  AuditRow row;
  std::vector<std::uint64_t> seen(words_for(dataset_size));
  std::int64_t total = 0, distinct = 0;
  for (const std::string& report : locals) {
    const ReportHead head = read_head(report, dataset_size);
    for (std::size_t i = 0; i < seen.size(); ++i) {
      std::uint64_t bits = 0;
      std::memcpy(&bits, report.data() + sizeof head + i * 8, 8);
      seen[i] |= bits;
    }
    row.samples.push_back(head.samples);
    row.digest.push_back(head.digest);
    row.padding += head.padding;
    total += head.samples;
  }
  for (const std::uint64_t word : seen) distinct += std::popcount(word);
  row.missing = dataset_size - distinct;
  row.repeated = total - distinct;
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
