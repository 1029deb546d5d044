#include "analysis/runs/finding.hpp"

#include <algorithm>

namespace lockstep {

const Finding* refusal_of(std::span<const Finding> findings, Claim claim) {
  const auto found = std::find_if(findings.begin(), findings.end(),
                                  [&](const Finding& f) { return f.rule->refuses == claim; });
  return found == findings.end() ? nullptr : &*found;
}

}  // namespace lockstep
