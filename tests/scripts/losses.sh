#!/usr/bin/env bash
# How scripts/gpu-check compares the losses of two runs, and shares of time with their bounds: what is no number passes nowhere.
# shellcheck source=tests/scripts/support.sh
source "$(dirname "${BASH_SOURCE[0]}")/support.sh"
# shellcheck disable=SC2034  # for runs.sh
ROOT="$SOURCE"
# shellcheck source=scripts/gpu_check/losses.sh
source "$SOURCE/scripts/gpu_check/losses.sh"
# shellcheck source=scripts/gpu_check/runs.sh
source "$SOURCE/scripts/gpu_check/runs.sh"

# steps NAME [SED_EXPRESSION]: 25 steps of two ranks as analyze exports them.
steps() {
  {
    echo rank,step,wall,other,samples,loss,grad_norm
    for step in {0..24}; do
      echo "0,$step,1e-2,1e-4,8,$((25 - step)).5,2.25"
      echo "1,$step,0.01,0.0001,8,$((25 - step)).5,2.25"
    done
  } | sed -E "${2:-}" >"$work/$1"
}
# compare CODE NAME WORDS: with the run that is right.
compare() {
  local got=0
  output="$(compare_losses "$work/right" "$work/$2" 1e-4 0 1e-3)" || got=1
  ((got == $1)) || fail "$2: $got, not $1"
  grep -qF -- "$3" <<<"$output" || fail "$2: does not say: $3"
}
steps right
steps same
compare 0 same "loss within 0.0e+00 in 25 steps, gradient norm of the first within 0.0e+00"
steps near 's/^(.,7,.*),18.5,/\1,18.50005,/'
compare 0 near "loss within 5.0e-05 in 25 steps"
steps far 's/^(.,7,.*),18.5,/\1,18.51,/'
compare 1 far "the loss of step 7 is further off than 0.0001"
for planted in nan -nan inf "" NaN; do
  steps "nan" "s/^(1,7,.*),18.5,/\\1,$planted,/"
  compare 1 nan "no number in step 7"
  steps "norm" "s/^(1,7,.*),2.25\$/\\1,$planted/"
  compare 1 norm "no number in step 7"
done
steps short '/,24,/d'
compare 1 short "the runs are of different length"
steps nothing '1!d'
compare 1 nothing ""
steps turned 's/^(.,0,.*),2.25$/\1,2.26/'
compare 1 turned "the norm is further off than 0.001"
# A gradient of zero is no measure.
steps right 's/^(.,0,.*),2.25$/\1,0/'
compare 1 same "the first gradient is zero"
mv "$work/nothing" "$work/right"
cp "$work/right" "$work/empty"
compare 1 empty ""

# share SED_EXPRESSION SHARE
share() {
  steps other "$1"
  output="$(share_of_other "$work/other")"
  [[ "$output" == "$2" ]] || fail "the share is not $2"
}
share '' 1.00
share 's/^1,22,0.01,0.0001/1,22,0.01,0.0101/' 21.00
share 's/^1,22,0.01,0.0001/1,22,0.01,nan/' nan
share '/^.,2[0-4],/d' nan
at_most 1.99 2 || fail "1.99 is at most 2"
for wrong in 2.01 nan "" -nan unknown inf; do
  ! at_most "$wrong" 2 || fail "'$wrong' is not at most 2"
done
exit $((failures > 0))
