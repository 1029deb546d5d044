#include "results/gpu_slowdowns.hpp"

namespace lockstep {

namespace {

struct Name {
  std::int64_t bit;
  const char* text;
};
constexpr Name kNames[] = {{0x4, "power cap"},
                           {0x8, "hardware slowdown"},
                           {0x20, "temperature"},
                           {0x40, "temperature, by the hardware"},
                           {0x80, "power brake"}};

}  // namespace

std::string gpu_slowdown_names(std::int64_t bits) {
  std::string text;
  for (const Name& name : kNames)
    if ((bits & name.bit) != 0) text += (text.empty() ? "" : ", ") + std::string(name.text);
  return text.empty() ? "none" : text;
}

}  // namespace lockstep
