#!/usr/bin/env bash
# What the configuration says of what is not installed: one line with the package's name and the command.
# shellcheck source=tests/scripts/support.sh
source "$(dirname "${BASH_SOURCE[0]}")/support.sh"

# configure ARGUMENTS...: expects it to fail.
configure() {
  rm -rf "$work/build"
  output="$(cmake -S "$SOURCE" -B "$work/build" -G Ninja "$@" 2>&1 >/dev/null)" && fail "configured with $*"
}
# says WORDS...: all of them in one line.
says() {
  local line="$output" word
  for word in "$@"; do line="$(grep -F -- "$word" <<<"$line")"; done
  [[ -n "$line" && "$(wc -l <<<"$line")" == 1 ]] || fail "no line that says: $*"
}

libraries=(HDF5 fmt yaml-cpp Boost ZLIB PNG MPI nlohmann_json xxHash Catch2)
mapfile -t disabled < <(printf -- '-DCMAKE_DISABLE_FIND_PACKAGE_%s=ON\n' "${libraries[@]}")
configure -DLOCKSTEP_CUDA=OFF -DLOCKSTEP_TESTS=ON -DLOCKSTEP_PGREP=OFF -DLOCKSTEP_H5DUMP=OFF "${disabled[@]}"
says "HDF5 (libhdf5-dev)" "fmt (libfmt-dev)" "yaml-cpp (libyaml-cpp-dev)" "Boost (libboost-program-options-dev)" "ZLIB (zlib1g-dev)" \
  "PNG (libpng-dev)" "MPI (libopenmpi-dev)" "nlohmann_json (nlohmann-json3-dev)" "xxHash (libxxhash-dev)" "Catch2 (catch2)" "h5dump (hdf5-tools)" "pgrep (procps)" \
  "scripts/bootstrap --tests installs them"

configure -DLOCKSTEP_ANALYSIS_ONLY=ON -DLOCKSTEP_TESTS=ON -DCMAKE_DISABLE_FIND_PACKAGE_Catch2=ON
says "Not found: Catch2 (catch2), with" "scripts/bootstrap --tests installs them"
configure -DLOCKSTEP_ANALYSIS_ONLY=ON -DCMAKE_DISABLE_FIND_PACKAGE_fmt=ON -DCMAKE_DISABLE_FIND_PACKAGE_Catch2=ON
says "Not found: fmt (libfmt-dev), with" "scripts/bootstrap installs them"
lacks "Catch2"

# Before there is a compiler or a ninja.
mkdir "$work/bin"
ln -s "$(command -v cmake)" "$(command -v rm)" "$work/bin"
path="$PATH"
PATH="$work/bin"
unset CXX
configure
PATH="$path"
says "Not found: ninja" "ninja-build" "scripts/bootstrap"
ln -s "$(command -v ninja)" "$work/bin"
PATH="$work/bin"
configure
PATH="$path"
says "Not found: c++" "g++" "scripts/bootstrap"
exit $((failures > 0))
