#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "analysis/checks/rules.hpp"
#include "analysis/metrics/speedup.hpp"
#include "analysis/model/predictor.hpp"
#include "analysis/quantities/numbers.hpp"
#include "analysis/tables/group_table.hpp"
#include "analysis/tables/pages.hpp"

namespace lockstep {

namespace {

using Q = Quantity;

Limit opposite(Limit limit) {
  if (limit == Limit::none) return limit;
  return limit == Limit::at_least ? Limit::at_most : Limit::at_least;
}

std::string name_of(Limit limit) {
  if (limit == Limit::none) return "an estimate";
  return limit == Limit::at_least ? "a lower bound" : "an upper bound";
}

// Predictions for one configuration.
class Forecast {
 public:
  Forecast(const Analysis& analysis, const WorkloadSummary& workload, const Predictor& predictor)
      : workload_(workload), predictor_(predictor), checks_(predictor.checks()) {
    const GroupSummary& source = predictor.source();
    weak_ = source.group->any().weak_scaling();
    name_ = subject(analysis, workload, source.group->label);
    const Comparison& c = analysis.comparison(source);
    base_ = c.baseline                       ? (c.refused() ? nullptr : summary_of(workload, c.baseline))
            : source.group->any().ranks == 1 ? &source
                                             : nullptr;
  }

  double samples(std::int64_t ranks) const {
    const double here = predictor_.samples_per_rank();
    return weak_ ? here
                 : here * static_cast<double>(predictor_.source().group->any().ranks) /
                       static_cast<double>(ranks);
  }

  // Why nothing can be told of so many ranks; "": it can.
  std::string why_not(std::int64_t ranks) const {
    if (samples(ranks) < 1) return "the global batch has fewer samples than there are ranks";
    if (!predictor_.allows(ranks)) return "a grid's ranks are a multiple of its stages";
    if (ranks < 2) return "";
    if (lacks_link())
      return "the link is unknown: give it with --link, for example 200Gb:2us, or measure it with commbench";
    if (!predictor_.knows_growth() && ranks != source_launch().ranks)
      return "how a server's messages add up over ranks is seen where two numbers of ranks are measured";
    return worst_miss() > Predictor::kTrusted ? miss_sentence() : "";
  }

  std::vector<Cell> row(std::int64_t ranks) const {
    std::vector<Cell> row = {name_, ranks, samples(ranks)};
    if (std::string why = why_not(ranks); !why.empty())
      return row.push_back(Refused{"", std::move(why)}), row;
    const Limit limit = predictor_.limit_of_step(ranks);
    add_times(row, ranks, limit);
    add_speedup(row, ranks, opposite(limit));
    row.push_back(measured(ranks));
    row.emplace_back(name_of(limit));
    return row;
  }

  // How well the model tells what it was made from, and what else was measured of the same mode.
  std::vector<std::string> checks() const {
    std::vector<std::string> lines;
    if (lacks_link()) return lines;  // half a model
    for (const Predictor::Check& check : checks_)
      lines.push_back(
          fmt::format("{}: the model built from it gives {} ms a step for {}; measured: {} ms ({:+.1f} %).",
                      name_, milliseconds(check.told),
                      check.group == &predictor_.source() ? "the same group" : check.group->group->label,
                      milliseconds(check.seen), 100 * check.miss()));
    return lines;
  }

  // Where a number is a bound, or far from any that was measured.
  std::vector<std::string> warnings(const std::vector<std::int64_t>& asked) const {
    std::vector<std::string> lines;
    if (tells(Limit::at_least, asked))
      lines.push_back(fmt::format(
          "{}: what more ranks on its node would take from each other (memory bandwidth, caches, clock) was "
          "not measured, so their steps are lower bounds and their speedups upper bounds.{}",
          name_, predictor_.needs_link() ? " For ranks on other nodes, give the link with --link." : ""));
    if (tells(Limit::at_most, asked))
      lines.push_back(name_ +
                      ": fewer ranks on its node take less from each other than those that were measured, so "
                      "their steps are upper bounds and their speedups lower bounds.");
    const std::int64_t here = predictor_.source().group->any().ranks,
                       most = *std::max_element(asked.begin(), asked.end());
    if (most > kFar * here)
      lines.push_back(
          fmt::format("{}: {} ranks are {} times as many as were measured; the intervals do not cover other "
                      "links, shared switches and other algorithms.",
                      name_, most, number(static_cast<double>(most) / static_cast<double>(here))));
    if (source_launch().has("oversubscribed"))
      lines.push_back(
          name_ +
          ": it was measured with more threads than cores; the model does not cover that ranks slow each "
          "other down.");
    if (const std::int64_t cores = shared_cores(); cores > 0 && most * source_launch().threads > cores &&
                                                   predictor_.limit_of_step(most) == Limit::at_least)
      lines.push_back(fmt::format(
          "{}: its ranks share {} cores; more ranks on the same cores would also wait for the processor, which "
          "the model does not cover.",
          name_, cores));
    if (predictor_.needs_link() && predictor_.has_link() && predictor_.link().latency <= 0)
      lines.push_back(name_ +
                      ": the fit could not tell the latency from 0, but no latency is 0; it counts 2 (p-1) "
                      "times, so the more ranks, the more these steps are too short. Measure it with "
                      "commbench.");
    return lines;
  }

