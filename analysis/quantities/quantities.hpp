// What is known of one step, averaged over the ranks: the terms of every metric of this first kind.
#pragma once

#include <array>
#include <cstddef>
#include <span>

namespace lockstep {

// Seconds, but for samples. The budget: wall = data + ... + other, the eight from data to other.
enum class Quantity : std::size_t {
  data,
  h2d,
  forward,
  backward,
  comm_exposed,
  optimizer,
  bubble,
  other,
  wall,
  samples,   // of all ranks together
  comm,      // length of the union of the rank's communication intervals
  transfer,  // of the step's collectives, what the fastest rank needed
  wait,      // what a rank spent in collectives beyond that
  busiest,   // work (see below) of the rank that works most over the whole run
  excess,    // work of the rank that works most in this very step, beyond the mean
  ideal,     // the step replayed with transfers that take no time; 0: the run has no events
};
inline constexpr std::size_t kQuantities = 16;
inline constexpr std::size_t kBudgetParts = 8;  // the first so many add up to wall

inline constexpr std::array<const char*, kQuantities> kQuantityNames = {
    "data", "h2d",     "forward", "backward", "comm_exposed", "optimizer", "bubble", "other",
    "wall", "samples", "comm",    "transfer", "wait",         "busiest",   "excess", "ideal"};

struct Quantities {
  std::array<double, kQuantities> values{};
  double& operator[](Quantity q) { return values[static_cast<std::size_t>(q)]; }
  double operator[](Quantity q) const { return values[static_cast<std::size_t>(q)]; }
  Quantities& operator+=(const Quantities& more) {
    for (std::size_t i = 0; i < kQuantities; ++i) values[i] += more.values[i];
    return *this;
  }
  Quantities& operator*=(double factor) {
    for (double& v : values) v *= factor;
    return *this;
  }
  // What a rank does apart from communication and waiting for input from another stage.
  double work() const {
    return (*this)[Quantity::wall] - (*this)[Quantity::comm_exposed] - (*this)[Quantity::bubble];
  }
  double passes() const { return (*this)[Quantity::forward] + (*this)[Quantity::backward]; }
  double compute() const { return passes() + (*this)[Quantity::optimizer]; }
};

inline Quantities mean_of(std::span<const Quantities> steps) {
  Quantities sum;
  for (const Quantities& step : steps) sum += step;
  return sum *= 1 / static_cast<double>(steps.size());
}

}  // namespace lockstep
