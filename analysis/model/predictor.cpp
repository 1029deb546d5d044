#include "analysis/model/predictor.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "analysis/checks/rules.hpp"
#include "analysis/metrics/least_squares.hpp"
#include "base/backend_kind.hpp"
#include "base/pipeline_schedule.hpp"

namespace lockstep {

namespace {

using Q = Quantity;

constexpr double kMegabyte = 1 << 20;
constexpr double kUsualBucket = 25, kUsualFirstBucket = 1;  // parallel.bucket_mb and first_bucket_mb

StepKind kind_of(const Launch& launch) {
  if (launch.mode() == Mode::parameter_server) return StepKind::server;
  if (!launch.splits_the_model()) return StepKind::ring;
  return launch.mode() == Mode::hybrid ? StepKind::grid : StepKind::pipeline;
}

// Ranks of one node share its memory and clock, and on CPUs its cores.
bool share_alike(const Launch& a, const Launch& b) {
  return a.on_gpu() || a.ranks * b.nodes == b.ranks * a.nodes;
}

// How much a rank's work varies from step to step; robust against a few late ones.
double spread_over_steps(const LaunchGroup& group) {
  std::vector<double> spreads;
  for (const Launch* launch : group.launches) {
    std::vector<double> works, deviations;
    for (const Quantities& step : launch->steady()) works.push_back(step.work());
    const double middle = median(works);
    for (const double work : works) deviations.push_back(std::abs(work - middle));
    spreads.push_back(1.4826 * median(deviations) / middle);
  }
  return median(spreads);
}

bool is_usable(const GroupSummary& group) {
  if (!group.measured()) return false;
  for (const Claim claim : {Claim::budget, Claim::speedup})  // a pace that drifts is no step to reckon from
    if (refusal_of(group.findings, claim)) return false;
  return group.steps.point[Q::samples] > 0 && group.group->any().ablation().empty();
}

}  // namespace

void plan_buckets(StepModel& model, const Launch& launch, double gradient_bytes,
                  std::optional<double> bucket_mb) {
  const double usual = launch.bucket_mb(kUsualBucket);
  const double first = launch.setting_or("parallel.first_bucket_mb", kUsualFirstBucket);
  set_buckets(model, gradient_bytes, bucket_mb.value_or(usual) * kMegabyte, first * kMegabyte);
}

Predictor::Predictor(const GroupSummary& source, const std::vector<const GroupSummary*>& relatives)
    : source_(&source) {
  for (const GroupSummary* relative : relatives)
    if (relative != &source && is_usable(*relative)) relatives_.push_back(relative);
  if (const auto& own = source.parallel.link)
    set_link(own->latency, own->bandwidth,
             fmt::format("as its own {} show", source.group->any().reduction_words()));
  if (source.group->any().ranks < 2) step_spread_ = spread_over_steps(*source.group);
}

double Predictor::samples_per_rank() const { return source_->samples_per_rank(); }

bool Predictor::knows_fixed_compute() const {
  return std::any_of(relatives_.begin(), relatives_.end(), [&](const GroupSummary* relative) {
    if (!tells_fixed_compute(*relative)) return false;
    const double ratio = relative->samples_per_rank() / samples_per_rank();
    return ratio > 1.2 || ratio < 1 / 1.2;
  });
}

// Work that another number of ranks on a node slows down is not work that does not grow with the batch, nor
// is that of a stage, which has another part of the model.
bool Predictor::tells_fixed_compute(const GroupSummary& relative) const {
  const Launch &here = source_->group->any(), &there = relative.group->any();
  return share_alike(here, there) && (kind_of(here) == StepKind::ring || here.ranks == there.ranks);
}

bool Predictor::needs_link() const {
  const StepKind kind = kind_of(source_->group->any());
  return kind == StepKind::ring || kind == StepKind::grid;
}

bool Predictor::allows(std::int64_t ranks) const {
  const StepModel m = model();
  return m.kind != StepKind::grid || ranks % m.pipeline.stages == 0;
}

std::vector<Predictor::Check> Predictor::checks() const {
  std::vector<const GroupSummary*> groups = {source_};
  for (const GroupSummary* relative : relatives_)
    if (is_elsewhere(*relative)) groups.push_back(relative);
  const StepModel m = model();
  const Link link = has_link() ? this->link() : Link{};
  std::vector<Check> checks;
  for (const GroupSummary* group : groups)
    checks.push_back({group,
                      cost_of_step(m, link, group->group->any().ranks, group->samples_per_rank()).seconds,
                      group->steps.point[Q::wall]});
  std::stable_sort(checks.begin(), checks.end(),
                   [](const Check& a, const Check& b) { return std::abs(a.miss()) > std::abs(b.miss()); });
  return checks;
}

double Predictor::worst_miss() const { return std::abs(checks().front().miss()); }

Estimate Predictor::widened(Estimate positive) const {
  const double miss = worst_miss();
  if (auto& interval = positive.interval)
    interval = {interval->low / (1 + miss), interval->high * (1 + miss)};
  return positive;
}

Estimate Predictor::bound(const Estimate& positive, Limit limit) const {
  Estimate known = widened(positive);
  if (known.interval || limit == Limit::none) return as_bound(known, limit);
  known.value *= limit == Limit::at_least ? 1 / (1 + worst_miss()) : 1 + worst_miss();
  return as_bound(known, limit);
}

StepModel Predictor::least(StepModel model) const {
  if (!knows_buckets()) std::fill(model.bucket_ready.begin(), model.bucket_ready.end(), 0.0);
  if (source_->group->any().ranks < 2) model.spread = 0;
  return model;
}

Limit Predictor::limit_of_step(std::int64_t ranks) const {
  const Launch& here = source_->group->any();
  if (here.on_gpu() || here.nodes > 1 || ranks == here.ranks) return Limit::none;
  if (ranks < here.ranks) return Limit::at_most;
  return needs_link() && link_leads_elsewhere_ ? Limit::none : Limit::at_least;
}

void Predictor::set_link(const Estimate& latency, const Estimate& bandwidth, std::string from) {
  link_ = {latency, bandwidth};
  link_from_ = std::move(from);
  link_leads_elsewhere_ = false;
}

void Predictor::set_link(const Link& link) {
  set_link({link.latency, {}}, {link.bandwidth, {}}, "as given");
  link_leads_elsewhere_ = true;
}

Link Predictor::link() const { return {link_->latency.value, link_->bandwidth.value}; }

bool parameters_in_common(const Launch& launch) {
  return launch.nodes == 1 && named<BackendKind>(launch.setting("parallel.backend")) == BackendKind::shm;
}

void Predictor::add_kind(StepModel& model, const Quantities& q) const {
  const Launch& launch = source_->group->any();
  model.kind = kind_of(launch);
  model.gradient_bytes = launch.gradient_bytes;
  if (model.kind == StepKind::server) {
    model.optimizer *= static_cast<double>(launch.ranks);  // the mean over ranks of rank 0's
    return;
  }
  if (model.kind == StepKind::ring) {
    model.sharded = launch.shards_optimizer();
    if (model.sharded) model.optimizer *= static_cast<double>(launch.ranks);
    model.gathers = model.sharded && !parameters_in_common(launch);
    model.scatters = launch.scatters_gradients();
    return;
  }
  if (model.kind == StepKind::pipeline)
    model.optimizer *= static_cast<double>(launch.ranks);  // of all stages
  StageModel& p = model.pipeline;
  p.stages = launch.setting_or("parallel.stages", launch.ranks);
  p.chunks = launch.setting_or<std::int64_t>("parallel.chunks", 1);
  if (named<PipelineSchedule>(launch.setting("parallel.schedule")) != PipelineSchedule::layerwise)
    p.micro_batches = launch.setting_or<std::int64_t>("parallel.micro_batches", 1);
  double most = 0, all = 0;
  for (const double seconds : launch.stage_seconds) most = std::max(most, seconds), all += seconds;
  if (all > 0 && p.chunks == 1) p.longest = most * static_cast<double>(launch.stage_seconds.size()) / all;
  double exposed = q[Q::comm_exposed];
  if (model.kind == StepKind::grid && has_link())
    exposed -=
        link().all_reduce(model.gradient_bytes / static_cast<double>(p.stages), launch.ranks / p.stages);
  if (p.stages > 1) model.each_message = std::max(0.0, exposed) / (2 * static_cast<double>(p.stages - 1));
}

// Whether a relative is of the same mode, on another number of ranks above one.
bool Predictor::is_elsewhere(const GroupSummary& relative) const {
  const Launch &here = source_->group->any(), &there = relative.group->any();
  return there.header.mode == here.header.mode && there.ranks > 1 && there.ranks != here.ranks;
}

bool Predictor::knows_growth() const {
  return kind_of(source_->group->any()) != StepKind::server ||
         std::any_of(relatives_.begin(), relatives_.end(),
                     [&](const GroupSummary* relative) { return is_elsewhere(*relative); });
}

// Messages to and from a server: what each further rank adds, and the rest, over all that was measured.
void Predictor::add_messages(StepModel& model, const Quantities& source,
                             const std::vector<Quantities>& relatives) const {
  std::vector<Observation> observations;
  const auto add = [&](const GroupSummary& group, const Quantities& q) {
    const double others = static_cast<double>(group.group->any().ranks - 1);
    // The others wait for rank 0's optimizer, of which q has the mean over all ranks.
    const double exposed = std::max(0.0, q[Q::comm_exposed] + q[Q::bubble] - others * q[Q::optimizer]);
    if (exposed > 0) observations.push_back({1, others, exposed, 1 / exposed});
  };
  add(*source_, source);
  for (std::size_t i = 0; i < relatives.size(); ++i)
    if (is_elsewhere(*relatives_[i])) add(*relatives_[i], relatives[i]);
  const auto [fixed, each] = non_negative_least_squares(observations);
  model.fixed_messages = fixed;
  model.each_message = each;
}

void Predictor::add_buckets(StepModel& model, double backward) const {
  const Launch& launch = source_->group->any();
  model.overlap = launch.overlaps();
  for (const BucketTimes& bucket : source_->parallel.buckets) {
    model.bucket_bytes.push_back(bucket.bytes);
    model.bucket_ready.push_back(std::clamp(bucket.ready / backward, 0.0, 1.0));
  }
  if (model.bucket_bytes.empty()) plan_buckets(model, launch, launch.gradient_bytes);
}

void Predictor::add_spread(StepModel& model, const Quantities& q) const {
  const std::int64_t ranks = source_->group->any().ranks;
  if (ranks < 2) {
    model.spread = step_spread_;
    return;
  }
  model.uneven = std::max(0.0, q[Q::busiest] - q.work());
  const double roaming = std::max(0.0, q[Q::excess] - model.uneven);
  model.spread = roaming / expected_largest_normal(static_cast<double>(ranks)) / q.work();
}

StepModel Predictor::model_of(const Quantities& source, const std::vector<Quantities>& relatives) const {
  StepModel model;
  const double samples = samples_per_rank(), compute = source.passes();
  model.compute_per_sample = compute / samples;
  if (knows_fixed_compute()) {
    std::vector<Observation> observations = {{1, samples, compute, 1 / compute}};
    for (std::size_t i = 0; i < relatives.size(); ++i)
      if (tells_fixed_compute(*relatives_[i]))
        observations.push_back(
            {1, relatives_[i]->samples_per_rank(), relatives[i].passes(), 1 / relatives[i].passes()});
    const auto [fixed, each] = non_negative_least_squares(observations);
    model.fixed_compute = fixed;
    model.compute_per_sample = each;
  }
  model.backward_share = source[Q::backward] / compute;
  model.data_per_sample = source[Q::data] / samples;
  model.h2d_per_sample = source[Q::h2d] / samples;
  model.optimizer = source[Q::optimizer];
  model.other = source[Q::other];
  add_kind(model, source);
  if (model.kind == StepKind::server) add_messages(model, source, relatives);
  if (model.kind != StepKind::ring) return model;
  add_buckets(model, source[Q::backward]);
  add_spread(model, source);
  return model;
}

StepModel Predictor::model() const {
  std::vector<Quantities> relatives;
  for (const GroupSummary* relative : relatives_) relatives.push_back(relative->steps.point);
  return model_of(source_->steps.point, relatives);
}

// The metric at both ends of what the link may be.
std::vector<Estimate::Bounds> Predictor::at_bounds_of_link(
    const std::function<double(const Link&)>& metric) const {
  std::vector<Estimate::Bounds> bounds;
  if (!link_) return bounds;
  const Link known = link();
  const auto with = [&](double Link::*member, double value) {
    Link other = known;
    other.*member = value;
    return metric(other);
  };
  if (const auto& b = link_->latency.interval)
    bounds.push_back({with(&Link::latency, b->low), with(&Link::latency, b->high)});
  if (const auto& b = link_->bandwidth.interval; b && b->low > 0)
    bounds.push_back({with(&Link::bandwidth, b->low), with(&Link::bandwidth, b->high)});
  return bounds;
}

Estimate Predictor::estimate(const Metric& metric, const GroupSummary* also) const {
  std::vector<const StepEstimates*> groups = {&source_->steps, also ? &also->steps : &source_->steps};
  for (const GroupSummary* relative : relatives_) groups.push_back(&relative->steps);
  const auto told = [&](std::span<const Quantities> points, const Link& link) {
    const std::vector<Quantities> relatives(points.begin() + 2, points.end());
    return metric(model_of(points[0], relatives), link, points[1]);
  };
  std::vector<Quantities> points;
  for (const StepEstimates* group : groups) points.push_back(group->point);
  const Link link = has_link() ? this->link() : Link{};
  const auto of_link = at_bounds_of_link([&](const Link& other) { return told(points, other); });
  return lockstep::estimate(
      groups, [&](std::span<const Quantities> q) { return told(q, link); }, Scale::positive, of_link);
}

std::vector<Predictor> every_predictor(const WorkloadSummary& workload, Baseline baseline) {
  const std::vector<ScalingSeries> all = scaling_series(workload, baseline);
  std::vector<Predictor> predictors;
  for (const GroupSummary& group : workload.groups) {
    if (!is_usable(group)) continue;
    std::vector<const GroupSummary*> relatives;
    for (const ScalingSeries& series : all) {
      if (std::find(series.groups.begin(), series.groups.end(), &group) == series.groups.end()) continue;
      relatives = series.groups;
      relatives.push_back(summary_of(workload, series.baseline));
    }
    predictors.emplace_back(group, relatives);
  }
  return predictors;
}

std::vector<Predictor> predictors_of(const WorkloadSummary& workload, Baseline baseline) {
  std::vector<Predictor> predictors;
  for (const ScalingSeries& series : scaling_series(workload, baseline)) {
    std::vector<const GroupSummary*> relatives = series.groups;
    relatives.push_back(summary_of(workload, series.baseline));
    const auto usable = std::find_if(series.groups.rbegin(), series.groups.rend(),
                                     [](const GroupSummary* group) { return is_usable(*group); });
    if (usable != series.groups.rend()) predictors.emplace_back(**usable, relatives);
  }
  if (!predictors.empty()) return predictors;
  const GroupSummary* most = nullptr;
  for (const GroupSummary& group : workload.groups)
    if (is_usable(group) && (!most || group.group->any().ranks > most->group->any().ranks)) most = &group;
  if (most) predictors.emplace_back(*most, std::vector<const GroupSummary*>{});
  return predictors;
}

}  // namespace lockstep
