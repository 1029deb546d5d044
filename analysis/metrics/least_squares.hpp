// Least squares with two coefficients, all that the models here need. Pure.
#pragma once

#include <optional>
#include <span>
#include <vector>

namespace lockstep {

// y = a x1 + b x2; weight multiplies the residual.
struct Observation {
  double x1 = 0, x2 = 0, y = 0, weight = 1;
};
struct Coefficients {
  double a = 0, b = 0;
};

// The best a and b, whatever their signs; nothing where x1 and x2 are proportional.
std::optional<Coefficients> least_squares(std::span<const Observation> observations);

// The best a >= 0 and b >= 0: the free solution where it is non-negative, else the better of the two with one
// of them 0. Where x1 and x2 are proportional, all is given to b.
Coefficients non_negative_least_squares(std::span<const Observation> observations);

// The same, made robust: residuals beyond 1.345 sigma (sigma from their median absolute deviation) are
// weighted down in turn (Huber 1964, 30 rounds at most).
Coefficients robust_non_negative_fit(std::vector<Observation> observations);

}  // namespace lockstep
