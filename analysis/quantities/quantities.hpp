// What is known about one step, averaged over the ranks: the terms of all metrics of a step. Those of the
// time budget are columns of the run file, and follow from their one table (results/step_columns.hpp).
#pragma once

#include <array>
#include <cstddef>
#include <span>

#include "results/step_columns.hpp"

namespace lockstep {

// The argument, for a column that is a part of the budget or its rest; nothing for any other.
#define LOCKSTEP_PART_part(...) __VA_ARGS__,
#define LOCKSTEP_PART_rest(...) __VA_ARGS__,
#define LOCKSTEP_PART_wall(...)
#define LOCKSTEP_PART_none(...)

// Seconds, except samples. The budget: wall = data + ... + other, the sum of everything before wall.
enum class Quantity : std::size_t {
#define LOCKSTEP_COLUMN(type, name, unit, presence, budget, about) LOCKSTEP_PART_##budget(name)
  LOCKSTEP_STEP_COLUMNS(LOCKSTEP_COLUMN)
#undef LOCKSTEP_COLUMN
      wall,
  samples,   // of all ranks
  comm,      // length of the union of the rank's communication intervals
  transfer,  // of the step's collectives, the time of the fastest rank
  wait,      // time of a rank in collectives beyond that
  busiest,   // work (see below) of the rank that works most over the whole run
  excess,    // work of the rank that works most in this step, beyond the mean
  ideal,     // the step replayed with instant transfers; 0: the run has no events
};
inline constexpr std::size_t kQuantities = static_cast<std::size_t>(Quantity::ideal) + 1;
inline constexpr std::size_t kBudgetParts = static_cast<std::size_t>(Quantity::wall);

// The columns of the budget in the order of Quantity: its parts, then wall.
struct BudgetColumn {
  Quantity quantity;
  const char* name;
  Matrix<double> StepTable::*column;
};
inline constexpr auto kBudgetColumns = std::to_array<BudgetColumn>({
#define LOCKSTEP_COLUMN(type, name, unit, presence, budget, about) \
  LOCKSTEP_PART_##budget(BudgetColumn{Quantity::name, #name, &StepTable::name})
    LOCKSTEP_STEP_COLUMNS(LOCKSTEP_COLUMN)
#undef LOCKSTEP_COLUMN
        BudgetColumn{Quantity::wall, "wall", &StepTable::wall},
});
constexpr const BudgetColumn& column_of(Quantity part) {
  return kBudgetColumns[static_cast<std::size_t>(part)];
}

#undef LOCKSTEP_PART_part
#undef LOCKSTEP_PART_rest
#undef LOCKSTEP_PART_wall
#undef LOCKSTEP_PART_none

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
  // Everything that a rank does except communication and waiting for another stage's output.
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
