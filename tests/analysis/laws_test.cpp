// Models fitted to measurements: scaling laws, links, bubbles, learning. Golden vectors and limits.
#include <cmath>
#include <limits>

#include "analysis/metrics/learning.hpp"
#include "analysis/metrics/least_squares.hpp"
#include "analysis/metrics/link_model.hpp"
#include "analysis/metrics/pipeline.hpp"
#include "analysis/metrics/scaling_laws.hpp"
#include "analysis/metrics/statistics.hpp"
#include "analysis/metrics/utilisation.hpp"
#include "support/catch.hpp"

using namespace lockstep;

namespace {

constexpr double kNothing = std::numeric_limits<double>::quiet_NaN();

std::vector<ScalingPoint> points_of(const std::function<double(double)>& law) {
  std::vector<ScalingPoint> points;
  for (const std::int64_t p : {2, 4, 8, 16}) points.push_back({p, law(static_cast<double>(p))});
  return points;
}

}  // namespace

TEST_CASE("Amdahl's law is found again") {
  CHECK(*amdahl_fit(points_of([](double p) { return 1 / (0.1 + 0.9 / p); })) == Approx(0.9));
  CHECK(*amdahl_fit(points_of([](double p) { return p; })) == Approx(1));
}

TEST_CASE("Amdahl's law is not fitted where it cannot hold") {
  CHECK_FALSE(amdahl_fit(std::vector<ScalingPoint>{{4, 3.5}}));              // two rank counts: 1 and 4
  CHECK_FALSE(amdahl_fit(std::vector<ScalingPoint>{{2, 0.79984}, {4, 1}}));  // slower than one rank
  CHECK_FALSE(amdahl_fit(std::vector<ScalingPoint>{{2, 2.5}, {4, 5}}));      // faster than the ranks
  CHECK(amdahl_fit(std::vector<ScalingPoint>{{1, 1}, {2, 1.9}, {4, 3.5}}));
  CHECK(rank_counts(std::vector<ScalingPoint>{{1, 1}, {2, 2}, {2, 1.9}}) == 2);
}

TEST_CASE("Gustafson's serial share is found again") {
  CHECK(gustafson_serial_share(points_of([](double p) { return p - (p - 1) * 0.2; })) == Approx(0.2));
  CHECK(std::isnan(gustafson_serial_share(std::vector<ScalingPoint>{{1, 1}})));
}

TEST_CASE("the universal scalability law is found again, and where it turns") {
  const UslFit truth{0.05, 0.002};
  const auto fit = usl_fit(points_of([&](double p) { return truth.speedup(p); }));
  REQUIRE(fit);
  CHECK(fit->sigma == Approx(0.05));
  CHECK(fit->kappa == Approx(0.002));
  CHECK(*fit->best_ranks() == Approx(21.794).epsilon(1e-4));  // sqrt(0.95 / 0.002)
  CHECK_FALSE(usl_fit(std::vector<ScalingPoint>{{4, 3.5}}));
}

TEST_CASE("what the law of scalability has no use for is 0, never below") {
  const auto amdahl = usl_fit(points_of([](double p) { return 1 / (0.1 + 0.9 / p); }));
  CHECK(amdahl->sigma == Approx(0.1));
  CHECK(amdahl->kappa == Approx(0).margin(1e-12));
  const auto superlinear = usl_fit(points_of([](double p) { return 1.2 * p; }));
  CHECK(superlinear->sigma == 0);
  CHECK(superlinear->kappa == 0);
  CHECK_FALSE(superlinear->best_ranks());
  CHECK(*UslFit{1.5, 0.1}.best_ranks() == 1);  // slower from the second rank on
}

TEST_CASE("least squares with coefficients that may not be negative") {
  const Observation line[] = {{1, 1, 5}, {1, 2, 7}, {1, 3, 9}};
  const Coefficients free = non_negative_least_squares(line);
  CHECK(free.a == Approx(3));
  CHECK(free.b == Approx(2));
  const Observation falling[] = {{1, 1, 3}, {1, 2, 2}, {1, 3, 1}};
  CHECK(non_negative_least_squares(falling).a == Approx(2));
  CHECK(non_negative_least_squares(falling).b == 0);
  const Observation through_zero[] = {{1, 1, 1}, {1, 2, 4}, {1, 3, 7}};
  CHECK(non_negative_least_squares(through_zero).a == 0);
  CHECK(non_negative_least_squares(through_zero).b == Approx(30.0 / 14));
  const Observation proportional[] = {{1, 2, 4}, {2, 4, 8}};
  CHECK(non_negative_least_squares(proportional).b == Approx(2));
}

