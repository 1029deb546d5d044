// What can be claimed from results without run files, and what cannot.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "analysis/import/artefact.hpp"

namespace lockstep {

struct ImportedFinding {
  std::string code, subject, sentence;
  bool refusal = false;
};

// A run and the one it is compared with.
struct ImportedClaim {
  const ImportedRun* run = nullptr;
  const ImportedRun* baseline = nullptr;  // null: there is none, or it is the baseline itself
  double epoch_seconds = 0;               // median of its epochs; NaN: not said
  double apparent_speedup = 0;            // of epoch times; NaN: none. Never more than apparent: no audit
  double accuracy = 0;                    // of the last epoch; NaN: not said
};

struct ImportedClaims {
  std::vector<ImportedClaim> claims;  // in the order of the runs
  std::vector<ImportedFinding> findings;
};
// runs must outlive the result.
ImportedClaims claims_of(std::span<const ImportedRun> runs);

}  // namespace lockstep
