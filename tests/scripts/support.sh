# shellcheck shell=bash
# What the scripts of this folder share. Sourced. Wanted from the environment: SOURCE. $output is what is looked at.
set -uo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
failures=0
output=""

fail() {
  printf 'FAILED: %s\n' "$*"
  # shellcheck disable=SC2001
  sed 's/^/    | /' <<<"$output"
  failures=$((failures + 1))
}
has_line() { grep -qxF -- "$1" <<<"$output" || fail "no line: $1"; }
lacks() { ! grep -qF -- "$1" <<<"$output" || fail "should not say: $1"; }
