#include "launch/nvml.hpp"

#include <dlfcn.h>

#include <cmath>

#include "results/gpu_slowdowns.hpp"
#include "support/catch.hpp"

using namespace lockstep;

TEST_CASE("a GPU's clocks, power, energy and temperature, in base units") {
  const auto nvml = Nvml::open("0000:1b:00.0", FAKE_NVML);
  REQUIRE(nvml);
  CHECK(nvml->driver() == "580.65.06");
  const GpuFacts facts = nvml->facts();
  CHECK(facts.sm_clock == Approx(1.41e9));
  CHECK(facts.sm_clock_max == Approx(1.98e9));
  CHECK(facts.memory_clock == Approx(2.6e9));
  CHECK(std::isnan(facts.memory_clock_max));  // refused, hence not known
  CHECK(facts.power_limit == Approx(700));
  CHECK(facts.temperature == 57);
  const GpuReading reading = nvml->read();
  CHECK(reading.power == Approx(412.5));
  CHECK(reading.energy == Approx(9876543.21));
  // That it idles, or that its clock was set, is no slowdown.
  CHECK(gpu_slowdown_names(reading.slowdowns) == "power cap, temperature, by the hardware");
}

TEST_CASE("the energy of a GPU that is cut into instances is not that of one of them") {
  const auto nvml = Nvml::open("0000:1c:00.0", FAKE_NVML);
  REQUIRE(nvml);
  CHECK(std::isnan(nvml->read().energy));
  CHECK(std::isnan(nvml->read().power));
  CHECK(nvml->read().sm_clock == Approx(1.41e9));
}

TEST_CASE("without the library, the GPU, or some of the functions the rest goes on") {
  CHECK_FALSE(Nvml::open("0000:1b:00.0", "libno-such-library.so.1"));
  CHECK_FALSE(Nvml::open("0000:99:00.0", FAKE_NVML));
  const auto old = Nvml::open("0000:1b:00.0", FAKE_NVML_OF_OLD);
  REQUIRE(old);
  CHECK(old->driver().empty());
  CHECK(std::isnan(old->facts().sm_clock_max));
  const GpuReading reading = old->read();
  CHECK(std::isnan(reading.sm_clock));
  CHECK(std::isnan(reading.energy));
  CHECK(gpu_slowdown_names(reading.slowdowns) == "hardware slowdown");
}

TEST_CASE("what was begun is ended") {
  void* const library = dlopen(FAKE_NVML, RTLD_LAZY);
  REQUIRE(library != nullptr);
  const auto count = reinterpret_cast<int (*)()>(dlsym(library, "fake_nvml_open_count"));
  REQUIRE(count() == 0);
  {
    const auto one = Nvml::open("0000:1b:00.0", FAKE_NVML), two = Nvml::open("0000:1c:00.0", FAKE_NVML);
    CHECK(count() == 2);
    CHECK_FALSE(Nvml::open("0000:99:00.0", FAKE_NVML));
    CHECK(count() == 2);
  }
  CHECK(count() == 0);
  dlclose(library);
}
