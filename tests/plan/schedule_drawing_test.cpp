// The pictures of schedules, and that docs/img shows them as they are.
// After a wanted change: LOCKSTEP_UPDATE_GOLDEN=1 test_plan "[golden]", and look at the pictures.
#include "plan/schedule_drawing.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "support/catch.hpp"

using namespace lockstep;

namespace {

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t n = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++n;
  return n;
}

std::string drawn(PipelineSchedule schedule, int stages, int micro_batches, int chunks,
                  const std::string& title) {
  // A stage's forward pass is the unit, its backward pass twice that.
  const ChunkTimes times = ChunkTimes::equal(stages * chunks, 1.0 / chunks, 2.0 / chunks);
  return schedule_svg(simulate(make_schedule(schedule, stages, micro_batches, chunks), times),
                      {title, "forward passes", 1.0, 960});
}

void check_picture(const std::string& name, const std::string& svg) {
  const std::string path = LOCKSTEP_SOURCE_DIR "/docs/img/" + name;
  if (std::getenv("LOCKSTEP_UPDATE_GOLDEN")) std::ofstream(path) << svg;
  std::ifstream file(path);
  REQUIRE(file);
  std::ostringstream expected;
  expected << file.rdbuf();
  CHECK(svg == expected.str());
}

}  // namespace

TEST_CASE("the grid shows every slot") {
  CHECK(schedule_grid(make_schedule(PipelineSchedule::gpipe, 2, 2)) ==
        "stage 0 | F0 F1 .  .  B0 B1\n"
        "stage 1 | .  F0 F1 B0 B1 .\n"
        "F0, B0: forward, backward pass of micro-batch 0; .: idle\n");
  CHECK(schedule_grid(make_schedule(PipelineSchedule::one_f_one_b, 2, 3)) ==
        "stage 0 | F0 F1 .  B0 F2 B1 .  B2\n"
        "stage 1 | .  F0 B0 F1 B1 F2 B2 .\n"
        "F0, B0: forward, backward pass of micro-batch 0; .: idle\n");
  CHECK(schedule_grid(make_schedule(PipelineSchedule::interleaved, 2, 2, 2)) ==
        "stage 0 | F0.0 F1.0 F0.1 F1.1 .    B0.1 .    B1.1 B0.0 B1.0\n"
        "stage 1 | .    F0.0 F1.0 F0.1 B0.1 F1.1 B1.1 B0.0 B1.0 .\n"
        "F0, B0: forward, backward pass of micro-batch 0; .1: through the stage's chunk 1; .: idle\n");
}

TEST_CASE("the grid keeps to its width and says where it is cut") {
  const StageActions schedule = make_schedule(PipelineSchedule::layerwise, 11, 12);
  for (const int width : {0, 10, 20, 60, 100, 2000}) {
    std::istringstream lines(schedule_grid(schedule, width));
    int rows = 0;
    int cut = 0;
    for (std::string line; std::getline(lines, line);) {
      if (!line.starts_with("stage")) continue;
      ++rows;
      cut += line.ends_with(" >>");
      if (width >= 20) CHECK(line.size() <= static_cast<std::size_t>(width));
    }
    CHECK(rows == 11);
    CHECK(cut == (width == 2000 ? 0 : 11));
  }
  CHECK(schedule_grid(schedule, 60).ends_with("\n>>: cut, 11 of 264 slots are shown\n"));
}

TEST_CASE("the picture holds every pass, and escapes its title") {
  const std::string svg = drawn(PipelineSchedule::one_f_one_b, 3, 5, 1, "a < b & \"c\"");
  CHECK(count(svg, "class=\"p\"") == 2 * 3 * 5 + 2);  // and two in the legend
  CHECK(count(svg, "class=\"h\"") == 3 * 5 + 1);
  CHECK(count(svg, "a &lt; b &amp; &quot;c&quot;") == 2);
  CHECK(count(svg, "28.6 %") == 3);
  CHECK(count(svg, "cut") == 0);
}

TEST_CASE("a picture of too many passes is cut and says so") {
  const std::string svg = drawn(PipelineSchedule::gpipe, 8, 512, 1, "many");
  CHECK(count(svg, "cut: the first ") == 1);
  CHECK(count(svg, "class=\"p\"") < 8 * 400);
}

TEST_CASE("docs/img shows the schedules", "[golden]") {
  check_picture("layerwise.svg", drawn(PipelineSchedule::layerwise, 4, 2, 1,
                                       "layerwise: 4 stages, 2 micro-batches one after the other"));
  check_picture("gpipe.svg", drawn(PipelineSchedule::gpipe, 4, 8, 1, "gpipe: 4 stages, 8 micro-batches"));
  check_picture("1f1b.svg", drawn(PipelineSchedule::one_f_one_b, 4, 8, 1, "1f1b: 4 stages, 8 micro-batches"));
  check_picture("interleaved.svg", drawn(PipelineSchedule::interleaved, 4, 8, 2,
                                         "interleaved: 4 stages, 8 micro-batches, 2 chunks per stage"));
}
