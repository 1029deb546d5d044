// What NVIDIA's management library tells of one GPU: clocks, power, energy, temperature, and why it is slower
// than it could be. The library is loaded at run time and need not be there; nothing here can fail a run, and
// nothing touches CUDA.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "results/run_data.hpp"

namespace lockstep {

// Of one moment. NaN: not known.
struct GpuReading {
  double sm_clock = kUnknown, memory_clock = kUnknown;  // Hz
  double power = kUnknown;                              // W
  double temperature = kUnknown;                        // degrees Celsius
  double energy = kUnknown;                             // J since the driver was loaded
  std::int64_t slowdowns = 0;                           // of results/gpu_slowdowns.hpp
};

class Nvml {
 public:
  // The GPU at this address ("0000:1b:00.0"). Null where the library or the GPU is not there, or the GPU does
  // not answer.
  static std::unique_ptr<Nvml> open(const std::string& pci_address,
                                    const char* library = "libnvidia-ml.so.1");
  virtual ~Nvml() = default;

  virtual std::string driver() const = 0;  // "580.65.06"; empty when not known
  virtual GpuFacts facts() const = 0;      // of this moment
  // Takes up to some milliseconds. Of a GPU that is cut into instances (MIG), what others use of it counts
  // too: its power and energy are not known.
  virtual GpuReading read() const = 0;
};

}  // namespace lockstep
