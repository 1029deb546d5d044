# shellcheck shell=bash disable=SC2154,SC2034,SC2016,SC2046
# The table and the file of scripts/gpu-check. Sourced.

# all_rows: in the order of the cases: status, case, what, detail, separated by tabs.
all_rows() {
  local name
  while IFS='|' read -r name _; do
    [[ -n "$name" && -f "$work/rows/$name" ]] && cat "$work/rows/$name"
  done <<<"$cases"
}

count() { all_rows | cut -f 1 | grep -cx "$1"; }

exit_code() {
  if (($(count FAIL) > 0)); then
    echo 1
  elif [[ -n "$only" ]] && (($(count PASS) == 0)); then
    echo 77
  else
    echo 0
  fi
}

summary() {
  printf '%d passed, %d failed, %d cannot be tried here, in %s' "$(count PASS)" "$(count FAIL)" "$(count CANNOT)" "$taken"
}

print_table() {
  printf '%s\n\n' "$gpus x $card"
  all_rows | awk -F '\t' '{ printf "%-7s %-20s %-28s %s\n", $1, $2, $3, $4 }'
  printf '\n%s\n' "$(summary)"
  all_rows | awk -F '\t' '$1 == "FAIL" { printf "failed: %s, %s: %s\n", $2, $3, $4 }'
}

# of_env NAME: an attribute of the group env of a run, where h5dump is at hand.
of_env() {
  local file
  file="$(compgen -G "$work/runs/*/*/run.h5" | head -n 1)"
  [[ -n "$file" ]] && have h5dump && h5dump -a "/env/$1" "$file" 2>/dev/null | sed -n 's/.*(0): "\(.*\)"/\1/p'
}

facts() {
  local name value
  printf -- '- GPUs: %s x %s\n' "$gpus" "$card"
  value="$(nvidia-smi --query-gpu=driver_version --format=csv,noheader 2>/dev/null | head -n 1)"
  printf -- '- driver: %s\n' "${value:-unknown}"
  printf -- '- programs: %s\n' "$("$bin/train_seq" --version 2>&1 | tail -n 1)"
  for name in libtorch cuda nccl mpi; do
    value="$(of_env "$name")"
    [[ -z "$value" ]] || printf -- '- %s: %s\n' "$name" "$value"
  done
  printf -- '- system: %s, %s cores\n' "$(uname -sr)" "$(nproc)"
  printf -- '- date: %s\n' "$(date -u +%Y-%m-%d)"
  # shellcheck disable=SC2016
  printf -- '- command: `%s`\n' "$command_line"
}

# tails: the last lines of the logs of what failed.
tails() {
  local case_name what log
  all_rows | awk -F '\t' '$1 == "FAIL" && $5 != "" { print $2 "\t" $3 "\t" $5 }' | while IFS=$'\t' read -r case_name what log; do
    printf '\n### %s, %s\n\n```\n%s\n```\n' "$case_name" "$what" "$(tail -n 26 "$log")"
  done
}

write_report() {
  printf '# gpu-check: %s\n\n' "$(summary)"
  facts
  printf '\n| | case | what | detail |\n|---|---|---|---|\n'
  all_rows | sed 's/|/\\|/g' | awk -F '\t' '{ printf "| %s | %s | %s | %s |\n", $1, $2, $3, $4 }'
  if (($(count FAIL) > 0)); then
    printf '\n## Last lines of what failed\n'
    tails
  fi
}
