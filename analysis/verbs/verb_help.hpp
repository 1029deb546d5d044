// The help of one verb: what it shows, its columns, the flags that mean something to it, an example.
#pragma once

#include <string>

#include "analysis/verbs/verbs.hpp"

namespace lockstep {

std::string verb_help(const Verb& verb);

}  // namespace lockstep
