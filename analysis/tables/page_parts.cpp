#include "analysis/tables/page_parts.hpp"

#include <fmt/format.h>

namespace lockstep {

std::string subject(const Analysis& analysis, const WorkloadSummary& workload, const std::string& label) {
  if (analysis.summaries.size() < 2) return label;
  return fmt::format("{} on {}: {}", workload.workload->model, workload.workload->data, label);
}

void choose_link(Predictor& predictor, const Analysis& analysis, const PageOptions& options) {
  if (options.link) return predictor.set_link(*options.link);
  const LinkBench* bench = bench_of(predictor.source().group->any(), analysis.runs.benches);
  if (!bench) return;
  predictor.set_link(bench->all_reduce->latency, bench->all_reduce->bandwidth,
                     fmt::format("as the all-reduces of commbench show ({}, {} ranks, {})", bench->backend,
                                 bench->ranks, bench->path));
}

std::optional<NoCells> refused(const GroupSummary& group, Claim claim) {
  const Finding* finding = refusal_of(group.findings, claim);
  return finding ? std::optional(no_cells(*finding)) : std::nullopt;
}

std::string size_of(const Analysis& analysis) {
  std::size_t groups = 0;
  for (const Workload& workload : analysis.workloads) groups += workload.groups.size();
  return fmt::format("{} runs of {} configurations", analysis.runs.launches.size(), groups);
}

}  // namespace lockstep
