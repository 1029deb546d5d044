// The closed time budget of a step, and where parallel training loses time. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "analysis/quantities/quantities.hpp"
#include "base/names.hpp"

namespace lockstep {

// What the time of a step is lost on. compute: forward and backward passes.
enum class LossPart { data, h2d, compute, optimizer, comm_wait, comm_transfer, bubble, other };
template <>
inline constexpr auto kNames<LossPart> = std::to_array<Named<LossPart>>({
    {"data", LossPart::data},
    {"h2d", LossPart::h2d},
    {"compute", LossPart::compute},
    {"optimizer", LossPart::optimizer},
    {"comm_wait", LossPart::comm_wait},
    {"comm_transfer", LossPart::comm_transfer},
    {"bubble", LossPart::bubble},
    {"other", LossPart::other},
});

// Time of a phase in a step; 0 for communication, which is not recorded as waiting and transfer.
double phase_seconds(LossPart phase, const Quantities& step);

// (sum of the parts - wall) / wall: 0 if the budget closes, above 0 if something is counted twice.
double budget_gap(const Quantities& step);

// The part of the step's exposed communication that transfers cost: the time by which the step would be
// shorter without them (replayed, Quantity::ideal); the rest is waiting for other ranks. Without a replay it
// is divided like the step's collectives in total, and if those are unknown, all of it is transfer.
double exposed_transfer(const Quantities& step);

// Seconds of a rank's step beyond the ideal, and what they were spent on. Parts add up to total, and may be
// below 0 where parallel training is the better one.
struct LostTime {
  double total = 0;
  struct Part {
    LossPart part;
    double seconds = 0;
  };
  std::vector<Part> parts;  // one for each LossPart, in its order
  double& of(LossPart part) { return parts[static_cast<std::size_t>(part)].seconds; }
  double of(LossPart part) const { return parts[static_cast<std::size_t>(part)].seconds; }
  // Whether shares of the total mean anything: something is lost, and no part is more than the whole, as it
  // is where other parts are below 0.
  bool has_shares() const;
};

// strong: the ideal step is the baseline's divided by ranks; weak: the baseline's. The baseline is taken to
// wait for nobody.
LostTime lost_time(const Quantities& step, const Quantities& baseline, std::int64_t ranks, bool strong);

}  // namespace lockstep