  // Those that every rank may run on, where all ranks are on one node, compute on CPUs and have a core for each
  // thread; else 0: ranks that are bound to cores of their own, as an unknown number of cores.
  std::int64_t shared_cores() const {
    const Launch& launch = source_launch();
    const bool shared = launch.nodes == 1 && launch.setting("parallel.device") == "cpu" &&
                        launch.cores >= launch.ranks * launch.threads;
    return shared ? launch.cores : 0;
  }

  std::vector<std::string> assumptions(const std::vector<std::int64_t>& asked) const {
    std::vector<std::string> lines = checks();
    lines.push_back(name_ + ": " + kind_sentence());
    const bool ring = predictor_.model().kind == StepKind::ring;
    if (predictor_.has_link() && predictor_.needs_link())
      lines.push_back(fmt::format("{}: link of {} GB/s and {} us, {}; ring {}, one bucket after another.",
                                  name_, number(predictor_.link().bandwidth / 1e9),
                                  number(predictor_.link().latency * 1e6), predictor_.link_from(),
                                  predictor_.model().scatters ? "reduce-scatter" : "all-reduce"));
    lines.push_back(
        predictor_.knows_fixed_compute()
            ? name_ + ": passes take a + b x samples, fitted to the batches per rank that were measured."
            : name_ +
                  ": passes take time in proportion to the samples of a rank (no other batch was measured "
                  "with as many ranks per node).");
    lines.push_back(
        name_ + (tells(Limit::at_least, asked)
                     ? ": the bounds are for ranks that take nothing more from each other."
                     : ": more ranks have their own cores and memory, with as many ranks per node as now."));
    if (!ring) return lines;
    if (!predictor_.knows_buckets())
      lines.push_back(
          name_ +
          ": no buckets were recorded: assumed are sizes of parallel.bucket_mb, ready evenly during the "
          "backward pass.");
    lines.push_back(predictor_.source().group->any().ranks > 1
                        ? name_ + ": the work of the ranks varies as measured, independently."
                        : name_ +
                              ": the work of the ranks varies as that of the one rank does from step to "
                              "step.");
    return lines;
  }

 private:
  using Told = std::function<double(const StepCost&, const Quantities& base)>;

  Estimate told(std::int64_t ranks, Limit limit, const Told& metric) const {
    const auto of_model = [&](const StepModel& m, const Link& link, const Quantities& base) {
      const bool least = predictor_.limit_of_step(ranks) == Limit::at_least;
      return metric(cost_of_step(least ? predictor_.least(m) : m, link, ranks, samples(ranks)), base);
    };
    return predictor_.bound(
        within(predictor_.estimate(of_model, base_), 0, std::numeric_limits<double>::infinity()), limit);
  }

  // The parts of a step that is a bound are none: longer passes hide more of the transfers.
  void add_times(std::vector<Cell>& row, std::int64_t ranks, Limit limit) const {
    row.emplace_back(told(ranks, limit, [](const StepCost& c, const Quantities&) { return c.seconds; }));
    if (limit != Limit::none) return (void)row.insert(row.end(), 2, Cell());
    row.emplace_back(told(ranks, limit, [](const StepCost& c, const Quantities&) { return c.exposed; }));
    row.emplace_back(told(ranks, limit, [](const StepCost& c, const Quantities&) { return c.waiting; }));
  }

  void add_speedup(std::vector<Cell>& row, std::int64_t ranks, Limit limit) const {
    if (!base_) return (void)row.insert(row.end(), 2, Cell());
    const double scale = weak_ ? static_cast<double>(ranks) : 1;
    const auto s = [=](const StepCost& c, const Quantities& base) {
      return scale * speedup(base[Q::wall], c.seconds);
    };
    row.emplace_back(told(ranks, limit, s));
    row.emplace_back(told(ranks, limit, [=](const StepCost& c, const Quantities& base) {
      return efficiency(s(c, base), ranks);
    }));
  }

  // Whether one of the numbers is such a bound, and not refused.
  bool tells(Limit limit, const std::vector<std::int64_t>& asked) const {
    return std::any_of(asked.begin(), asked.end(), [&](std::int64_t ranks) {
      return predictor_.limit_of_step(ranks) == limit && why_not(ranks).empty();
    });
  }

