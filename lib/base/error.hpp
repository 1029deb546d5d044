// The one exception type of the suite, and what an exit code means.
#pragma once

#include <fmt/format.h>

#include <stdexcept>
#include <string>

#include "base/text.hpp"

namespace lockstep {

// Exit codes of every program; fixed, scripts rely on them.
enum class ExitCode : int {
  done = 0,
  failed = 1,     // failed while running
  bad_input = 2,  // the user's input is wrong
  refused = 3,    // analyze: the runs are invalid, or a claim is refused under --strict
  not_valid = 4,  // the run finished but is not valid (audit, diverged replicas)
};

// what() is one line without a trailing newline or full stop that names the file, line and key where there is
// one, and the remedy. What it quotes may hold any bytes, and is made printable.
class Error : public std::runtime_error {
 public:
  Error(ExitCode code, const std::string& message) : std::runtime_error(printable(message)), code_(code) {}
  ExitCode code() const { return code_; }

 private:
  ExitCode code_;
};

// The user's input is wrong: exit code 2.
template <typename... Args>
[[nodiscard]] Error input_error(fmt::format_string<Args...> format, Args&&... args) {
  return Error(ExitCode::bad_input, fmt::format(format, std::forward<Args>(args)...));
}

// Something failed while running: exit code 1.
template <typename... Args>
[[nodiscard]] Error run_error(fmt::format_string<Args...> format, Args&&... args) {
  return Error(ExitCode::failed, fmt::format(format, std::forward<Args>(args)...));
}

// "No space left on device" for ENOSPC: strerror without its shared buffer.
std::string errno_text(int code);

}  // namespace lockstep
