#include "comm/communicator.hpp"

#include <ATen/ops/zeros.h>

#include <array>

namespace lockstep {

const char* name_of(CollectiveKind kind) {
  static constexpr std::array<const char*, 9> kNames = {"all_reduce", "reduce_scatter", "all_gather",
                                                        "broadcast",  "send",           "recv",
                                                        "barrier",    "reduce",         "exchange"};
  return kNames.at(static_cast<std::size_t>(kind));
}

at::Tensor Communicator::allocate(std::int64_t elements, const at::TensorOptions& options) {
  return at::zeros({elements}, options);
}

at::Tensor Communicator::allocate_common(std::int64_t, const at::TensorOptions&) { return {}; }

}  // namespace lockstep
