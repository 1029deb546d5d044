#include "apps/commbench/measure.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <charconv>

#include "base/error.hpp"

namespace lockstep {

namespace {

std::int64_t element_bytes(const BenchOptions& options) {
  return static_cast<std::int64_t>(c10::elementSize(element_type(options.dtype).type));
}

// Zeros: however often they are added, they stay so.
Buffers buffers_for(const BenchMachine& machine, const Operation& operation, std::int64_t bytes,
                    const BenchOptions& options) {
  const auto as = at::TensorOptions(element_type(options.dtype).type).device(machine.device);
  const std::int64_t count = bytes / element_bytes(options);
  Buffers buffers{machine.communicator.allocate(count, as), {}};
  if (operation.second == Second::part) buffers.second = at::zeros({count / machine.communicator.size()}, as);
  if (operation.second == Second::copy) buffers.second = at::zeros({count}, as);
  return buffers;
}

// The ranks begin together, as far as a barrier can make them.
double repeat_once(const BenchMachine& machine, const Operation& operation, const Buffers& buffers) {
  machine.communicator.barrier()->times();
  return operation.run(machine.communicator, buffers);
}

// As many as fit into the time by the last of the warm-up, which rank 0 has timed.
std::int64_t choose_iterations(World& world, double seconds_of_one, const BenchOptions& options) {
  std::int64_t fitting = options.iterations;
  if (seconds_of_one > 0 && options.seconds / seconds_of_one < static_cast<double>(fitting))
    fitting = static_cast<std::int64_t>(options.seconds / seconds_of_one);
  const std::int64_t chosen = std::max(fitting, std::min(kFewestIterations, options.iterations));
  return world.broadcast(chosen);
}

// [ranks, repetitions] on rank 0, empty elsewhere.
Matrix<double> gathered(World& world, const std::vector<double>& mine) {
  const std::vector<std::vector<double>> all = world.gather(mine);
  if (all.empty()) return {};
  Matrix<double> seconds(std::ssize(all), std::ssize(mine));
  for (std::size_t r = 0; r < all.size(); ++r) {
    if (all[r].size() != mine.size()) throw run_error("rank {} timed a different number of repetitions", r);
    std::copy(all[r].begin(), all[r].end(),
              seconds.values.begin() + std::ssize(mine) * static_cast<std::ptrdiff_t>(r));
  }
  return seconds;
}

}  // namespace

std::vector<std::int64_t> sizes_of(const Operation& operation, const BenchOptions& options, int ranks) {
  if (!operation.bytes) return {0};
  const std::int64_t unit = element_bytes(options) * (operation.second == Second::part ? ranks : 1);
  std::vector<std::int64_t> sizes;
  for (std::int64_t bytes = options.least; bytes <= options.most; bytes *= options.factor) {
    const std::int64_t rounded = bytes / unit * unit;
    if (rounded > 0 && (sizes.empty() || rounded > sizes.back())) sizes.push_back(rounded);
  }
  return sizes;
}

CommBenchCase measure(const BenchMachine& machine, const Operation& operation, std::int64_t bytes,
                      const BenchOptions& options) {
  const Buffers buffers = buffers_for(machine, operation, bytes, options);
  double warm = 0;
  for (std::int64_t i = 0; i < options.warmup; ++i) warm = repeat_once(machine, operation, buffers);
  const std::int64_t iterations = choose_iterations(machine.world, warm, options);
  std::vector<double> mine;
  for (std::int64_t i = 0; i < iterations; ++i) mine.push_back(repeat_once(machine, operation, buffers));
  CommBenchCase result{operation.name, bytes, operation.root, 0, gathered(machine.world, mine)};
  result.wrong =
      machine.world.sum(operation.check(machine.communicator, buffers, element_type(options.dtype)));
  return result;
}

}  // namespace lockstep
