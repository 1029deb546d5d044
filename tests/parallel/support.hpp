// What the tests of this folder share.
#pragma once

#include <string>

#include "base/error.hpp"
#include "support/catch.hpp"

namespace lockstep {

// The message of the bad input that the call complains of; "no error" when it does not.
template <typename Call>
std::string message_of(Call call) {
  try {
    call();
  } catch (const Error& error) {
    CHECK(error.code() == ExitCode::bad_input);
    return error.what();
  }
  return "no error";
}

}  // namespace lockstep
