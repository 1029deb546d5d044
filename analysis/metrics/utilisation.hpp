// The share of the hardware's arithmetic that training uses. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace lockstep {

// Dense FLOP/s of a device for a precision ("bf16", "fp16", "fp32"), by its maker's data sheet. Nothing for
// what the table does not list, as all CPUs: a guess would be worse than no number. fp32 counts without TF32.
std::optional<double> peak_flops(const std::string& device, const std::string& precision, bool tf32 = false);

// Model FLOP utilisation (Chowdhery et al. 2022): the model's own FLOP/s by the peak of all ranks.
double model_flops_utilisation(double flops_per_sample, double samples_per_second, std::int64_t ranks,
                               double peak);

// Joules a sample.
double energy_per_sample(double joules, double samples);

}  // namespace lockstep
