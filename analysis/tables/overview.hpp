// The answer: of each workload its headline, what is behind it, what to do next, and a row a configuration, the best
// first. The page and the terminal show the same.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "analysis/advice/advice.hpp"
#include "analysis/model/analysis.hpp"
#include "analysis/model/lost.hpp"
#include "analysis/tables/page_options.hpp"
#include "analysis/tables/table.hpp"

namespace lockstep {

struct OverviewRow {
  const GroupSummary* group = nullptr;
  std::string verdict;                          // the word
  const Finding* refusal = nullptr;             // of the speedup, or of the whole group
  std::optional<Estimate> speedup, efficiency;  // of parallel groups that may claim one
  std::optional<Lost> lost;
  std::vector<std::string> sentences;  // of the verdict
  std::optional<Advice> advice;        // the first that is a gain
  std::string next;                    // what to do: the advice with its gain, or what would decide; or ""
};

struct Overview {
  const WorkloadSummary* workload = nullptr;
  std::string headline, why, next;  // sentences; why and next may be empty
  std::vector<OverviewRow> rows;    // those that pay, the fastest first; the others; what is refused
};
std::vector<Overview> overviews_of(const Analysis& analysis, const PageOptions& options);

// What the whole report answers: the one headline, or how the workloads stand.
std::string headline_of(const std::vector<Overview>& overviews, const Analysis& analysis);

// How much there is, then why and what next; of several workloads the headline of each.
std::vector<std::string> answer_sentences(const std::vector<Overview>& overviews, const Analysis& analysis);

// A row a configuration; at most `most`, but the baseline always.
Table overview_table(const Analysis& analysis, const Overview& overview, std::size_t most);

// "mlp on fashion_mnist: 222360 parameters, 2560 training rows, fp32"
std::string workload_facts(const WorkloadSummary& workload);

}  // namespace lockstep
