# shellcheck shell=bash
# The losses of two runs beside each other; also for tests/gpu. Sourced.

# losses CSV: step, mean loss over the samples of all ranks, gradient norm (a parameter server's ranks but the first have
# none); "nan" for what is no number.
losses() {
  awk -F, 'function is(x) { return x ~ /^-?[0-9.]+(e[-+]?[0-9]+)?$/ }
    NR == 1 { for (i = 1; i <= NF; ++i) c[$i] = i; next }
    { s = $c["step"]; n = $c["samples"]; if (s > last) last = s
      if (!is($c["loss"]) || !is($c["grad_norm"])) bad[s] = 1
      if ($c["grad_norm"] > norm[s]) norm[s] = $c["grad_norm"]
      if (n > 0) { sum[s] += $c["loss"] * n; count[s] += n } }
    END { for (s = 0; s <= last; ++s)
      if (bad[s] || !count[s]) print s, "nan", "nan"; else printf "%d %.9g %.9g\n", s, sum[s] / count[s], norm[s] }' "$1"
}

# compare_losses REFERENCE CSV BOUND STEPS NORM_BOUND: in one line how far the losses of the first so many steps and the
# gradient norm of the first are apart; fails, with the reason, when the bounds do not hold. STEPS 0: all.
compare_losses() {
  paste -d ' ' <(losses "$1") <(losses "$2") | awk -v bound="$3" -v steps="$4" -v norm_bound="$5" '
    function off(a, b) { return a > b ? a - b : b - a }
    NF != 6 { print "the runs are of different length"; wrong = 1; exit }
    steps > 0 && NR > steps { next }
    { ++compared }
    $2 == "nan" || $5 == "nan" { print "no number in step " $1; wrong = 1; exit }
    { gap = off($2, $5); if (gap > worst) { worst = gap; at = $1 } }
    NR == 1 { if ($3 == 0) { print "the first gradient is zero"; wrong = 1; exit }
      norm = off($3, $6) / $3 }
    END { if (wrong) exit 1
      if (!compared) { print "no step was recorded"; exit 1 }
      printf "loss within %.1e in %d steps, gradient norm of the first within %.1e", worst, compared, norm
      if (worst > bound) { printf "; the loss of step %d is further off than %g", at, bound; exit 1 }
      if (norm > norm_bound) { printf "; the norm is further off than %g", norm_bound; exit 1 } }'
}

# show_losses REFERENCE CSV
show_losses() {
  printf '%4s  %-12s %-12s %-12s %s\n' step 'loss, CPU' 'loss, here' 'norm, CPU' 'norm, here'
  paste -d ' ' <(losses "$1") <(losses "$2") | awk '{ printf "%4d  %-12s %-12s %-12s %s\n", $1, $2, $5, $3, $6 }'
}
