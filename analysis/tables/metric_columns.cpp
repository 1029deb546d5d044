#include "analysis/tables/metric_columns.hpp"

#include <cmath>

#include "analysis/checks/rules.hpp"

namespace lockstep {

namespace {

using S = GroupSummary;
using Columns = std::vector<MetricColumn>;

MetricValue value_of(double v) { return std::isfinite(v) ? MetricValue(v) : MetricValue(); }
MetricValue value_of(const std::optional<double>& v) { return v ? value_of(*v) : MetricValue(); }

// A column of a fact that every group has.
template <typename Get>
void fact(Columns& columns, const char* name, const char* unit, Get get) {
  columns.push_back({name, unit, [get](const WorkloadSummary&, const S& s) { return MetricValue(get(s)); }});
}

// A column that only a measured group has.
template <typename Get>
void measured(Columns& columns, const std::string& name, const char* unit, Get get) {
  columns.push_back({name, unit, [get](const WorkloadSummary&, const S& s) {
                       return s.measured() ? MetricValue(get(s)) : MetricValue();
                     }});
}

// The value and the bounds of its interval. get: optional Estimate; refused: code, or nothing.
template <typename Get, typename Reason>
void estimated(Columns& columns, const std::string& name, const char* unit, Get get, Reason refused) {
  measured(columns, name, unit, [=](const S& s) -> MetricValue {
    if (const Finding* finding = refused(s)) return Refused{finding->rule->code};
    const std::optional<Estimate> estimate = get(s);
    return estimate ? value_of(estimate->value) : MetricValue();
  });
  for (const bool high : {false, true}) {
    measured(columns, name + (high ? "_high" : "_low"), unit, [=](const S& s) -> MetricValue {
      const std::optional<Estimate> estimate = refused(s) ? std::nullopt : get(s);
      if (!estimate || !estimate->interval) return {};
      return value_of(high ? estimate->interval->high : estimate->interval->low);
    });
  }
}

const Finding* never(const S&) { return nullptr; }
const Finding* open_budget(const S& s) { return refusal_of(s.findings, Claim::budget); }

template <typename Get>
void of_budget(Columns& columns, const std::string& name, const char* unit, Get get) {
  measured(columns, name, unit, [get](const S& s) -> MetricValue {
    if (const Finding* finding = open_budget(s)) return Refused{finding->rule->code};
    return value_of(get(s));
  });
}

void add_configuration(Columns& c) {
  c.push_back(
      {"model", "", [](const WorkloadSummary& w, const S&) { return MetricValue(w.workload->model); }});
  c.push_back({"data", "", [](const WorkloadSummary& w, const S&) { return MetricValue(w.workload->data); }});
  fact(c, "group", "", [](const S& s) { return s.group->label; });
  fact(c, "mode", "", [](const S& s) { return s.group->any().header.mode; });
  fact(c, "ranks", "1", [](const S& s) { return s.group->any().ranks; });
  fact(c, "launches", "1", [](const S& s) { return std::int64_t{std::ssize(s.group->launches)}; });
  fact(c, "launches_left_out", "1", [](const S& s) { return std::int64_t{std::ssize(s.group->left_out)}; });
  fact(c, "repetition", "", [](const S& s) -> MetricValue {
    if (!s.measured()) return {};
    return std::string(s.group->single() ? "single" : "repeated");
  });
  fact(c, "threads_per_rank", "1", [](const S& s) { return s.group->any().threads; });
  measured(c, "global_batch", "samples", [](const S& s) { return s.group->any().global_batch; });
  fact(c, "scaling", "",
       [](const S& s) { return std::string(s.group->any().weak_scaling() ? "weak" : "strong"); });
  fact(c, "precision", "", [](const S& s) { return s.group->any().setting("training.precision"); });
  fact(c, "backend", "", [](const S& s) { return s.group->any().setting("parallel.backend"); });
  fact(c, "device", "", [](const S& s) { return s.group->any().setting("parallel.device"); });
  fact(c, "fingerprint", "", [](const S& s) { return s.group->any().fingerprint; });
  measured(c, "epochs", "1", [](const S& s) { return s.group->any().epochs; });
  measured(c, "steps", "1", [](const S& s) { return std::int64_t{std::ssize(s.group->any().steps)}; });
  measured(c, "rows_trained", "1", [](const S& s) -> MetricValue {
    if (s.rows_trained < 0) return {};
    return s.rows_trained;
  });
}

void add_times(Columns& c) {
  measured(c, "warmup_steps_min", "1", [](const S& s) { return s.warmup_low; });
  measured(c, "warmup_steps_max", "1", [](const S& s) { return s.warmup_high; });
  measured(c, "warmup_found_by", "",
           [](const S& s) { return std::string(s.warmup_given ? "measure.warmup" : "change-point test"); });
  estimated(
      c, "step_seconds", "s", [](const S& s) { return std::optional(s.step_seconds); }, never);
  measured(c, "step_seconds_p50", "s", [](const S& s) { return value_of(s.step_p50); });
  measured(c, "step_seconds_p95", "s", [](const S& s) { return value_of(s.step_p95); });
  measured(c, "step_seconds_p99", "s", [](const S& s) { return value_of(s.step_p99); });
  estimated(
      c, "throughput", "samples/s", [](const S& s) { return std::optional(s.throughput); }, never);
  measured(c, "training_seconds", "s", [](const S& s) { return value_of(s.training_seconds.median); });
  estimated(
      c, "training_seconds_steady", "s", [](const S& s) { return std::optional(s.steady_training_seconds); },
      never);
  measured(c, "wall_seconds", "s", [](const S& s) { return value_of(s.wall_seconds.median); });
}

void add_comparison(Columns& c, Comparison S::*member, const std::string& suffix) {
  const auto refused = [member](const S& s) { return (s.*member).refused(); };
  measured(c, "baseline" + suffix, "", [member](const S& s) -> MetricValue {
    const LaunchGroup* base = (s.*member).baseline;
    if (!base) return {};
    return base->label;
  });
  estimated(
      c, "speedup" + suffix, "1", [member](const S& s) { return (s.*member).speedup; }, refused);
  estimated(
      c, "efficiency" + suffix, "1", [member](const S& s) { return (s.*member).efficiency; }, refused);
  estimated(
      c, "karp_flatt" + suffix, "1", [member](const S& s) { return (s.*member).karp_flatt; }, refused);
  measured(c, "amdahl_parallel_share" + suffix, "1", [member](const S& s) -> MetricValue {
    const Comparison& comparison = s.*member;
    for (const Claim claim : {Claim::speedup, Claim::amdahl})
      if (const Finding* finding = refusal_of(comparison.findings, claim))
        return Refused{finding->rule->code};
    return value_of(comparison.amdahl_parallel_share);
  });
}

void add_communication(Columns& c) {
  estimated(
      c, "compute_comm_ratio_total", "1", [](const S& s) { return s.ratio_total; }, open_budget);
  estimated(
      c, "compute_comm_ratio_transfer", "1", [](const S& s) { return s.ratio_transfer; }, open_budget);
  estimated(
      c, "compute_comm_ratio_exposed", "1", [](const S& s) { return s.ratio_exposed; }, open_budget);
  of_budget(c, "comm_share", "1", [](const S& s) { return s.comm_share; });
  of_budget(c, "comm_exposed_share", "1", [](const S& s) { return s.exposed_share; });
  of_budget(c, "overlap_ratio", "1", [](const S& s) { return s.overlap_share; });
  of_budget(c, "wait_share", "1", [](const S& s) { return s.wait_share; });
  measured(c, "algbw", "B/s", [](const S& s) { return value_of(s.algorithm_bandwidth); });
  measured(c, "busbw", "B/s", [](const S& s) { return value_of(s.bus_bandwidth); });
  measured(c, "straggler_rank", "1", [](const S& s) -> MetricValue {
    if (s.last_rank < 0) return {};
    return s.last_rank;
  });
  measured(c, "straggler_share", "1", [](const S& s) -> MetricValue {
    if (s.last_rank < 0) return {};
    return s.last_share;
  });
  measured(c, "unmatched_collectives", "1", [](const S& s) { return s.unmatched_collectives; });
}

// Of the rank that the others wait for most.
template <typename Get>
void of_late_rank(Columns& columns, const char* name, const char* unit, Get get) {
  measured(columns, name, unit, [get](const S& s) -> MetricValue {
    if (!s.parallel.late) return {};
    return get(*s.parallel.late);
  });
}

void add_lateness(Columns& c) {
  of_late_rank(c, "waited_for_rank", "1",
               [](const LateRank& l) { return static_cast<std::int64_t>(l.lateness.rank); });
  of_late_rank(c, "waited_for_share", "1", [](const LateRank& l) { return value_of(l.lateness.share); });
  of_late_rank(c, "waited_for_kind", "",
               [](const LateRank& l) { return std::string(words_for(l.lateness.kind)); });
  of_late_rank(c, "late_phase", "", [](const LateRank& l) { return l.phase; });
  of_late_rank(c, "late_phase_seconds", "s", [](const LateRank& l) { return value_of(l.seconds); });
  of_late_rank(c, "late_phase_seconds_others", "s", [](const LateRank& l) { return value_of(l.others); });
}

void add_parallel_efficiency(Columns& c) {
  const auto pop = [&](const char* name, auto get) {
    estimated(
        c, name, "1", [get](const S& s) { return s.parallel.pop ? get(*s.parallel.pop) : std::nullopt; },
        open_budget);
  };
  pop("pop_parallel_efficiency", [](const PopSummary& p) { return std::optional(p.parallel); });
  pop("pop_load_balance", [](const PopSummary& p) { return std::optional(p.load_balance); });
  pop("pop_communication_efficiency", [](const PopSummary& p) { return std::optional(p.communication); });
  pop("pop_serialisation_efficiency", [](const PopSummary& p) { return p.serialisation; });
  pop("pop_transfer_efficiency", [](const PopSummary& p) { return p.transfer; });
  const auto link = [&](const char* name, const char* unit, Estimate LinkSummary::*member) {
    estimated(
        c, name, unit,
        [member](const S& s) {
          return s.parallel.link ? std::optional((*s.parallel.link).*member) : std::nullopt;
        },
        open_budget);
  };
  link("link_latency", "s", &LinkSummary::latency);
  link("link_bandwidth", "B/s", &LinkSummary::bandwidth);
  estimated(
      c, "mfu", "1", [](const S& s) { return s.mfu; }, never);
  measured(c, "energy_per_sample", "J", [](const S& s) { return value_of(s.energy_per_sample.median); });
}

void add_budget(Columns& c) {
  of_budget(c, "budget_wall", "s", [](const S& s) { return s.budget[Quantity::wall]; });
  for (std::size_t part = 0; part < kBudgetParts; ++part)
    of_budget(c, std::string("budget_") + kQuantityNames[part], "s",
              [part](const S& s) { return s.budget.values[part]; });
  measured(c, "other_share", "1",
           [](const S& s) { return value_of(s.budget[Quantity::other] / s.budget[Quantity::wall]); });
}

void add_learning(Columns& c) {
  measured(c, "metric", "", [](const S& s) { return s.group->any().metric; });
  for (const auto& [name, member] :
       {std::pair("test_metric", &S::test_metric), std::pair("validation_metric", &S::validation_metric)}) {
    measured(c, name, "1", [m = member](const S& s) { return value_of((s.*m).median); });
    measured(c, std::string(name) + "_min", "1", [m = member](const S& s) { return value_of((s.*m).low); });
    measured(c, std::string(name) + "_max", "1", [m = member](const S& s) { return value_of((s.*m).high); });
  }
}

}  // namespace

const std::vector<MetricColumn>& metric_columns() {
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

}  // namespace lockstep
