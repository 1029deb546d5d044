// What several ranks are held against: sequential training, and how far rounding alone carries it.
//
// N ranks add in another order than one, so their results differ in the last bits, and on another processor
// in other bits. What becomes of these depends on the configuration: where training is unstable, a bit grows
// to tenths within 50 steps. So the reference is trained a second time from weights that are one unit in the
// last place away. Where that comes near the tolerance the configuration cannot tell a fault from rounding,
// and fails as such: take a smaller learning rate, not a wider tolerance.
#pragma once

#include <mpi.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "launch/session.hpp"
#include "parity.hpp"
#include "support/catch.hpp"

namespace lockstep::test {

inline constexpr double kTolerance = 1e-5;
// What a bit may grow to: the sums of N ranks are rounded anew in every step, and in another order on each
// processor.
inline constexpr double kLargestGrowth = kTolerance / 4;
// What a weight must have moved by: a gradient that is wrong by a hundredth then shows.
inline constexpr double kLeastMove = 100 * kTolerance;

using State = std::map<std::string, torch::Tensor>;  // parameters and running statistics by name

inline State parameters_of(const Model& model) {
  State state;
  for (const auto& parameter : model.named_parameters())
    state[parameter.key()] = parameter.value().detach().clone(at::MemoryFormat::Contiguous);
  return state;
}

inline State state_of(const Model& model) {
  State state = parameters_of(model);
  for (const auto& buffer : model.named_buffers())
    state[buffer.key()] = buffer.value().to(torch::kFloat32, /*non_blocking=*/false, /*copy=*/true);
  return state;
}

// The largest of |whole - part|; NaN counts as infinite. A part may hold fewer tensors than the whole, but
// the head's own copy of a tied weight is the embedding's.
inline double largest_difference(const State& whole, const State& part) {
  double largest = 0;
  for (const auto& [name, value] : part) {
    const torch::Tensor& expected = whole.count(name) ? whole.at(name) : whole.at("embedding.weight");
    const double difference = (value - expected).abs().max().item<double>();
    largest =
        std::max(largest, std::isnan(difference) ? std::numeric_limits<double>::infinity() : difference);
  }
  return largest;
}

// Each weight becomes the next number above or below it, by the throw of a coin.
inline void move_by_last_bit(Model& model, int seed) {
  const torch::NoGradGuard no_grad;
  at::Generator coin = at::detail::createCPUGenerator(static_cast<std::uint64_t>(seed));
  for (torch::Tensor& parameter : model.parameters()) {
    const torch::Tensor up = at::rand(parameter.sizes(), coin) < 0.5;
    const float infinity = std::numeric_limits<float>::infinity();
    parameter.copy_(at::nextafter(parameter, at::where(up, infinity, -infinity).to(torch::kFloat32)));
  }
}

// All ranks of the test. It has no time limit: while rank 0 trains a reference the others wait for it.
inline World& world() {
  static const std::unique_ptr<World> all = mpi_world(0, nullptr, {.seconds = 0});
  return *all;
}

inline double largest_of_ranks(double value) {
  MPI_Allreduce(MPI_IN_PLACE, &value, 1, MPI_DOUBLE, MPI_MAX, MPI_COMM_WORLD);
  return value;
}

// Collective over MPI_COMM_WORLD, as are its functions. Rank 0 trains the reference, and the last ranks its
// neighbours.
class Reference {
 public:
  // neighbours: that are trained from weights moved by the last bit, each by other throws of the coin.
  explicit Reference(const RunConfig& config, int neighbours = 1) {
    const auto untrained = make_untrained(config, load_data(config, 1));
    whole_ = world().rank() == 0 ? trained(config, {}) : state_of(*untrained);
    std::vector<State> mine;
    for (int n = world().size() - 1 - world().rank(); n < neighbours; n += world().size())
      mine.push_back(trained(config, [n](Model& model) { move_by_last_bit(model, 7 + n); }));
    for (auto& [name, value] : whole_)
      MPI_Bcast(value.data_ptr<float>(), static_cast<int>(value.numel()), MPI_FLOAT, 0, MPI_COMM_WORLD);
    for (const State& neighbour : mine) growth_ = std::max(growth_, largest_difference(whole_, neighbour));
    growth_ = largest_of_ranks(growth_);
    moved_ = largest_difference(whole_, parameters_of(*untrained));
  }

  // How far this rank's part of what was trained on all ranks is from the reference; the largest of all
  // ranks.
  double distance(const State& part) const { return largest_of_ranks(largest_difference(whole_, part)); }

  double growth() const { return growth_; }
  double moved() const { return moved_; }

 private:
  static State trained(RunConfig config, const std::function<void(Model&)>& before) {
    const RunConfig::Parallel whole;
    config.parallel.stages = whole.stages;
    config.parallel.schedule = whole.schedule;
    config.parallel.micro_batches = whole.micro_batches;
    config.parallel.chunks = whole.chunks;
    config.parallel.partition = whole.partition;
    const auto alone = self_world();
    return state_of(*train(config, "seq", *alone, before));
  }

  State whole_;
  double growth_ = 0, moved_ = 0;
};

// By rank 0: a line of the table in docs/architecture.md.
inline void print_line(const std::string& what, const Reference& reference, double distance) {
  if (world().rank() == 0)
    std::printf("%-48s moved %7.1e  last bit %7.1e  %d ranks %7.1e\n", what.c_str(), reference.moved(),
                reference.growth(), world().size(), distance);
}

inline void check_equal(const std::string& what, const Reference& reference, const State& part) {
  const double distance = reference.distance(part);
  print_line(what, reference, distance);
  CAPTURE(what, reference.growth(), reference.moved());
  CHECK(reference.moved() > kLeastMove);
  CHECK(reference.growth() < kLargestGrowth);
  CHECK(distance < kTolerance);
}

}  // namespace lockstep::test
