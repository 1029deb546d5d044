# shellcheck shell=bash
# shellcheck shell=bash
# Sourced. For limits of time on a machine with other work, as timed.hpp does it for the programs.

# core_share: per cent of a core that a computing process gets, measured for half a second by its own clocks.
core_share() {
  local end=$((${EPOCHREALTIME/[.,]/} + 500000)) TIMEFORMAT='%R %U %S' times
  times=$({ time while [ "${EPOCHREALTIME/[.,]/}" -lt "$end" ]; do :; done; } 2>&1)
  awk '{ printf "%d", 100 * ($2 + $3) / $1 }' <<< "${times//,/.}"
}

# skip_if_busy: ends the test as skipped, and says why, unless the machine is free, or something has failed already.
skip_if_busy() {
  local share
  share=$(core_share)
  [ "$share" -ge 90 ] && return
  [ -s "${work:-/nowhere}/failures" ] && return
  echo "machine too busy: a computing process had $share % of a core; run this test again when it is idle"
  exit 77
}
