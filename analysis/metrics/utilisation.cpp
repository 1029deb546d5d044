#include "analysis/metrics/utilisation.hpp"

namespace lockstep {

namespace {

struct Peak {
  const char* device;         // part of the name
  double half, tf32, single;  // FLOP/s, dense: bf16 and fp16 with fp32 sums; TF32; fp32 without it; 0: none
};
// NVIDIA's data sheets. The first row whose name is part of the device's counts.
constexpr Peak kPeaks[] = {
    {"H100 PCIe", 756e12, 378e12, 51e12},
    {"H100 NVL", 835e12, 417e12, 60e12},
    {"H100", 989e12, 494e12, 67e12},
    {"H200", 989e12, 494e12, 67e12},
    {"GH200", 989e12, 494e12, 67e12},
    {"B200", 2250e12, 1125e12, 75e12},
    {"A100", 312e12, 156e12, 19.5e12},
    {"A30", 165e12, 82e12, 10.3e12},
    {"L40S", 362e12, 181e12, 91.6e12},
    {"L4", 121e12, 60e12, 30.3e12},
    {"V100", 0, 0, 15.7e12},
};

}  // namespace

std::optional<double> peak_flops(const std::string& device, const std::string& precision, bool tf32) {
  for (const Peak& peak : kPeaks) {
    if (device.find(peak.device) == std::string::npos) continue;
    const bool half = precision == "bf16" || precision == "fp16";
    const double single = tf32 && peak.tf32 > 0 ? peak.tf32 : peak.single;
    const double flops = half ? peak.half : precision == "fp32" ? single : 0;
    return flops > 0 ? std::optional(flops) : std::nullopt;
  }
  return {};
}

double model_flops_utilisation(double flops_per_sample, double samples_per_second, std::int64_t ranks,
                               double peak) {
  return flops_per_sample * samples_per_second / (static_cast<double>(ranks) * peak);
}

double energy_per_sample(double joules, double samples) { return joules / samples; }

}  // namespace lockstep
