# shellcheck shell=bash disable=SC2154,SC2034,SC2016,SC2046
# Finds programs and GPUs for scripts/gpu-check, starts runs with a time limit, and reads what they left. Sourced.

# find_programs: sets bin.
find_programs() {
  local program
  if [[ -z "$bin" && -x "$ROOT/build/release/bin/train_seq" ]]; then
    bin="$ROOT/build/release/bin"
  elif [[ -z "$bin" ]]; then
    program="$(command -v train_seq)" || bad_usage "no programs in build/release/bin nor on PATH; build them, or say --bin DIR"
    bin="$(dirname "$program")"
  fi
  [[ -d "$bin" ]] && bin="$(cd "$bin" && pwd)"
  for program in train_seq train_ddp train_mp commbench analyze; do
    [[ -x "$bin/$program" ]] || bad_usage "no program $program in '$bin'"
  done
}

# no_gpu REASON: nothing can be tried.
no_gpu() {
  printf 'gpu-check: nothing was tried, for there is no GPU that the programs can use: %s\n' "$1"
  exit 77
}

# probe: what the programs say of the device, without training.
probe() {
  timeout 60 "$bin/train_seq" --config "$work/empty.yaml" --set model.name=mlp --set data.name=synthetic_images \
    --set training.steps=1 --set training.global_batch=16 --set "parallel.device=$device" --dry-run 2>&1
}

# find_gpus: sets gpus, the number of them that the programs see, and card, their names.
find_gpus() {
  local said visible
  if [[ "$device" == cuda ]]; then
    compgen -G '/dev/nvidia[0-9]*' >/dev/null || have nvidia-smi || [[ -e /dev/dxg ]] || no_gpu "the system shows none"
  fi
  if ! said="$(probe)"; then
    # Anything but a device that is not there is a failure of the programs.
    [[ "$said" != *"'parallel.device'"* ]] || no_gpu "$(tail -n 1 <<<"$said")"
    printf 'gpu-check: the programs fail at the start: %s\n' "$(tail -n 1 <<<"$said")" >&2
    exit 1
  fi
  card="$(sed -n 's/ on [^ ]*, [0-9]* threads.*//; s/^  rank 0: //p' <<<"$said")"
  if [[ "$device" == cpu ]]; then
    card="$card, in rehearsal" gpus="${gpus:-1}"
    return
  fi
  visible="$(nvidia-smi -L 2>/dev/null | grep -c '^GPU')"
  if [[ -n "${CUDA_VISIBLE_DEVICES:-}" ]]; then
    visible="$(tr , '\n' <<<"$CUDA_VISIBLE_DEVICES" | grep -c .)"
  fi
  gpus=$((visible > 0 ? visible : 1))
}

left() { echo $((end - SECONDS)); }

# own_hosts: true where ranks can be given host names of their own, so that NCCL takes several on one GPU.
own_hosts() { [[ "$device" == cuda && "$(id -u)" == 0 ]] && unshare --uts true 2>/dev/null; }

# What a rank is started by then: it shows that the code is right, and nothing of its speed.
as_own_host=(sh "$ROOT/tests/gpu/own_host.sh")

# end_runs: those that are going on, and first the cases that would start further ones.
end_runs() {
  local file
  # shellcheck disable=SC2046
  kill -TERM $(jobs -p) 2>/dev/null
  for file in "$work"/running/*; do
    [[ -e "$file" ]] && kill -TERM "${file##*/}" 2>/dev/null
  done
}

# launch NAME RANKS PROGRAM ARGUMENTS...: a program of ours on so many ranks, by mpirun but for 0; hosts=own gives each a
# host name. Sets log, where what it prints goes, and trouble: empty, or why it failed.
launch() {
  local name="$1" ranks="$2" program="$3" seconds status=0 pid
  local -a command=()
  shift 3
  ((ranks == 0)) || command=("${MPIRUN:-mpirun}" -np "$ranks")
  [[ "${hosts:-}" != own ]] || command+=("${as_own_host[@]}")
  seconds="$(left)"
  ((seconds <= limit)) || seconds=$limit
  trouble="$no_time"
  ((seconds > 0)) || return 1
  log="$work/logs/$name"
  # In the foreground, because a signal to mpirun's group as well reaches it twice, and it then leaves the ranks behind.
  timeout --foreground -k 10 "$seconds" "${command[@]}" "$bin/$program" "$@" >"$log" 2>&1 &
  pid=$!
  : >"$work/running/$pid"
  wait "$pid" || status=$?
  rm -f "$work/running/$pid"
  trouble=""
  case $status in
    0) return 0 ;;
    124 | 137)
      trouble="did not end within $seconds s"
      ((seconds == limit)) || trouble="$no_time: stopped after $seconds s"
      ;;
    *) trouble="exit code $status: $(last_words "$log")" ;;
  esac
  return 1
}

# last_words FILE: the line of a program of ours that says what is wrong, or else the last line.
last_words() {
  { grep -hE '^(train_seq|train_ddp|train_mp|commbench|analyze): ' "$1" || tail -n 1 "$1"; } | tail -n 1
}

# train NAME RANKS PROGRAM SETTINGS...: trains and sets run, the run's folder, and steps, its steps as CSV.
train() {
  local name="$1" ranks="$2" program="$3" setting
  local -a sets=()
  shift 3
  for setting in "$@"; do sets+=(--set "$setting"); done
  run="$work/runs/$name" steps="$work/runs/$name/steps.csv"
  rm -rf "$run"
  mkdir -p "$run"
  launch "$name" "$ranks" "$program" --config "$work/empty.yaml" --output "$run" --quiet "${sets[@]}" || return 1
  "$bin/analyze" export csv "$run" --table steps >"$steps" 2>>"$log" && return 0
  trouble="analyze cannot read the run: $(last_words "$log")"
  return 1
}

# share_of_other CSV: largest over the ranks, in %, of the steps from the 20th on; "nan" where a time is no number, and
# where there are no such steps.
share_of_other() {
  awk -F, 'function is(x) { return x ~ /^-?[0-9.]+(e[-+]?[0-9]+)?$/ }
    NR == 1 { for (i = 1; i <= NF; ++i) c[$i] = i; next }
    $c["step"] < 20 { next }
    !is($c["wall"]) || !is($c["other"]) { bad = 1 }
    { ++steps; wall[$c["rank"]] += $c["wall"]; other[$c["rank"]] += $c["other"] }
    END { if (bad || !steps) { print "nan"; exit }
      for (r in wall) if (100 * other[r] / wall[r] > most) most = 100 * other[r] / wall[r]
      printf "%.2f\n", most }' "$1"
}

# median_ms CSV: of rank 0, from the 20th step on.
median_ms() {
  awk -F, 'NR == 1 { for (i = 1; i <= NF; ++i) c[$i] = i; next }
    $c["rank"] == 0 && $c["step"] >= 20 { print 1e3 * $c["wall"] }' "$1" | sort -g | awk '{ v[NR] = $1 } END { printf "%.4g\n", NR ? v[int((NR + 1) / 2)] : 0 }'
}

# share_of_recording RUN: in %, as the run's log has it.
share_of_recording() { sed -n 's/.*recording costs \([0-9.e-]*\) %.*/\1/p' "$1"/*/log.txt | tail -n 1; }

# at_most A B: no, where A is no number.
at_most() { awk -v a="$1" -v b="$2" 'BEGIN { exit !(a ~ /^-?[0-9.]+(e[-+]?[0-9]+)?$/ && a + 0 <= b + 0) }'; }
