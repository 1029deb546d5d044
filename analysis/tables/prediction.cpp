#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "analysis/metrics/speedup.hpp"
#include "analysis/model/predictor.hpp"
#include "analysis/quantities/numbers.hpp"
#include "analysis/tables/group_table.hpp"
#include "analysis/tables/pages.hpp"

namespace lockstep {

namespace {

using Q = Quantity;

// Predictions for one configuration.
class Forecast {
 public:
  Forecast(const Analysis& analysis, const WorkloadSummary& workload, const Predictor& predictor)
      : workload_(workload), predictor_(predictor) {
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

  std::vector<Cell> row(std::int64_t ranks) const {
    std::vector<Cell> row = {name_, ranks, samples(ranks)};
    if (samples(ranks) < 1)
      return row.push_back(Refused{"", "the global batch has fewer samples than there are ranks"}), row;
    if (ranks > 1 && !predictor_.has_link())
      return row.push_back(Refused{
                 "",
                 "the link is not known: give it with --link, as 200Gb:2us, or measure it with commbench"}),
             row;
    const auto of = [&](auto metric) {
      const auto of_model = [&, metric](const StepModel& m, const Link& link, const Quantities& base) {
        return metric(cost_of_step(m, link, ranks, samples(ranks)), base);
      };
      return within(predictor_.estimate(of_model, base_), 0, std::numeric_limits<double>::infinity());
    };
    row.emplace_back(of([](const StepCost& c, const Quantities&) { return c.seconds; }));
    row.emplace_back(of([](const StepCost& c, const Quantities&) { return c.exposed; }));
    row.emplace_back(of([](const StepCost& c, const Quantities&) { return c.waiting; }));
    if (base_) {
      const double scale = weak_ ? static_cast<double>(ranks) : 1;
      const auto s = [=](const StepCost& c, const Quantities& base) {
        return scale * speedup(base[Q::wall], c.seconds);
      };
      row.emplace_back(of(s));
      row.emplace_back(
          of([=](const StepCost& c, const Quantities& base) { return efficiency(s(c, base), ranks); }));
    } else {
      row.insert(row.end(), 2, Cell());
    }
    row.push_back(measured(ranks));
    return row;
  }

  // How well the model tells what it was made from.
  std::string check() const {
    const std::int64_t ranks = predictor_.source().group->any().ranks;
    const double told = cost_of_step(predictor_.model(), predictor_.has_link() ? predictor_.link() : Link{},
                                     ranks, predictor_.samples_per_rank())
                            .seconds;
    const double seen = predictor_.source().step_seconds.value;
    return fmt::format(
        "{}: made from this group; for it the model tells {} ms a step, measured are {} ms ({} %).", name_,
        milliseconds(told), milliseconds(seen), number(100 * (told / seen - 1)));
  }

  std::vector<std::string> assumptions() const {
    std::vector<std::string> lines = {check()};
    if (predictor_.has_link())
      lines.push_back(
          fmt::format("{}: link of {} GB/s and {} us, {}; ring all-reduce, one bucket after another.", name_,
                      number(predictor_.link().bandwidth / 1e9), number(predictor_.link().latency * 1e6),
                      predictor_.link_from()));
    lines.push_back(
        predictor_.knows_fixed_compute()
            ? name_ + ": compute a + b x samples, fitted to the batches per rank that were measured."
            : name_ + ": compute in proportion to the samples of a rank (one batch per rank was measured).");
    if (!predictor_.knows_buckets())
      lines.push_back(
          name_ +
          ": no buckets were recorded: sizes of parallel.bucket_mb, ready evenly in the backward pass.");
    lines.push_back(predictor_.source().group->any().ranks > 1
                        ? name_ + ": ranks vary in their work as the measured ones do, each for itself."
                        : name_ + ": ranks vary in their work as the one rank does from step to step.");
    return lines;
  }

 private:
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
           {"measured_step_seconds", "s", "measured ms", 1000}},
          {}};
}

}  // namespace

Page predict_page(const Analysis& analysis, const PageOptions& options) {
  Page page{"Prediction from " + size_of(analysis), {}, {empty_table()}, {}};
  for (const WorkloadSummary& workload : analysis.summaries) {
    std::vector<Predictor> predictors = predictors_of(workload, analysis.baseline);
    if (predictors.empty())
      page.notes.push_back(subject(analysis, workload, "no group with a closed budget to predict from") +
                           ".");
    for (Predictor& predictor : predictors) {
      choose_link(predictor, analysis, options);
      const Forecast forecast(analysis, workload, predictor);
      for (const std::int64_t ranks : options.ranks) page.tables.front().rows.push_back(forecast.row(ranks));
      for (const std::string& line : forecast.assumptions()) page.notes.push_back(line);
    }
  }
  return page;
}

}  // namespace lockstep
