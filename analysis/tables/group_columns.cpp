#include "analysis/tables/group_columns.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace lockstep {

namespace {

using S = GroupSummary;
using Columns = std::vector<GroupColumn>;

// The cell of what a column gets. What is not finite is not known.
template <typename T>
Cell value_of(const T& v) {
  if constexpr (std::is_same_v<T, double>)
    return std::isfinite(v) ? Cell(v) : Cell();
  else if constexpr (std::is_same_v<T, Estimate>)
    return std::isfinite(v.value) ? Cell(v) : Cell();
  else
    return v;
}
template <typename T>
Cell value_of(const std::optional<T>& v) {
  return v ? value_of(*v) : Cell();
}

// A column of a fact that every group has. get: a member, or a function of the group.
template <typename Get>
void fact(Columns& columns, const std::string& key, const char* unit, Get get) {
  columns.push_back({{key, unit, key},
                     [get](const WorkloadSummary&, const S& s) { return value_of(std::invoke(get, s)); }});
}

// One that only a measured group has.
template <typename Get>
void measured(Columns& columns, const std::string& key, const char* unit, Get get) {
  fact(columns, key, unit,
       [get](const S& s) { return s.measured() ? value_of(std::invoke(get, s)) : Cell(); });
}

// The setting of a group's launches.
void setting(Columns& columns, const std::string& key, const char* name) {
  fact(columns, key, "", [name](const S& s) { return Cell(s.group->any().setting(name)); });
}

// get: an estimate, or what there may be of one; refused: the finding that refuses it, or null.
template <typename Get, typename Reason>
void estimated(Columns& columns, const std::string& key, const char* unit, Get get, Reason refused) {
  measured(columns, key, unit, [=](const S& s) -> Cell {
    if (const Finding* finding = refused(s)) return refused_by(*finding);
    return value_of(std::invoke(get, s));
  });
  columns.back().column.bounds = true;
}

const Finding* never(const S&) { return nullptr; }
const Finding* open_budget(const S& s) { return refusal_of(s.findings, Claim::budget); }

template <typename Get>
void of_budget(Columns& columns, const std::string& key, const char* unit, Get get) {
  measured(columns, key, unit, [get](const S& s) -> Cell {
    if (const Finding* finding = open_budget(s)) return refused_by(*finding);
    return value_of(std::invoke(get, s));
  });
}

Cell count(std::size_t n) { return static_cast<std::int64_t>(n); }
Cell unless_zero(std::int64_t value) { return value == 0 ? Cell() : Cell(value); }
Cell unless_negative(std::int64_t value) { return value < 0 ? Cell() : Cell(value); }

void add_configuration(Columns& c) {
  c.push_back({{"model", "", "model"}, [](const WorkloadSummary& w, const S&) { return w.workload->model; }});
  c.push_back({{"data", "", "data"}, [](const WorkloadSummary& w, const S&) { return w.workload->data; }});
  fact(c, "group", "", [](const S& s) { return s.group->label; });
  fact(c, "mode", "", [](const S& s) { return s.group->any().header.mode; });
  fact(c, "ranks", "1", [](const S& s) { return s.group->any().ranks; });
  fact(c, "launches", "1", [](const S& s) { return count(s.group->launches.size()); });
  fact(c, "launches_left_out", "1", [](const S& s) { return count(s.group->left_out.size()); });
  measured(c, "repetition", "", [](const S& s) { return s.group->single() ? "single" : "repeated"; });
  fact(c, "threads_per_rank", "1", [](const S& s) { return s.group->any().threads; });
  measured(c, "global_batch", "samples", [](const S& s) { return unless_zero(s.group->any().global_batch); });
  fact(c, "scaling", "", [](const S& s) { return s.group->any().weak_scaling() ? "weak" : "strong"; });
  setting(c, "precision", "training.precision");
  setting(c, "backend", "parallel.backend");
  setting(c, "device", "parallel.device");
  fact(c, "fingerprint", "", [](const S& s) { return s.group->any().fingerprint; });
  measured(c, "epochs", "1", [](const S& s) { return s.group->any().epochs; });
  measured(c, "steps", "1", [](const S& s) { return count(s.group->any().steps.size()); });
  measured(c, "rows_trained", "1", [](const S& s) { return unless_negative(s.rows_trained); });
}

void add_times(Columns& c) {
  measured(c, "warmup_steps_min", "1", &S::warmup_low);
  measured(c, "warmup_steps_max", "1", &S::warmup_high);
  measured(c, "warmup_found_by", "",
           [](const S& s) { return s.warmup_given ? "measure.warmup" : "change-point test"; });
  estimated(c, "step_seconds", "s", &S::step_seconds, never);
  measured(c, "step_seconds_p50", "s", &S::step_p50);
  measured(c, "step_seconds_p95", "s", &S::step_p95);
  measured(c, "step_seconds_p99", "s", &S::step_p99);
  estimated(
      c, "throughput", "samples/s",
      [](const S& s) { return s.throughput.value > 0 ? std::optional(s.throughput) : std::nullopt; }, never);
  measured(c, "training_seconds", "s", [](const S& s) { return s.training_seconds.median; });
  estimated(c, "training_seconds_steady", "s", &S::steady_training_seconds, never);
  measured(c, "wall_seconds", "s", [](const S& s) { return s.wall_seconds.median; });
}

void add_comparison(Columns& c, Comparison S::*against, const std::string& suffix) {
  const auto refused = [against](const S& s) { return (s.*against).refused(); };
  measured(c, "baseline" + suffix, "", [against](const S& s) {
    const LaunchGroup* base = (s.*against).baseline;
    return base ? Cell(base->label) : Cell();
  });
  for (const auto& [key, member] : {std::pair("speedup", &Comparison::speedup),
                                    {"slowdown", &Comparison::slowdown},
                                    {"efficiency", &Comparison::efficiency},
                                    {"karp_flatt", &Comparison::karp_flatt}})
    estimated(
        c, key + suffix, "1", [against, m = member](const S& s) { return s.*against.*m; }, refused);
  measured(c, "amdahl_parallel_share" + suffix, "1", [against](const S& s) {
    const Comparison& comparison = s.*against;
    for (const Claim claim : {Claim::speedup, Claim::amdahl})
      if (const Finding* finding = refusal_of(comparison.findings, claim)) return Cell(refused_by(*finding));
    return value_of(comparison.amdahl_parallel_share);
  });
}

void add_communication(Columns& c) {
  estimated(c, "compute_comm_ratio_total", "1", &S::ratio_total, open_budget);
  estimated(c, "compute_comm_ratio_transfer", "1", &S::ratio_transfer, open_budget);
  estimated(c, "compute_comm_ratio_exposed", "1", &S::ratio_exposed, open_budget);
  of_budget(c, "comm_share", "1", &S::comm_share);
  of_budget(c, "comm_exposed_share", "1", &S::exposed_share);
  of_budget(c, "overlap_ratio", "1", &S::overlap_share);
  of_budget(c, "wait_share", "1", &S::wait_share);
  measured(c, "algbw", "B/s", &S::algorithm_bandwidth);
  measured(c, "busbw", "B/s", &S::bus_bandwidth);
  measured(c, "straggler_rank", "1", [](const S& s) { return unless_negative(s.last_rank); });
  measured(c, "straggler_share", "1",
           [](const S& s) { return s.last_rank < 0 ? Cell() : Cell(s.last_share); });
  measured(c, "unmatched_collectives", "1", &S::unmatched_collectives);
}

// Of the rank that the others wait for most.
void add_lateness(Columns& c) {
  const auto late = [&c](const char* key, const char* unit, auto get) {
    measured(c, key, unit,
             [get](const S& s) { return s.parallel.late ? value_of(get(*s.parallel.late)) : Cell(); });
  };
  late("waited_for_rank", "1", [](const LateRank& l) { return count(l.lateness.rank); });
  late("waited_for_share", "1", [](const LateRank& l) { return l.lateness.share; });
  late("waited_for_kind", "", [](const LateRank& l) { return words_for(l.lateness.kind); });
  late("late_phase", "", [](const LateRank& l) { return std::string(name_of(l.phase)); });
  late("late_phase_seconds", "s", [](const LateRank& l) { return l.seconds; });
  late("late_phase_seconds_others", "s", [](const LateRank& l) { return l.others; });
}

void add_parallel_efficiency(Columns& c) {
  // member: of what there may be.
  const auto part = [&c](const char* key, const char* unit, auto whole, auto member) {
    estimated(
        c, key, unit,
        [=](const S& s) {
          const auto& known = s.parallel.*whole;
          return known ? value_of((*known).*member) : Cell();
        },
        open_budget);
  };
  part("pop_parallel_efficiency", "1", &Parallelism::pop, &PopSummary::parallel);
  part("pop_load_balance", "1", &Parallelism::pop, &PopSummary::load_balance);
  part("pop_communication_efficiency", "1", &Parallelism::pop, &PopSummary::communication);
  part("pop_serialisation_efficiency", "1", &Parallelism::pop, &PopSummary::serialisation);
  part("pop_transfer_efficiency", "1", &Parallelism::pop, &PopSummary::transfer);
  part("link_latency", "s", &Parallelism::link, &LinkSummary::latency);
  part("link_bandwidth", "B/s", &Parallelism::link, &LinkSummary::bandwidth);
  estimated(c, "mfu", "1", &S::mfu, never);
  measured(c, "energy_per_sample", "J", [](const S& s) { return s.energy_per_sample.median; });
}

void add_budget(Columns& c) {
  of_budget(c, "budget_wall", "s", [](const S& s) { return s.steps.point[Quantity::wall]; });
  for (std::size_t part = 0; part < kBudgetParts; ++part)
    of_budget(c, std::string("budget_") + kBudgetColumns[part].name, "s",
              [part](const S& s) { return s.steps.point.values[part]; });
  measured(c, "other_share", "1",
           [](const S& s) { return s.steps.point[Quantity::other] / s.steps.point[Quantity::wall]; });
}

void add_learning(Columns& c) {
  measured(c, "metric", "", [](const S& s) { return s.group->any().metric; });
  for (const auto& [key, member] :
       {std::pair("test_metric", &S::test_metric), {"validation_metric", &S::validation_metric}})
    for (const auto& [suffix, end] :
         {std::pair("", &Range::median), {"_min", &Range::low}, {"_max", &Range::high}})
      measured(c, std::string(key) + suffix, "1", [m = member, e = end](const S& s) { return s.*m.*e; });
}

}  // namespace

