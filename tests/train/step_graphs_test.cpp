// What StepGraphs counts, where there need be no GPU: which steps are captured is decided by keys alone.
#include "support/catch.hpp"
#include "train/cuda_graph.hpp"

using namespace lockstep;

#ifdef LOCKSTEP_WITH_CUDA

TEST_CASE("a shape is captured when it has come back twice, whatever came between") {
  StepRecorder recorder(steady_now(), 4);
  StepGraphs graphs(true, recorder);
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
  StepRecorder recorder(steady_now(), 4);
  StepGraphs graphs(true, recorder);
  for (std::int64_t length = 0; length < 256; ++length) CHECK_FALSE(graphs.ran({length}));
  for (int i = 0; i < 5; ++i) CHECK_FALSE(graphs.ran({1000}));
  CHECK_FALSE(graphs.ran({7}));
  CHECK(graphs.ran({7}));
}

TEST_CASE("nothing is captured any more after a failure") {
  StepRecorder recorder(steady_now(), 4);
  StepGraphs graphs(true, recorder);
  for (int i = 0; i < 2; ++i) graphs.ran({1});
  graphs.disable();
  CHECK_FALSE(graphs.enabled());
  CHECK_FALSE(graphs.ran({1}));
}

#endif

TEST_CASE("nothing is captured where it is off") {
  StepRecorder recorder(steady_now(), 4);
  StepGraphs off(false, recorder);
  for (int i = 0; i < 5; ++i) CHECK_FALSE(off.ran({1}));
  CHECK_FALSE(off.enabled());
}
