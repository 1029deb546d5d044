// Token ids that mean the same in every vocabulary of sentence pairs.
#pragma once

#include <cstdint>

namespace lockstep {

inline constexpr std::int64_t kPaddingToken = 0, kUnknownToken = 1, kBeginToken = 2, kEndToken = 3;

}  // namespace lockstep
