#include "analysis/advice/advice.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "analysis/metrics/budget.hpp"
#include "analysis/quantities/numbers.hpp"

namespace lockstep {

namespace {

using Q = Quantity;

constexpr double kWorthSaying = 1.01;
constexpr double kWorthHiding = 0.01;                                                          // of a step
constexpr std::array kBucketSizes = {0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 25.0, 50.0, 100.0};  // MB

// What is known of a predictor's group, for the functions that advise. Each gives nothing where it has
// nothing to say.
struct Case {
  const Predictor& predictor;
  const WorkloadSummary& workload;
  const GroupSummary& group;
  const Launch& launch;
  std::int64_t ranks;
  double samples;  // of a rank

  // What the model tells, with its own error as part of what is not known.
  Estimate told(const Predictor::Metric& metric) const {
    return predictor.widened(predictor.estimate(metric));
  }
  // Cores that ranks take from each other: the model knows nothing of that.
  bool shares_cores() const { return launch.has("oversubscribed"); }
  // The gain of a step that is shorter by so much.
  Estimate shorter(
      const std::function<double(const StepModel&, const Link&, const Quantities&)>& saving) const {
    return predictor.estimate([&](const StepModel& m, const Link& link, const Quantities& q) {
      return q[Q::wall] / std::max(0.01 * q[Q::wall], q[Q::wall] - saving(m, link, q));
    });
  }
  double share(Q part) const { return group.steps.point[part] / group.steps.point[Q::wall]; }
};

using Advised = std::optional<Advice>;

// What the others would not wait for, were the late rank like them; of a mean step.
double avoidable(const LateRank& late, std::int64_t ranks) {
  const double p = static_cast<double>(ranks);
  return std::min(late.seconds - late.others, late.lateness.share * late.wait * p / (p - 1));
}

// The model with the late rank's phase as the others have it.
StepModel mended(StepModel m, const LateRank& late, std::int64_t ranks) {
  const double p = static_cast<double>(ranks);
  const double by = late.others / ((late.seconds + (p - 1) * late.others) / p);
  m.uneven = 0;
  if (late.phase == LossPart::data) m.data_per_sample *= by;
  if (late.phase == LossPart::h2d) m.h2d_per_sample *= by;
  if (late.phase == LossPart::optimizer) m.optimizer *= by;
  if (late.phase == LossPart::other) m.other *= by;
  if (late.phase != LossPart::compute) return m;
  m.fixed_compute *= by;
  m.compute_per_sample *= by;
  return m;
}

// A late rank hides transfers that are exposed once it is not late any more, so the step is reckoned anew
// where the link is known.
Estimate gain_of_mending(const Case& c, const LateRank& late) {
  if (!c.predictor.has_link())
    return c.shorter(
        [&](const StepModel&, const Link&, const Quantities&) { return avoidable(late, c.ranks); });
  return c.told([&](const StepModel& m, const Link& link, const Quantities& q) {
    return q[Q::wall] / cost_of_step(mended(m, late, c.ranks), link, c.ranks, c.samples).seconds;
  });
}

Advised slow_rank(const Case& c) {
  const auto& late = c.group.parallel.late;
  if (!late || late->lateness.kind != Straggler::persistent || late->role || late->seconds <= late->others)
    return {};
  const bool loader = late->phase == LossPart::data;
  Advice advice;
  advice.what =
      loader
          ? fmt::format("the loader of rank {}: more data.workers, faster storage", late->lateness.rank)
          : fmt::format("check rank {}: its device, its cores, other programs on them", late->lateness.rank);
  advice.gain = gain_of_mending(c, *late);
  advice.because = fmt::format("{} % of all waiting is for rank {}, whose {} takes {} ms, that of {} {} ms",
                               number(100 * late->lateness.share), late->lateness.rank, name_of(late->phase),
                               milliseconds(late->seconds), the_others(c.ranks), milliseconds(late->others));
  return advice;
}

Advised slow_loader(const Case& c) {
  if (c.share(Q::data) < kWorthHiding) return {};
  return Advice{"more data.workers, if cores are free, so that loading is hidden under compute",
                c.shorter([](const StepModel&, const Link&, const Quantities& q) { return q[Q::data]; }),
                fmt::format("each step waits {} ms for the loader, {} % of it",
                            milliseconds(c.group.steps.point[Q::data]), number(100 * c.share(Q::data)))};
}

double backward_of(const StepModel& m, double samples) {
  return m.backward_share * (m.fixed_compute + m.compute_per_sample * samples);
}

// What a change of the model saves in exposed transfer, at most what is exposed now apart from waiting.
template <typename Change>
Estimate saving(const Case& c, Change change) {
  return c.predictor.widened(
      c.shorter([&, change](const StepModel& m, const Link& link, const Quantities& q) {
        StepModel changed = m;
        change(changed);
        const double backward = backward_of(m, c.samples);
        return std::min(exposed_transfer(q), exposed_transfer(m, link, c.ranks, backward) -
                                                 exposed_transfer(changed, link, c.ranks, backward));
      }));
}

Advised buckets(const Case& c) {
  if (!c.predictor.has_link() || !c.predictor.knows_buckets()) return {};
  const StepModel now = c.predictor.model();
  double bytes = 0;
  for (const double bucket : now.bucket_bytes) bytes += bucket;
  double best = 0, least = exposed_transfer(now, c.predictor.link(), c.ranks, backward_of(now, c.samples));
  const double exposed_now = least;
  for (const double size : kBucketSizes) {
    StepModel other = now;
    plan_buckets(other, c.launch, bytes, size);
    const double exposed = exposed_transfer(other, c.predictor.link(), c.ranks, backward_of(now, c.samples));
    if (exposed >= least) continue;
    least = exposed;
    best = size;
  }
  if (best == 0 || c.launch.bucket_mb(0) == best) return {};
  return Advice{
      fmt::format("parallel.bucket_mb {:g}", best),
      saving(c, [&, bytes, best](StepModel& m) { plan_buckets(m, c.launch, bytes, best); }),
      fmt::format("{} buckets a step leave {} ms exposed over this link ({} us, {} GB/s); {:g} MB would "
                  "leave {} ms",
                  now.bucket_bytes.size(), milliseconds(exposed_now),
                  number(1e6 * c.predictor.link().latency), number(c.predictor.link().bandwidth / 1e9), best,
                  milliseconds(least))};
}

Advised overlap_on(const Case& c) {
  if (!c.predictor.has_link() || c.launch.overlaps()) return {};
  return Advice{"parallel.overlap true",
                saving(c,
                       [](StepModel& m) {
                         double done = 0, all = 0;
                         for (const double b : m.bucket_bytes) all += b;
                         for (std::size_t i = 0; i < m.bucket_bytes.size(); ++i)
                           m.bucket_ready[i] = (done += m.bucket_bytes[i]) / all;
                         m.overlap = true;
                       }),
                fmt::format("no communication is hidden: {} ms of it are exposed in each step",
                            milliseconds(c.group.steps.point[Q::comm_exposed]))};
}

Advised half_precision_messages(const Case& c) {
  const std::string type = c.launch.setting("parallel.reduce_dtype");
  if (!c.predictor.has_link() || (!type.empty() && type != "fp32")) return {};
  return Advice{"parallel.reduce_dtype bf16",
                saving(c,
                       [](StepModel& m) {
                         for (double& b : m.bucket_bytes) b /= 2;
                       }),
                fmt::format("gradients are sent as fp32, {} MB a step; bf16 halves that, and rounds them",
                            number(c.launch.gradient_bytes / 1e6)),
                false};
}

// The share of the optimizer's phase that updates parameters, by the bytes of each parameter that are read and
// written: every rank still computes the norm of the whole gradient.
double share_of_update(const Launch& launch) {
  constexpr double kNorm = 4, kPlain = 12, kMoment = 8;  // gradient, parameter and parameter anew; in and out
  const std::string name = launch.setting("training.optimizer.name");
  const bool one_moment = launch.number_of_setting("training.optimizer.momentum") > 0;
  const double moments = name == "sgd" ? (one_moment ? 1 : 0) : 2;
  const double update = kPlain + moments * kMoment;
  return update / (update + kNorm);
}

// On a GPU the phase also has what the host does between two steps, so that its gain is not told.
Advised shard_optimizer(const Case& c) {
  if (c.launch.mode() != Mode::data_parallel || c.launch.on_gpu() || !c.predictor.has_link() ||
      c.launch.shards_optimizer())
    return {};
  const double others = 1 - 1 / static_cast<double>(c.ranks), update = share_of_update(c.launch);
  const bool in_common = parameters_in_common(c.launch);
  const auto gathering = [ranks = c.ranks, in_common](const StepModel& m, const Link& link) {
    double seconds = 0;
    if (in_common) return seconds;
    for (const double bytes : m.bucket_bytes) seconds += link.all_gather(bytes, ranks);
    return seconds;
  };
  const Estimate gain = c.shorter([&](const StepModel& m, const Link& link, const Quantities&) {
    return m.optimizer * update * others - gathering(m, link);
  });
  const std::string then =
      in_common ? ", in memory that they have in common"
                : fmt::format(", and exchange what they have updated in {} ms",
                              milliseconds(gathering(c.predictor.model(), c.predictor.link())));
  return Advice{"parallel.shard optimizer", c.predictor.widened(gain),
                fmt::format("each rank updates all parameters in {} ms; {} ranks would share that out{}",
                            milliseconds(c.group.steps.point[Q::optimizer]), c.ranks, then)};
}

// Another measured group of as many ranks that differs in one key of `parallel` alone.
std::vector<Advice> measured_siblings(const Case& c) {
  std::vector<Advice> found;
  for (const GroupSummary& other : c.workload.groups) {
    if (!other.measured() || other.group == c.group.group) continue;
    const Launch& there = other.group->any();
    if (there.header.mode != c.launch.header.mode || there.ranks != c.ranks) continue;
    std::vector<std::string> differing;
    for (const auto& [key, value] : there.settings)
      if (!ignored_setting(key) && c.launch.setting(key) != value) differing.push_back(key);
    if (differing.size() != 1 || !differing[0].starts_with("parallel.") ||
        differing[0] == "parallel.ablation")
      continue;
    const Estimate gain = estimate(other.steps, c.group.steps, [](const Quantities& a, const Quantities& b) {
      return a[Q::samples] / a[Q::wall] * b[Q::wall] / b[Q::samples];
    });
    found.push_back({fmt::format("{} {}", differing[0], there.setting(differing[0])), gain,
                     fmt::format("measured: {} makes {} samples/s, {} makes {}", other.group->label,
                                 number(other.throughput.value), c.group.group->label,
                                 number(c.group.throughput.value))});
  }
  return found;
}

// What is named for another measured group: its ranks where nothing else differs, or else the group.
std::string instead(const Case& c, const Launch& there, const std::string& label) {
  const bool same_mode = there.header.mode == c.launch.header.mode || there.ranks == 1;
  return same_mode ? fmt::format("fewer ranks: {}", there.ranks) : fmt::format("{} instead", label);
}

// The fastest other group that was measured on fewer ranks, or in another mode on as many.
Advised another_group(const Case& c) {
  Advised best;
  for (const GroupSummary& other : c.workload.groups) {
    if (!other.measured() || other.group->any().ranks > c.ranks) continue;
    if (other.group->any().ranks == c.ranks && other.group->any().header.mode == c.launch.header.mode)
      continue;
    const Comparison &mine = c.group.against_seq, &theirs = other.against_seq;
    const bool comparable = other.group == mine.baseline
                                ? mine.speedup.has_value()
                                : mine.speedup && theirs.speedup && mine.baseline == theirs.baseline;
    if (!comparable) continue;
    const Estimate gain = estimate(other.steps, c.group.steps, [](const Quantities& a, const Quantities& b) {
      return a[Q::samples] / a[Q::wall] * b[Q::wall] / b[Q::samples];
    });
    if (best && gain.value <= best->gain.value) continue;
    best = Advice{
        instead(c, other.group->any(), other.group->label), gain,
        fmt::format("measured: {} makes {} samples/s, {} makes {}", other.group->label,
                    number(other.throughput.value), c.group.group->label, number(c.group.throughput.value))};
  }
  return best;
}

// What a gain rests on that no other batch has shown.
const char* if_in_proportion(const Case& c) {
  return c.predictor.knows_fixed_compute()
             ? ""
             : ", if passes over twice the samples take twice as long (no other batch was measured)";
}

// Samples per second with twice the samples of a rank, by those of now. Accumulated: in two passes, of which
// the last one alone hides communication.
Estimate gain_of_batch(const Case& c, bool accumulated) {
  return c.told([&](const StepModel& m, const Link& link, const Quantities&) {
    const StepCost once = cost_of_step(m, link, c.ranks, c.samples);
    const double twice = accumulated ? once.seconds + once.work - m.optimizer - m.other
                                     : cost_of_step(m, link, c.ranks, 2 * c.samples).seconds;
    return 2 * once.seconds / twice;
  });
}

Advised accumulate(const Case& c) {
  if (c.shares_cores() || !c.launch.shares_batches() || !c.predictor.has_link() ||
      c.predictor.worst_miss() > Predictor::kTrusted)
    return {};
  return Advice{
      "training.accumulate twice as many micro-batches, twice the global batch", gain_of_batch(c, true),
      fmt::format("communication and the optimizer take {} % of a step and would happen half as often",
                  number(100 * (c.share(Q::comm_exposed) + c.share(Q::optimizer)))),
      false};
}

Advised bigger_batch(const Case& c) {
  if (c.shares_cores() || c.launch.splits_the_model()) return {};  // larger batches, larger messages
  if (c.ranks > 1 && ((c.predictor.needs_link() && !c.predictor.has_link()) ||
                      c.predictor.worst_miss() > Predictor::kTrusted))
    return {};
  return Advice{
      "twice the global batch, if memory and learning allow", gain_of_batch(c, false),
      fmt::format("{} % of a step does not grow with the batch{}",
                  number(100 * (c.share(Q::comm_exposed) + c.share(Q::optimizer) + c.share(Q::other) +
                                c.predictor.model().fixed_compute / c.group.steps.point[Q::wall])),
                  if_in_proportion(c)),
      false};
}

bool is_worth_saying(const Advice& advice) {
  const auto& interval = advice.gain.interval;
  return advice.gain.value >= kWorthSaying && (!interval || interval->high > kWorthSaying);
}

}  // namespace

std::vector<Advice> advice_for(const Predictor& predictor, const WorkloadSummary& workload) {
  const GroupSummary& group = predictor.source();
  const Launch& launch = group.group->any();
  const Case c{predictor, workload, group, launch, launch.ranks, predictor.samples_per_rank()};
  std::vector<Advice> all;
  constexpr Advised (*kAny[])(const Case&) = {slow_loader, bigger_batch};
  constexpr Advised (*kParallel[])(const Case&) = {
      slow_rank, buckets, overlap_on, shard_optimizer, half_precision_messages, another_group, accumulate};
  if (c.ranks > 1) all = measured_siblings(c);
  // What was measured needs no prediction.
  const auto add = [&](Advised advice) {
    const auto same = [&](const Advice& known) { return known.what == advice->what; };
    if (advice && std::none_of(all.begin(), all.end(), same)) all.push_back(std::move(*advice));
  };
  for (const auto advise : kAny) add(advise(c));
  for (const auto advise : kParallel)
    if (c.ranks > 1) add(advise(c));
  std::erase_if(all, [](const Advice& a) { return !is_worth_saying(a); });
  std::stable_sort(all.begin(), all.end(), [](const Advice& a, const Advice& b) {
    return std::pair(!a.keeps_training, -a.gain.value) < std::pair(!b.keeps_training, -b.gain.value);
  });
  return all;
}

}  // namespace lockstep
