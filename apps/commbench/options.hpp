// The command line of commbench. Its help text is made from the table that it is parsed by.
#pragma once

#include <c10/core/ScalarType.h>

#include <cstdint>
#include <string>
#include <vector>

#include "config/run_config.hpp"

namespace lockstep {

struct BenchOptions {
  std::int64_t least = 4, most = std::int64_t{256} << 20;  // bytes of a message
  std::int64_t factor = 2;                                 // from one size to the next
  std::int64_t iterations = 50, warmup = 5;
  double seconds = 0.5;  // that the iterations of one case may take; but never fewer than kFewestIterations
  std::vector<std::string> collectives;  // empty: all
  BackendKind backend = BackendKind::automatic;
  DeviceKind device = DeviceKind::automatic;
  std::string dtype = "fp32";
  std::string output = "experiments";
  bool quiet = false, help = false, version = false;
};
inline constexpr std::int64_t kFewestIterations = 5;

// Error(bad_input) for what it does not know, and for numbers that make no sense together.
BenchOptions parse_bench_options(int argc, const char* const* argv);

std::string bench_help();

// A type that Communicator takes, by the name of an option; and what a sum of its whole numbers may reach
// without being rounded or wrapped.
struct ElementType {
  const char* name;
  const char* nccl_name;  // as nccl-tests prints it
  at::ScalarType type;
  std::int64_t exact_to;
};
const ElementType& element_type(const std::string& name);

// "256M" of 268435456: with the largest binary suffix that divides it.
std::string size_text(std::int64_t bytes);

}  // namespace lockstep
