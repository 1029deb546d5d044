// How a test program ends: 0 passed, 1 failed, kSkipped where something could not be judged (SKIP_RETURN_CODE
// in cmake/Tests.cmake), with the reason as its last line. Catch2 itself returns the number of failures,
// which might be any of these.
#pragma once

#include <iostream>
#include <string>

namespace lockstep::test {

inline constexpr int kSkipped = 77;

inline std::string& why_skipped() {
  static std::string why;
  return why;
}

inline void say_skipped(const std::string& why) { why_skipped() = why; }

inline void say_too_busy(const std::string& why) {
  say_skipped("machine too busy: " + why + "; run this test again when it is idle");
}

inline int exit_code(int failures) {
  if (!why_skipped().empty()) std::cout << why_skipped() << std::endl;
  if (failures != 0) return 1;
  return why_skipped().empty() ? 0 : kSkipped;
}

}  // namespace lockstep::test
