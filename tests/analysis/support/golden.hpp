// Compares a text with a file in tests/analysis/golden/.
// After a wanted change: LOCKSTEP_UPDATE_GOLDEN=1 test_analysis "[golden]", and read the difference.
#pragma once

#include <cstdlib>
#include <fstream>
#include <regex>
#include <sstream>
#include <string>

#include "support/catch.hpp"

namespace lockstep::test {

inline std::string masked_version(const std::string& text) {
  return std::regex_replace(text, std::regex(R"(analyze \d+\.\d+\.\d+)"), "analyze VERSION");
}

inline void check_golden(const std::string& text, const std::string& name) {
  const std::string path = LOCKSTEP_SOURCE_DIR "/tests/analysis/golden/" + name;
  if (std::getenv("LOCKSTEP_UPDATE_GOLDEN")) std::ofstream(path) << text;
  std::ostringstream kept;
  kept << std::ifstream(path).rdbuf();
  CHECK(text == kept.str());
}

}  // namespace lockstep::test
