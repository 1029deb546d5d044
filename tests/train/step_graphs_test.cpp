// What StepGraphs counts, where there need be no GPU: which steps are captured is decided by keys alone.
#include "support/catch.hpp"
#include "train/cuda_graph.hpp"

using namespace lockstep;

namespace {

class NoTimeline : public DeviceTimeline {
 public:
  void mark(std::size_t) override {}
  bool reached(std::size_t) override { return true; }
  void wait(std::size_t) override {}
  SteadyTime time_of(std::size_t) override { return {}; }
  void capture_mark(std::size_t) override {}
  void* event_of(std::size_t) override { return nullptr; }
  void* captured_event(std::size_t) override { return nullptr; }
};

}  // namespace

#ifdef LOCKSTEP_WITH_CUDA

TEST_CASE("a shape is captured when it has come back twice, whatever came between") {
  NoTimeline timeline;
  StepRecorder recorder(steady_now(), 4, &timeline);
  StepGraphs graphs(true, recorder, &timeline);
  REQUIRE(graphs.enabled());
  CHECK_FALSE(graphs.ran({1, 64, 128}));
  CHECK_FALSE(graphs.ran({1, 64, 127}));
  CHECK_FALSE(graphs.ran({1, 64, 128}));
  CHECK(graphs.ran({1, 64, 128}));
  CHECK_FALSE(graphs.ran({1, 64, 127}));
  CHECK(graphs.ran({1, 64, 127}));
  CHECK(graphs.find({1, 64, 128}) == nullptr);  // nobody has captured it
}

TEST_CASE("shapes without end are counted up to a bound") {
  NoTimeline timeline;
  StepRecorder recorder(steady_now(), 4, &timeline);
  StepGraphs graphs(true, recorder, &timeline);
  for (std::int64_t length = 0; length < 256; ++length) CHECK_FALSE(graphs.ran({length}));
  for (int i = 0; i < 5; ++i) CHECK_FALSE(graphs.ran({1000}));
  CHECK_FALSE(graphs.ran({7}));
  CHECK(graphs.ran({7}));
}

TEST_CASE("nothing is captured any more after a failure") {
  NoTimeline timeline;
  StepRecorder recorder(steady_now(), 4, &timeline);
  StepGraphs graphs(true, recorder, &timeline);
  for (int i = 0; i < 2; ++i) graphs.ran({1});
  graphs.disable();
  CHECK_FALSE(graphs.enabled());
  CHECK_FALSE(graphs.ran({1}));
}

#endif

TEST_CASE("nothing is captured without a device's timeline, or when it is off") {
  NoTimeline timeline;
  StepRecorder recorder(steady_now(), 4, &timeline);
  StepGraphs off(false, recorder, &timeline), on_host(true, recorder, nullptr);
  for (int i = 0; i < 5; ++i) {
    CHECK_FALSE(off.ran({1}));
    CHECK_FALSE(on_host.ran({1}));
  }
  CHECK_FALSE(off.enabled());
  CHECK_FALSE(on_host.enabled());
}
