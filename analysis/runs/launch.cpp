#include "analysis/runs/launch.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <map>
#include <numeric>
#include <set>

#include "analysis/metrics/change_point.hpp"
#include "analysis/metrics/collectives.hpp"
#include "analysis/metrics/counters.hpp"
#include "analysis/metrics/overlap.hpp"
#include "analysis/metrics/pipeline_idle.hpp"
#include "analysis/metrics/pop.hpp"
#include "analysis/metrics/utilisation.hpp"
#include "analysis/metrics/waiting.hpp"
#include "base/digest.hpp"
#include "results/gpu_slowdowns.hpp"

namespace lockstep {

namespace {

// Rank by rank, as the columns lie in memory. visit(rank, step, seconds).
template <typename Visit>
void visit_cells(const Matrix<double>& column, const StepTable& table, Visit visit) {
  if (column.columns != table.steps() || column.rows != table.ranks()) return;  // the file does not have it
  for (std::int64_t r = 0; r < table.ranks(); ++r)
    for (std::int64_t s = 0; s < table.steps(); ++s) visit(r, s, column.at(r, s));
}

void add_column(Launch& launch, const StepTable& table, Quantity quantity, const Matrix<double>& column) {
  const double share = 1 / static_cast<double>(table.ranks());
  visit_cells(column, table, [&](std::int64_t, std::int64_t s, double seconds) {
    launch.steps[static_cast<std::size_t>(s)][quantity] += seconds * share;
  });
}

// Of all ranks: those that the file lacks are taken to have as many samples as the others.
void read_steps(Launch& launch, const StepTable& table) {
  launch.steps.resize(static_cast<std::size_t>(table.steps()));
  for (const BudgetColumn& c : kBudgetColumns) add_column(launch, table, c.quantity, table.*c.column);
  for (std::int64_t r = 0; r < table.ranks(); ++r)
    for (std::int64_t s = 0; s < table.steps(); ++s)
      launch.steps[static_cast<std::size_t>(s)][Quantity::samples] += table.samples.at(r, s);
  for (Quantities& step : launch.steps) {
    step[Quantity::samples] *= static_cast<double>(launch.ranks) / static_cast<double>(table.ranks());
    launch.training_seconds += step[Quantity::wall];
    launch.global_batch = std::max(launch.global_batch, static_cast<std::int64_t>(step[Quantity::samples]));
  }
}

// Mean steady step of each rank.
void read_ranks(Launch& launch, const StepTable& table) {
  launch.rank_steps.resize(static_cast<std::size_t>(table.ranks()));
  const double share = 1 / static_cast<double>(std::ssize(launch.steps) - launch.warmup);
  for (const BudgetColumn& c : kBudgetColumns)
    visit_cells(table.*c.column, table, [&](std::int64_t r, std::int64_t s, double seconds) {
      if (s >= launch.warmup) launch.rank_steps[static_cast<std::size_t>(r)][c.quantity] += seconds * share;
    });
}

// The rank that works most: over the run, and in each step.
void read_imbalance(Launch& launch, const StepTable& table) {
  const auto busiest =
      std::max_element(launch.rank_steps.begin(), launch.rank_steps.end(),
                       [](const Quantities& a, const Quantities& b) { return a.work() < b.work(); });
  const std::int64_t rank = busiest - launch.rank_steps.begin();
  const bool bubbles = table.bubble.columns == table.steps();
  for (std::int64_t s = 0; s < table.steps(); ++s) {
    Quantities& step = launch.steps[static_cast<std::size_t>(s)];
    const auto work = [&](std::int64_t r) {
      return table.wall.at(r, s) - table.comm_exposed.at(r, s) - (bubbles ? table.bubble.at(r, s) : 0);
    };
    double most = 0;
    for (std::int64_t r = 0; r < table.ranks(); ++r) most = std::max(most, work(r));
    step[Quantity::busiest] = work(rank);
    step[Quantity::excess] = most - step.work();
  }
}

// Messages cannot be replayed; their exposed part is time in transit, because waiting for one is a bubble.
std::vector<double> without_exposed(const std::vector<Quantities>& steps) {
  std::vector<double> ideal;
  for (const Quantities& step : steps) ideal.push_back(step[Quantity::wall] - step[Quantity::comm_exposed]);
  return ideal;
}

std::vector<double> clock_errors(const std::vector<RankEnvironment>& ranks) {
  std::vector<double> errors;
  for (const RankEnvironment& rank : ranks) errors.push_back(rank.clock_error);
  return errors;
}

// From the events. Exposed time is communication even without an event: a GPU's stream waits a little longer
// than the operation takes.
std::optional<Matrix<double>> total_comm(const StepTable& table, const CommTable& comm) {
  std::optional<Matrix<double>> total = comm_from_events(table, comm);
  if (!total) return {};
  for (std::size_t i = 0; i < total->values.size(); ++i)
    total->values[i] = std::max(total->values[i], table.comm_exposed.values[i]);
  return total;
}

void read_communication(Launch& launch, const RunData& run) {
  const StepTable& table = run.steps;
  const auto from_events = total_comm(table, run.comm);
  add_column(launch, table, Quantity::comm, from_events ? *from_events : table.comm);
  if (!from_events) return;
  const Collectives collectives(run.comm, launch.ranks, table.steps());
  launch.clock_gap = clock_gap(run.comm, collectives, clock_errors(run.ranks));
  WaitingTimes waiting = match_collectives(run.comm, collectives, launch.warmup);
  launch.unmatched_collectives = waiting.unmatched;
  launch.reduced_by = std::move(waiting.reduced_by);
  launch.reduced_bytes = waiting.bytes;
  launch.reduced_seconds = waiting.seconds;
  launch.reduced_ranks = waiting.reduced_ranks;
  if (has_messages(run.comm)) {
    const MessageTotals totals = message_totals(run.comm, collectives, launch.warmup);
    launch.reduced_bytes = totals.bytes;
    launch.reduced_seconds = totals.seconds;
    launch.reduced_ranks = 2;
  }
  launch.reductions = std::move(waiting.reductions);
  launch.buckets = bucket_times(table, run.comm, collectives, launch.warmup, run.backward_offset);
  // Attributing waiting takes events of all ranks on one clock.
  if (waiting.unmatched > 0 || launch.clock_gap) return;
  const std::vector<double> ideal = has_messages(run.comm)
                                        ? without_exposed(launch.steps)
                                        : replay_without_transfer(table, run.comm, collectives);
  for (std::size_t s = 0; s < launch.steps.size(); ++s) {
    // Of transfers at the same time each counts as long as it takes, in the total once.
    launch.steps[s][Quantity::transfer] = std::min(waiting.transfer[s], launch.steps[s][Quantity::comm]);
    launch.steps[s][Quantity::wait] = waiting.wait[s];
    launch.steps[s][Quantity::ideal] = ideal[s];
  }
  const auto steady = static_cast<double>(launch.steady().size());
  for (const double seconds : waiting.caused) launch.wait_caused.push_back(seconds / steady);
  launch.last_arrivals = std::move(waiting.last);
}

void read_stages(Launch& launch, const StageTable& stages) {
  std::map<std::int32_t, std::pair<double, std::int64_t>> by_stage;  // seconds, micro-batches
  for (std::size_t i = 0; i < stages.size(); ++i) {
    if (stages.step[i] < launch.warmup) continue;
    by_stage[stages.stage[i]].first += stages.end[i] - stages.start[i];
    by_stage[stages.stage[i]].second += stages.direction[i] == 0 ? 1 : 0;
  }
  for (const auto& [stage, sums] : by_stage)
    launch.stage_seconds.push_back(sums.first / static_cast<double>(std::max<std::int64_t>(1, sums.second)));
}

// Training only, without evaluation.
void read_curve(Launch& launch, const RunData& run) {
  const StepTable& table = run.steps;
  launch.curve.resize(run.epochs.size());
  for (std::int64_t s = 0; s < table.steps(); ++s) {
    const std::int64_t epoch = table.epoch.at(0, s) - run.first_epoch();
    if (epoch < 0 || epoch >= std::ssize(launch.curve)) continue;
    const Quantities& step = launch.steps[static_cast<std::size_t>(s)];
    launch.curve[static_cast<std::size_t>(epoch)].seconds += step[Quantity::wall];
    launch.curve[static_cast<std::size_t>(epoch)].samples += step[Quantity::samples];
  }
  for (std::size_t e = 0; e < launch.curve.size(); ++e) {
    launch.curve[e].metric = run.epochs[e].validation_metric;
    if (e == 0) continue;
    launch.curve[e].seconds += launch.curve[e - 1].seconds;
    launch.curve[e].samples += launch.curve[e - 1].samples;
  }
}

// No two launches have the same times to the last digit in every step.
std::uint64_t digest_of_times(const Matrix<double>& walls) {
  constexpr std::size_t kTelling = 10;
  if (std::set<double>(walls.values.begin(), walls.values.end()).size() < kTelling) return 0;
  Digest digest;
  for (const double wall : walls.values) digest.add_value(wall);
  return digest.value();
}

std::vector<double> walls_of(std::span<const Quantities> steps) {
  std::vector<double> walls;
  for (const Quantities& step : steps) walls.push_back(step[Quantity::wall]);
  return walls;
}

void find_warmup(Launch& launch) {
  const std::string given = launch.setting("measure.warmup");
  std::int64_t steps = 0;
  const auto [end, error] = std::from_chars(given.data(), given.data() + given.size(), steps);
  launch.warmup_given = error == std::errc() && end == given.data() + given.size() && steps >= 0;
  // In these it tried ways of reducing gradients, all but one of them slower.
  const std::int64_t tried = launch.reduction ? launch.reduction->steps : 0;
  const std::int64_t most = std::max<std::int64_t>(0, std::ssize(launch.steps) - 1);
  if (launch.warmup_given) {
    launch.warmup = std::min(std::max(steps, tried), most);
    return;
  }
  const std::vector<double> walls = walls_of(launch.steps);
  const auto first = static_cast<std::ptrdiff_t>(std::min(tried, most));
  launch.warmup =
      first + warmup_steps(std::span<const double>(walls).subspan(static_cast<std::size_t>(first)));
  // Its first step is one of training.
  if (launch.ablation() == "comm_only" && std::ssize(walls) > 1)
    launch.warmup = std::max<std::int64_t>(1, launch.warmup);
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

double Launch::number_of_setting(const std::string& key) const {
  return std::strtod(setting(key).c_str(), nullptr);
}

bool Launch::overlaps() const {
  const std::string given = setting("parallel.overlap");
  return given == "auto" && reduction ? reduction->chosen.overlap != Overlap::after : given != "false";
}

double Launch::bucket_mb(double usual) const {
  const std::string key = "parallel.bucket_mb";
  return setting(key) == "auto" && reduction ? reduction->chosen.bucket_mb : setting_or(key, usual);
}

std::string Launch::ablation() const {
  const std::string given = setting("parallel.ablation");
  return given == "none" ? "" : given;
}

bool Launch::splits_the_model() const { return mode() && splits_model(*mode()); }

bool Launch::shares_batches() const {
  return mode() == Mode::data_parallel || mode() == Mode::parameter_server;
}

bool Launch::has(std::string_view code) const {
  return std::any_of(findings.begin(), findings.end(),
                     [&](const Finding& finding) { return code == finding.rule->code; });
}

bool Launch::usable() const {
  return std::none_of(findings.begin(), findings.end(),
                      [](const Finding& f) { return f.rule->refuses == Claim::whole_run; });
}

std::int64_t nodes_of(const std::vector<RankEnvironment>& ranks) {
  std::set<std::string> hosts;
  for (const RankEnvironment& rank : ranks) hosts.insert(rank.host);
  return std::max<std::int64_t>(1, std::ssize(hosts));
}

namespace {

double samples_in(const StepTable& steps, std::int64_t epoch) {
  double samples = 0;
  for (std::size_t i = 0; i < steps.samples.values.size(); ++i)
    if (steps.epoch.values[i] == epoch) samples += steps.samples.values[i];
  return samples;
}

GpuUse gpu_use_of(const RunData& run) {
  GpuUse use;
  double joules = 0, samples = 0, seconds = 0, clocks = 0, clocked = 0;
  std::int64_t epoch = run.first_epoch();
  for (const EpochRow& row : run.epochs) {
    const GpuEpoch& gpu = row.gpu;
    use.recorded = use.recorded || gpu.recorded;
    use.power_peak = std::fmax(use.power_peak, gpu.power_peak);
    use.temperature = std::fmax(use.temperature, gpu.temperature);
    use.slowdowns |= gpu.slowdowns & kGpuSlowdownBits;
    if (gpu.sm_clock > 0) clocks += gpu.sm_clock * row.train_seconds, clocked += row.train_seconds;
    if (gpu.energy > 0 && std::isfinite(gpu.energy)) {
      joules += gpu.energy;
      samples += samples_in(run.steps, epoch);
      seconds += row.train_seconds;
    }
    ++epoch;
  }
  if (clocked > 0) use.sm_clock = clocks / clocked;
  if (samples > 0) use.energy_per_sample = energy_per_sample(joules, samples);
  if (seconds > 0) use.power = joules / seconds;
  return use;
}

// Of the values in their order: some are numbers, the last is none.
bool ends_without_number(const std::vector<double>& values) {
  const auto finite = [](double v) { return std::isfinite(v); };
  return !values.empty() && !finite(values.back()) && std::any_of(values.begin(), values.end(), finite);
}

// A step has a loss where one rank has one: of a split model the last stage alone.
bool loses_its_loss(const RunData& run) {
  std::vector<double> of_epochs, of_steps;
  for (const EpochRow& epoch : run.epochs) of_epochs.push_back(epoch.train_loss);
  const Matrix<float>& loss = run.steps.loss;
  for (std::int64_t step = 0; step < loss.columns; ++step) {
    double any = kUnknown;
    for (std::int64_t r = 0; r < loss.rows; ++r)
      if (std::isfinite(loss.at(r, step))) any = static_cast<double>(loss.at(r, step));
    of_steps.push_back(any);
  }
  return ends_without_number(of_epochs) || ends_without_number(of_steps);
}

ModelMemory most_memory(const MemoryTable& memory) {
  ModelMemory most;
  const std::size_t ranks =
      std::min({memory.parameters.size(), memory.gradients.size(), memory.optimizer.size()});
  for (std::size_t r = 0; r < ranks; ++r) {
    const ModelMemory mine{static_cast<double>(memory.parameters[r]),
                           static_cast<double>(memory.gradients[r]),
                           static_cast<double>(memory.optimizer[r])};
    if (mine.total() > most.total()) most = mine;
  }
  return most;
}

}  // namespace

Launch make_launch(const RunData& run, const std::string& path) {
  Launch launch;
  launch.path = path;
  launch.header = run.header;
  launch.settings = run.settings;
  launch.environment = run.environment;
  launch.fingerprint = run.fingerprint;
  launch.model = run.model.name;
  launch.metric = run.metric;
  launch.chance = run.chance;
  launch.higher_is_better = run.higher_is_better;
  launch.device = run.ranks.empty() ? "" : run.ranks.front().device;
  launch.parameters = run.model.parameters;
  launch.gradient_bytes = static_cast<double>(run.model.gradient_bytes);
  launch.flops_per_sample = run.model.flops_per_sample;
  launch.data = run.data;
  launch.recorded_ranks = run.steps.ranks() > 0 ? run.steps.ranks() : std::ssize(run.ranks);
  launch.ranks = std::max(launch.recorded_ranks, run.header.world_size);
  launch.nodes = nodes_of(run.ranks);
  for (const RankEnvironment& rank : run.ranks) launch.threads = std::max(launch.threads, rank.threads);
  for (const RankEnvironment& rank : run.ranks)
    launch.cores = launch.cores > 0 ? std::min(launch.cores, rank.cores_bound) : rank.cores_bound;
  launch.epochs = std::ssize(run.epochs);
  launch.test_metric = launch.validation_metric = std::numeric_limits<double>::quiet_NaN();
  if (!run.epochs.empty()) {
    launch.test_metric = run.epochs.back().test_metric;
    launch.validation_metric = run.epochs.back().validation_metric;
    launch.first_train_loss = run.epochs.front().train_loss;
    if (std::isfinite(run.epochs.back().train_loss)) launch.train_loss = run.epochs.back().train_loss;
  }
  launch.loss_lost = loses_its_loss(run);
  launch.rows_trained = rows_of(run.audit);
  launch.reduction = run.reduction;
  read_steps(launch, run.steps);
  find_warmup(launch);
  launch.times_digest = digest_of_times(run.steps.wall);
  if (!launch.steps.empty()) {
    launch.level_change = level_change(walls_of(launch.steady()));
    read_ranks(launch, run.steps);
    read_imbalance(launch, run.steps);
    read_communication(launch, run);
    read_stages(launch, run.stages);
  }
  read_curve(launch, run);
  launch.gpu = gpu_use_of(run);
  launch.memory = most_memory(run.memory);
  launch.counts = mean_counts(run.epochs);
  launch.counts_absent = run.counters_absent;
  if (!run.epochs.empty()) launch.peak_memory = static_cast<double>(run.epochs.back().peak_memory_bytes);
  return launch;
}

}  // namespace lockstep