TEST_CASE("a robust fit is not led astray by an outlier") {
  std::vector<Observation> line;
  for (int x = 1; x <= 10; ++x) line.push_back({1, double(x), 3.0 + 2 * x + (x % 2 ? 0.01 : -0.01)});
  line[4].y = 100;
  CHECK(robust_non_negative_fit(line).a == Approx(3).epsilon(0.02));
  CHECK(robust_non_negative_fit(line).b == Approx(2).epsilon(0.02));
}

TEST_CASE("a ring all-reduce without latency") {
  const Link link{0, 10e9};
  CHECK(link.all_reduce(11.30e6, 4) == Approx(1.695e-3));
  CHECK(link.all_reduce(33.12e6, 4) == Approx(4.968e-3));
  CHECK(link.all_reduce(33.12e6, 1) == 0);
  CHECK(Link{2e-6, 25e9}.message(1e6) == Approx(42e-6));
  CHECK(Link{2e-6, 25e9}.all_reduce(0, 8) == Approx(28e-6));
  CHECK(Link{2e-6, 25e9}.all_gather(1e6, 8) == Approx(14e-6 + 35e-6));
  CHECK(Link{2e-6, 25e9}.broadcast(1e6, 8) == Approx(14e-6 + 40e-6));
  CHECK(Link{2e-6, 25e9}.broadcast(1e6, 1) == 0);
}

TEST_CASE("latency and bandwidth are found again from all-reduces of several sizes") {
  const Link truth{15e-6, 3e9};
  std::vector<MessageTime> times;
  for (const double bytes : {1e4, 1e5, 1e6, 4e6}) times.push_back({bytes, truth.all_reduce(bytes, 4), 100});
  const auto fit = fit_link("all_reduce", times, 4);
  REQUIRE(fit);
  CHECK(fit->latency == Approx(15e-6));
  CHECK(fit->bandwidth == Approx(3e9));
  for (MessageTime& time : times) time.seconds /= 2;
  const auto scatters = fit_link("reduce_scatter", times, 4);
  REQUIRE(scatters);
  CHECK(scatters->latency == Approx(15e-6));
  CHECK(scatters->bandwidth == Approx(3e9));
  CHECK_FALSE(fit_link("all_reduce", std::vector<MessageTime>{{1e6, 1e-3}, {1.2e6, 1e-3}}, 4));  // too alike
  CHECK_FALSE(fit_link("all_reduce", times, 1));
  CHECK_FALSE(fit_link("all_reduce", {}, 4));
}

TEST_CASE("the bucket size that costs least") {
  const BucketAdvice fast = best_bucket(515.2e6, 275e9, 20e-6), slow = best_bucket(515.2e6, 10e9, 30e-6);
  CHECK(fast.bytes == Approx(53.2e6).epsilon(1e-3));
  CHECK(fast.exposed == Approx(387e-6).epsilon(1e-3));
  CHECK(slow.bytes == Approx(12.4e6).epsilon(5e-3));
  CHECK(slow.exposed == Approx(2.486e-3).epsilon(1e-3));
  CHECK(exposed_with_buckets(2 * fast.bytes, 515.2e6, 275e9, 20e-6) > fast.exposed);
}

TEST_CASE("the bubble of an ideal pipeline") {
  CHECK(*ideal_bubble(PipelineSchedule::gpipe, 4, 4) == Approx(3.0 / 7));
  CHECK(*ideal_bubble(PipelineSchedule::one_f_one_b, 4, 16) == Approx(3.0 / 19));
  CHECK(*ideal_bubble(PipelineSchedule::gpipe, 8, 8) == Approx(0.467).epsilon(1e-3));
  CHECK(*ideal_bubble(PipelineSchedule::gpipe, 8, 16) == Approx(0.304).epsilon(2e-3));
  CHECK(*ideal_bubble(PipelineSchedule::interleaved, 4, 4, 2) == Approx(3.0 / 11));
  CHECK(*ideal_bubble(PipelineSchedule::layerwise, 4, 4) == Approx(0.75));
  CHECK_FALSE(ideal_bubble(PipelineSchedule::gpipe, 4, 0));
}

