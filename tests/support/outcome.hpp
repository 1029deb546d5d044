// How a test program ends: 0 passed, 1 failed, kTooBusy where times could not be judged (SKIP_RETURN_CODE in
// cmake/Tests.cmake). Catch2 itself returns the number of failures, which might be any of these.
#pragma once

#include <iostream>
#include <string>

namespace lockstep::test {

inline constexpr int kTooBusy = 77;

inline bool& was_too_busy() {
  static bool busy = false;
  return busy;
}

inline void say_too_busy(const std::string& why) {
  was_too_busy() = true;
  std::cout << "machine too busy: " << why << "; run this test again when it is idle" << std::endl;
}

inline int exit_code(int failures) {
  if (failures != 0) return 1;
  return was_too_busy() ? kTooBusy : 0;
}

}  // namespace lockstep::test
