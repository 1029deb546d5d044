// What enums are called: the texts of run files, folders and configurations.
#include "base/names.hpp"

#include <set>
#include <string>

#include "base/mode.hpp"
#include "base/pipeline_schedule.hpp"
#include "support/catch.hpp"

using namespace lockstep;

namespace {

// There and back, and no name twice.
template <typename E>
std::set<std::string> names() {
  std::set<std::string> seen;
  for (const auto& [name, value] : kNames<E>) {
    CHECK(seen.insert(name).second);
    CHECK(name_of(value) == std::string(name));
    CHECK(named<E>(name) == value);
  }
  return seen;
}

}  // namespace

TEST_CASE("modes and schedules are called what files call them") {
  CHECK(names<Mode>() == std::set<std::string>{"seq", "ddp", "ps", "mp", "pipe", "hybrid"});
  CHECK(names<PipelineSchedule>() == std::set<std::string>{"layerwise", "gpipe", "1f1b", "interleaved"});
  CHECK_FALSE(named<Mode>("dp"));
  CHECK_FALSE(named<Mode>(""));
}

TEST_CASE("which modes split the model") {
  std::set<std::string> split;
  for (const auto& [name, mode] : kNames<Mode>)
    if (splits_model(mode)) split.insert(name);
  CHECK(split == std::set<std::string>{"mp", "pipe", "hybrid"});
}
