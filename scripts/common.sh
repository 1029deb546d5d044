# shellcheck shell=bash disable=SC2034
# What quickstart, run-tests, .ci/run and scripts/bootstrap share. Sourced, never run.
# The one place that names the LibTorch release which bootstrap fetches.
TORCH_VERSION=2.11.0
TORCH_CUDA_MAJOR=13  # the CUDA release that this wheel was built for

# What the three commands ask of bootstrap.
QUICKSTART_NEEDS=(--sample-data)
RUN_TESTS_NEEDS=(--tests)
CI_NEEDS=(--tests --checks --sample-data)

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
DEPS="$ROOT/.deps"
PROGRAM="${0##*/}"

say() { printf '\n== %s\n' "$*"; }
note() { printf '   %s\n' "$*"; }
die() {
  printf '%s: %s\n' "$PROGRAM" "$*" >&2
  exit 1
}

# The comment block at the top of a script is its help text.
usage() { awk 'NR > 1 && !/^#/ {exit} NR > 1 {sub(/^# ?/, ""); print}' "$1"; }

have() { command -v "$1" >/dev/null 2>&1; }

# Path of nvcc, or nothing.
find_nvcc() {
  local candidate
  for candidate in "$(command -v nvcc 2>/dev/null)" "${CUDA_HOME:+$CUDA_HOME/bin/nvcc}" \
    "${CUDA_PATH:+$CUDA_PATH/bin/nvcc}" /usr/local/cuda/bin/nvcc; do
    if [[ -n "$candidate" && -x "$candidate" ]]; then
      printf '%s\n' "$candidate"
      return
    fi
  done
}

# Folder of a LibTorch that the user brought by LIBTORCH_ROOT, Torch_DIR or CMAKE_PREFIX_PATH, or nothing.
# cmake/LibTorch.cmake looks in the same places, in the same order.
given_libtorch() {
  local prefix suffix
  local -a prefixes=("${LIBTORCH_ROOT:-}" "${Torch_DIR:+$Torch_DIR/../../..}")
  local -a listed
  [[ -z "${LIBTORCH_ROOT:-}" || -f "$LIBTORCH_ROOT/include/torch/csrc/api/include/torch/torch.h" ]] ||
    die "LIBTORCH_ROOT $LIBTORCH_ROOT has no LibTorch; correct or unset it"
  IFS=':;' read -ra listed <<<"${CMAKE_PREFIX_PATH:-}"
  for prefix in "${prefixes[@]}" "${listed[@]}"; do
    [[ -n "$prefix" ]] || continue
    for suffix in "" /torch /libtorch /../..; do
      if [[ -f "$prefix$suffix/include/torch/csrc/api/include/torch/torch.h" ]]; then
        (cd "$prefix$suffix" && pwd)
        return
      fi
    done
  done
}

# Prints release or cpu: the preset for the machine and for what the user said ("", cpu or cuda).
choose_preset() {
  local wish="$1" given
  given="$(given_libtorch)"
  if [[ "$wish" == cpu ]]; then
    echo cpu
  elif [[ "$wish" == cuda ]]; then
    echo release
  elif [[ -z "$(find_nvcc)" ]]; then
    echo cpu
  elif [[ -n "$given" && ! -f "$given/lib/libtorch_cuda.so" ]]; then
    echo cpu
  else
    echo release
  fi
}

# clang without its runtime libraries cannot link a fuzzer.
can_fuzz() {
  have clang++ &&
    echo 'extern "C" int LLVMFuzzerTestOneInput(const unsigned char*, unsigned long) { return 0; }' |
    clang++ -fsanitize=fuzzer,address,undefined -x c++ - -o /dev/null 2>/dev/null
}

# A translation unit that includes LibTorch takes up to 2 GB of memory.
build_jobs() {
  local cores memory_gb jobs
  cores="$(nproc)"
  memory_gb="$(awk '/MemAvailable/ {print int($2 / 1048576)}' /proc/meminfo)"
  jobs=$((memory_gb / 2))
  ((jobs > cores)) && jobs=$cores
  ((jobs < 1)) && jobs=1
  echo "$jobs"
}

# configure PRESET [cmake arguments]: LOCKSTEP_CMAKE_ARGS adds to them.
configure() {
  local preset="$1" nvcc
  shift
  # A configuration that failed leaves its answers, what to build among them, and no build.ninja.
  [[ -f "$ROOT/build/$preset/build.ninja" ]] || rm -f "$ROOT/build/$preset/CMakeCache.txt"
  nvcc="$(find_nvcc)"
  if [[ "$preset" == release && -n "$nvcc" ]]; then
    export CUDACXX="${CUDACXX:-$nvcc}"
  fi
  local -a extra
  read -ra extra <<<"${LOCKSTEP_CMAKE_ARGS:-}"
  (cd "$ROOT" && cmake --preset "$preset" "$@" "${extra[@]}")
}

# build PRESET [cmake --build arguments]: with a line of progress.
build() {
  local preset="$1"
  shift
  NINJA_STATUS="[%f/%t %e] " cmake --build "$ROOT/build/$preset" --parallel "$(build_jobs)" "$@" | "$ROOT/scripts/progress"
}

# clock SECONDS: 75 is 1:15.
clock() {
  if (($1 < 3600)); then printf '%d:%02d' $(($1 / 60)) $(($1 % 60)); else printf '%d:%02d:%02d' $(($1 / 3600)) $(($1 / 60 % 60)) $(($1 % 60)); fi
}

# part NAME: what the time since the last part was spent on; show_parts lists them.
parts=()
part_begin=0
part() {
  parts+=("$(printf 'time: %5d s  %s' $((SECONDS - part_begin)) "$1")")
  part_begin=$SECONDS
}
show_parts() { for part in "${parts[@]}"; do note "$part"; done; }

# Ctrl-C ends a command with one line. What is done stays done, and the command goes on from there when called again.
stop_on_interrupt() { trap 'printf "\n%s: stopped; call it again to go on\n" "$PROGRAM" >&2; exit 130' INT; }

# Open MPI refuses root and more ranks than cores unless told otherwise; other MPIs ignore these.
mpi_environment() {
  if [[ "$(id -u)" == 0 ]]; then
    export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
    export PRTE_ALLOW_RUN_AS_ROOT=1 PRTE_ALLOW_RUN_AS_ROOT_CONFIRM=1
  fi
}