const std::vector<GroupColumn>& group_columns() {
  static const Columns columns = [] {
    Columns c;
    add_configuration(c);
    add_times(c);
    add_comparison(c, &S::against_seq, "");
    add_comparison(c, &S::against_one, "_one_rank");
    add_communication(c);
    add_lateness(c);
    add_parallel_efficiency(c);
    add_budget(c);
    add_learning(c);
    return c;
  }();
  return columns;
}

GroupColumn metric(const std::string& key, std::string header, double factor, Style style) {
  const auto& all = group_columns();
  const auto found =
      std::find_if(all.begin(), all.end(), [&](const GroupColumn& c) { return c.column.key == key; });
  if (found == all.end()) throw std::logic_error("no metric is called " + key);
  GroupColumn chosen = *found;
  chosen.column = {key, found->column.unit, std::move(header), factor, true, style, key};
  return chosen;
}

GroupColumn metric_as(std::string new_key, GroupColumn column) {
  column.column.key = std::move(new_key);
  return column;
}

Table groups_table(const Analysis& analysis) {
  Table table{.key = "groups", .heading = "All numbers", .columns = {}, .complete = true};
  for (const GroupColumn& c : group_columns()) table.columns.push_back(c.column);
  for (const WorkloadSummary& workload : analysis.summaries) {
    for (const GroupSummary& group : workload.groups) {
      std::vector<Cell>& row = table.rows.emplace_back();
      for (const GroupColumn& c : group_columns()) row.push_back(c.get(workload, group));
    }
  }
  return table;
}

}  // namespace lockstep
