#include "comm/communicator.hpp"

#include <array>

namespace lockstep {

const char* name_of(CollectiveKind kind) {
  static constexpr std::array<const char*, 9> kNames = {"all_reduce", "reduce_scatter", "all_gather",
                                                        "broadcast",  "send",           "recv",
                                                        "barrier",    "reduce",         "exchange"};
  return kNames.at(static_cast<std::size_t>(kind));
}

}  // namespace lockstep
