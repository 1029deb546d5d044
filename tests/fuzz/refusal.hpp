// What every reader promises of bytes that come from outside: it reads them, or it refuses them in one line that
// calls them the user's input; never anything else.
#pragma once

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>

#include "base/error.hpp"

namespace lockstep::fuzz {

[[noreturn]] inline void found(const char* what, const std::string& message) {
  std::fprintf(stderr, "FINDING: %s: %s\n", what, message.c_str());
  std::abort();
}

// The line in which body refuses what it reads; empty when it reads it. Anything else is a finding.
template <typename Body>
std::string refusal_by(const Body& body) {
  try {
    body();
    return "";
  } catch (const Error& error) {
    const std::string message = error.what();
    if (error.code() != ExitCode::bad_input) found("not said to be the input's fault", message);
    if (message.empty() || std::any_of(message.begin(), message.end(),
                                       [](char c) { return static_cast<unsigned char>(c) < 0x20; }))
      found("not one plain line", message);
    return message;
  } catch (const std::exception& error) {
    found("not an Error", error.what());
  }
}

}  // namespace lockstep::fuzz
