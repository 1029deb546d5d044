#include "analysis/plot/figure.hpp"

#include <array>

namespace lockstep {

Colour series_colour(std::size_t series) {
  constexpr std::array kColours = {kBlue, kVermillion, kGreen, kPurple, kOrange, kSky, kForeground, kYellow};
  return kColours[series % kColours.size()];
}

}  // namespace lockstep