  static constexpr std::int64_t kFar = 8;  // times the ranks that were measured

  const Launch& source_launch() const { return predictor_.source().group->any(); }
  bool lacks_link() const { return predictor_.needs_link() && !predictor_.has_link(); }
  double worst_miss() const { return std::abs(checks_.front().miss()); }

  std::string miss_sentence() const {
    const Predictor::Check& worst = checks_.front();
    return fmt::format("the model misses {} by {:.2f} %, more than {:g} %: {} ms predicted, {} ms measured",
                       worst.group->group->label, 100 * std::abs(worst.miss()), 100 * Predictor::kTrusted,
                       milliseconds(worst.told), milliseconds(worst.seen));
  }

  std::string kind_sentence() const {
    const StepModel m = predictor_.model();
    switch (m.kind) {
      case StepKind::ring:
        return fmt::format("data parallel: every rank has the model, gradients are {} in a ring.",
                           m.scatters ? "reduce-scattered" : "all-reduced");
      case StepKind::server:
        return fmt::format(
            "parameter server: its messages take {} ms a step, and {} ms more for each other rank; its "
            "optimizer runs while the others wait. --link has no effect here.",
            milliseconds(m.fixed_messages), milliseconds(m.each_message));
      case StepKind::pipeline:
        return fmt::format(
            "pipeline: more ranks mean more stages, the slowest {} times the mean as now; {} "
            "micro-batches; {} ms for each message that fills or drains it. 'waiting' is the bubble.",
            number(m.pipeline.longest), m.pipeline.micro_batches, milliseconds(m.each_message));
      case StepKind::grid:
        break;
    }
    return fmt::format(
        "grid: {} stages as now; more ranks mean more replicas, whose gradients are all-reduced in a ring "
        "after the pipeline. 'waiting' is the bubble.",
        m.pipeline.stages);
  }

  // The step of a group of the same kind on so many ranks, where there is one.
  Cell measured(std::int64_t ranks) const {
    for (const GroupSummary& group : workload_.groups)
      if (group.measured() && group.group->any().ranks == ranks &&
          group.group->any().header.mode == predictor_.source().group->any().header.mode)
        return group.step_seconds;
    return {};
  }

  const WorkloadSummary& workload_;
  const Predictor& predictor_;
  std::vector<Predictor::Check> checks_;  // the worst first
  const GroupSummary* base_ = nullptr;
  bool weak_ = false;
  std::string name_;
};

Table empty_table() {
  return {"predictions",
          "Predicted steps",
          {{"group", "", ""},
           {"ranks", "1", "ranks"},
           {"samples_per_rank", "samples", "batch/rank"},
           {"step_seconds", "s", "ms/step", 1000},
           {"comm_exposed", "s", "exposed ms", 1000},
           {"waiting", "s", "waiting ms", 1000},
           {"speedup", "1", "speedup"},
           {"efficiency", "1", "effic. %", 100},
           {"measured_step_seconds", "s", "measured ms", 1000},
           {"step_is", "", "", 1, false}},
          {}};
}

}  // namespace

namespace {

// Groups on several ranks that no model is made from, and why.
void add_left_out(Page& page, const Analysis& analysis, const WorkloadSummary& workload) {
  for (const GroupSummary& group : workload.groups) {
    if (!group.measured() || group.group->any().ranks < 2) continue;
    for (const Claim claim : {Claim::budget, Claim::speedup})
      if (const Finding* why = refusal_of(group.findings, claim))
        page.notes.push_back(fmt::format("{}: nothing is predicted from it: {} [{}].",
                                         subject(analysis, workload, group.group->label), why->sentence,
                                         why->rule->code));
  }
}

}  // namespace

Page predict_page(const Analysis& analysis, const PageOptions& options) {
  Page page{"Prediction from " + size_of(analysis), {}, {empty_table()}, {}};
  for (const WorkloadSummary& workload : analysis.summaries) {
    std::vector<Predictor> predictors = predictors_of(workload, analysis.baseline);
    if (predictors.empty())
      page.notes.push_back(
          subject(analysis, workload, "no group with a closed budget and a steady pace to predict from") +
          ".");
    for (Predictor& predictor : predictors) {
      choose_link(predictor, analysis, options);
      const Forecast forecast(analysis, workload, predictor);
      for (const std::int64_t ranks : options.ranks) page.tables.front().rows.push_back(forecast.row(ranks));
      for (const std::string& line : forecast.warnings(options.ranks)) page.lead.push_back(line);
      for (const std::string& line : forecast.assumptions(options.ranks)) page.notes.push_back(line);
    }
    add_left_out(page, analysis, workload);
  }
  return page;
}

}  // namespace lockstep
