# Writes build_facts.hpp, and only when a fact has changed: an unchanged commit rebuilds nothing.
execute_process(COMMAND git -C "${SOURCE_DIR}" describe --always --dirty --abbrev=12
  OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE failed)
if(failed)
  set(commit "unknown")
endif()
string(STRIP "${FLAGS}" FLAGS)
file(CONFIGURE OUTPUT "${OUT}" CONTENT [[
#pragma once
#define LOCKSTEP_VERSION "@VERSION@"
#define LOCKSTEP_COMMIT "@commit@"
#define LOCKSTEP_FLAGS "@FLAGS@"
]] @ONLY)
