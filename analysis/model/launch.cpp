#include "analysis/model/launch.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <numeric>

#include "analysis/checks/rules.hpp"
#include "analysis/metrics/change_point.hpp"
#include "analysis/metrics/overlap.hpp"
#include "analysis/metrics/waiting.hpp"

namespace lockstep {

namespace {

struct ColumnOfQuantity {
  Quantity quantity;
  Matrix<double> StepTable::*column;
};
constexpr ColumnOfQuantity kColumns[] = {
    {Quantity::data, &StepTable::data},           {Quantity::h2d, &StepTable::h2d},
    {Quantity::forward, &StepTable::forward},     {Quantity::backward, &StepTable::backward},
    {Quantity::optimizer, &StepTable::optimizer}, {Quantity::comm_exposed, &StepTable::comm_exposed},
    {Quantity::bubble, &StepTable::bubble},       {Quantity::other, &StepTable::other},
    {Quantity::wall, &StepTable::wall},
};

// The mean over ranks; 0 for a column that the file does not have.
double mean_over_ranks(const Matrix<double>& column, std::int64_t step) {
  double sum = 0;
  for (std::int64_t rank = 0; rank < column.rows; ++rank) sum += column.at(rank, step);
  return column.rows > 0 ? sum / static_cast<double>(column.rows) : 0;
}

void read_steps(Launch& launch, const RunData& run) {
  const StepTable& table = run.steps;
  const auto from_events = comm_from_events(table, run.comm);
  const Matrix<double>& comm = from_events ? *from_events : table.comm;
  const Collectives collectives(run.comm, table.ranks(), table.steps());
  const WaitingTimes waiting = match_collectives(run.comm, collectives);
  launch.steps.resize(static_cast<std::size_t>(table.steps()));
  for (std::int64_t s = 0; s < table.steps(); ++s) {
    Quantities& step = launch.steps[static_cast<std::size_t>(s)];
    for (const ColumnOfQuantity& c : kColumns) {
      const Matrix<double>& column = table.*c.column;
      if (column.columns == table.steps()) step[c.quantity] = mean_over_ranks(column, s);
    }
    step[Quantity::comm] = mean_over_ranks(comm, s);
    step[Quantity::transfer] = waiting.transfer[static_cast<std::size_t>(s)];
    step[Quantity::wait] = waiting.wait[static_cast<std::size_t>(s)];
    for (std::int64_t r = 0; r < table.ranks(); ++r) step[Quantity::samples] += table.samples.at(r, s);
    launch.training_seconds += step[Quantity::wall];
    launch.global_batch = std::max(launch.global_batch, static_cast<std::int64_t>(step[Quantity::samples]));
  }
  launch.last_arrivals = waiting.last;
  launch.unmatched_collectives = waiting.unmatched;
  launch.reduced_bytes = waiting.bytes;
  launch.reduced_seconds = waiting.seconds;
}

void find_warmup(Launch& launch) {
  const std::string given = launch.setting("measure.warmup");
  std::int64_t steps = 0;
  const auto [end, error] = std::from_chars(given.data(), given.data() + given.size(), steps);
  launch.warmup_given = error == std::errc() && end == given.data() + given.size() && steps >= 0;
  if (launch.warmup_given) {
    launch.warmup = std::min(steps, std::max<std::int64_t>(0, std::ssize(launch.steps) - 1));
    return;
  }
  std::vector<double> walls;
  for (const Quantities& step : launch.steps) walls.push_back(step[Quantity::wall]);
  launch.warmup = warmup_steps(walls);
}

std::int64_t rows_of(const std::vector<AuditRow>& audit) {
  if (audit.empty()) return -1;
  std::int64_t rows = 0;
  for (const AuditRow& epoch : audit)
    rows += std::accumulate(epoch.samples.begin(), epoch.samples.end(), std::int64_t{0});
  return rows;
}

}  // namespace

std::string Launch::setting(const std::string& key) const {
  const auto found = settings.find(key);
  return found == settings.end() ? "" : found->second;
}

bool Launch::usable() const {
  return std::none_of(findings.begin(), findings.end(),
                      [](const Finding& f) { return f.rule->refuses == Claim::whole_run; });
}

Launch make_launch(const RunData& run, const std::string& path) {
  Launch launch;
  launch.path = path;
  launch.header = run.header;
  launch.settings = run.settings;
  launch.environment = run.environment;
  launch.fingerprint = run.fingerprint;
  launch.model = run.model.name;
  launch.metric = run.metric;
  launch.parameters = run.model.parameters;
  launch.data = run.data;
  launch.ranks = run.steps.ranks() > 0 ? run.steps.ranks() : std::ssize(run.ranks);
  for (const RankEnvironment& rank : run.ranks) launch.threads = std::max(launch.threads, rank.threads);
  launch.epochs = std::ssize(run.epochs);
  launch.test_metric = launch.validation_metric = std::numeric_limits<double>::quiet_NaN();
  if (!run.epochs.empty()) {
    launch.test_metric = run.epochs.back().test_metric;
    launch.validation_metric = run.epochs.back().validation_metric;
  }
  launch.rows_trained = rows_of(run.audit);
  read_steps(launch, run);
  find_warmup(launch);
  launch.findings = check_run(run, launch);
  return launch;
}

}  // namespace lockstep
