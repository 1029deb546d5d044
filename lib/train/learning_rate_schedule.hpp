// The learning rate of each optimizer step: warm-up, then what the schedule says. Pure.
#pragma once

#include <cstdint>

#include "config/run_config.hpp"

namespace lockstep {

// step counts from 0 over the whole run of total_steps. Linear warm-up from lr / (warmup_steps + 1), then
// constant, or linear or half-cosine decay that would reach 0 at total_steps.
double learning_rate(const RunConfig::Training& training, std::int64_t step, std::int64_t total_steps);

}  // namespace lockstep
