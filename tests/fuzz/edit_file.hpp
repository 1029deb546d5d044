// Changes run files as another program might have written them: valid HDF5, of another content. What HDF5
// itself makes of damaged bytes is left to the fuzzer's own mutations.
#pragma once

#include <string>

#include "base/random.hpp"

namespace lockstep::fuzz {

// A whole file's bytes with one to eight changes: objects removed, put elsewhere, or replaced by ones of
// another type, shape or value; attributes likewise. The bytes must be of a file that is not damaged.
std::string edited(const std::string& bytes, RandomStream& random);

}  // namespace lockstep::fuzz