TEST_CASE("the bubble that was measured, and the bound with unequal stages") {
  const double busy[] = {4, 4, 4, 4};
  CHECK(measured_bubble(busy, 7) == Approx(3.0 / 7));
  const double equal[] = {1, 1, 1, 1}, unequal[] = {1, 2, 1, 1};
  CHECK(pipeline_bound(equal, 4) == Approx(7));
  CHECK(pipeline_bound(unequal, 4) == Approx(11));
  CHECK(pipeline_bound({}, 4) == 0);
}

TEST_CASE("utilisation of the model's FLOPs, where the peak is known") {
  CHECK(*peak_flops("NVIDIA H100 80GB HBM3", "bf16") == 989e12);
  CHECK(*peak_flops("NVIDIA H200", "bf16") == 989e12);
  CHECK(*peak_flops("NVIDIA H100 PCIe", "bf16") == 756e12);
  CHECK(*peak_flops("NVIDIA H200", "fp32") == 67e12);
  CHECK(*peak_flops("NVIDIA H200", "fp32", /*tf32=*/true) == 494e12);
  CHECK(*peak_flops("NVIDIA H200", "bf16", /*tf32=*/true) == 989e12);
  CHECK(*peak_flops("Tesla V100-SXM2", "fp32", /*tf32=*/true) == 15.7e12);  // it has none
  CHECK_FALSE(peak_flops("cpu", "fp32"));
  CHECK_FALSE(peak_flops("NVIDIA H100 80GB HBM3", "int4"));
  CHECK(model_flops_utilisation(1e9, 395.6e3, 1, 989e12) == Approx(0.4));
  CHECK(model_flops_utilisation(1e9, 395.6e3, 4, 989e12) == Approx(0.1));
  CHECK(energy_per_sample(500, 2000) == Approx(0.25));
}

TEST_CASE("time to accuracy: the first time, in either direction, or never") {
  const LearningPoint curve[] = {{1, 100, kNothing}, {2, 200, 0.80}, {3, 300, 0.86}, {4, 400, 0.84}};
  CHECK(first_at_target(curve, 0.85, true)->seconds == 3);
  CHECK(first_at_target(curve, 0.80, true)->samples == 200);
  CHECK_FALSE(first_at_target(curve, 0.9, true));
  const LearningPoint perplexity[] = {{1, 100, 90}, {2, 200, 40}};
  CHECK(first_at_target(perplexity, 50, false)->seconds == 2);
  CHECK(target_near(0.86, 0.1) == Approx(0.822));
  CHECK(target_near(40, 100) == Approx(43));
}

TEST_CASE("a run that never reaches the target is censored, not dropped") {
  using Times = std::vector<std::optional<double>>;
  CHECK(*censored_median(Times{3, 1, 2}) == 2);
  CHECK(*censored_median(Times{3, 1, {}}) == 3);  // dropping it would give 2
  CHECK_FALSE(censored_median(Times{3, {}, {}}));
  CHECK(*censored_median(Times{1, 2, 3, {}}) == 2.5);
  CHECK_FALSE(censored_median(Times{1, 2, {}, {}}));
  CHECK_FALSE(censored_median(Times{}));
  CHECK(statistical_efficiency(1000, 1250) == Approx(0.8));
}

TEST_CASE("the gradient noise scale") {
  // |G|^2 = 4, tr(Sigma) = 800: a batch of b has the squared norm 4 + 800/b.
  CHECK(*gradient_noise_scale(32, 4 + 800.0 / 32, 128, 4 + 800.0 / 128) == Approx(200));
  CHECK_FALSE(gradient_noise_scale(32, 1, 32, 1));
  CHECK_FALSE(gradient_noise_scale(32, 100, 128, 1));  // nothing but noise
}

TEST_CASE("Student's quantile, and the largest of some normal numbers") {
  CHECK(student_t(1) == Approx(12.706).epsilon(1e-3));
  CHECK(student_t(6) == Approx(2.4469).epsilon(1e-3));
  CHECK(student_t(9) == Approx(2.2622).epsilon(1e-3));
  CHECK(student_t(1000) == Approx(1.9623).epsilon(1e-3));
  CHECK(std::isinf(student_t(0)));
  CHECK(expected_largest_normal(1) == 0);
  CHECK(expected_largest_normal(2) == Approx(0.5642).epsilon(0.05));
  CHECK(expected_largest_normal(8) == Approx(1.4236).epsilon(0.02));
  CHECK(expected_largest_normal(1000) == Approx(3.2414).epsilon(0.02));
}
