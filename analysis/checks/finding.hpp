// What a rule found: the sentence that a report prints, and what may not be claimed because of it.
#pragma once

#include <string>

namespace lockstep {

struct Rule;

struct Finding {
  const Rule* rule = nullptr;
  std::string sentence;
};

}  // namespace lockstep
