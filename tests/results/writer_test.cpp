// What changes during a run, and what a writer refuses.
#include <chrono>
#include <fstream>
#include <thread>

#include "base/error.hpp"
#include "results/run_reader.hpp"
#include "support.hpp"
#include "support/catch.hpp"

using namespace lockstep;

TEST_CASE("a file may be read while its writer has it open") {
  const TemporaryFolder folder;
  RunWriter writer(folder / "run.h5", sample_start());
  writer.append_epoch(sample_steps(3, 0), sample_comm(0), {}, sample_epoch(1), sample_audit());
  const RunData live = read_run(find_run_file(folder.path));
  CHECK(live.header.status == "running");
  CHECK(live.steps.steps() == 3);
}

TEST_CASE("a reader that has opened a file goes on reading what it has opened") {
  const TemporaryFolder folder;
  RunWriter writer(folder / "run.h5", sample_start());
  writer.append_epoch(sample_steps(3, 0), sample_comm(0), {}, sample_epoch(1), sample_audit());
  std::ifstream open_file(folder / "run.h5.partial", std::ios::binary);
  writer.append_epoch(sample_steps(3, 1), sample_comm(1), {}, sample_epoch(2), sample_audit());
  std::ofstream(folder / "copy.h5", std::ios::binary) << open_file.rdbuf();
  CHECK(read_run(folder / "copy.h5").steps.steps() == 3);
  CHECK(read_run(folder / "run.h5.partial").steps.steps() == 6);
}

TEST_CASE("what somebody else has put in a file's place is not replaced") {
  const TemporaryFolder folder;
  const std::string partial = folder / "run.h5.partial";
  RunWriter writer(folder / "run.h5", sample_start());
  std::filesystem::rename(partial, folder / "mine");
  std::ofstream(partial) << "mine";
  CHECK_THROWS_WITH(
      writer.append_epoch(sample_steps(3, 0), sample_comm(0), {}, sample_epoch(1), sample_audit()),
      partial + ": is gone: it was removed or moved while the run was writing it");
  CHECK(std::filesystem::file_size(partial) == 4);
  CHECK(read_run(folder / "mine").header.status == "running");
}

TEST_CASE("buckets and overhead are replaced") {
  const TemporaryFolder folder;
  RunWriter writer(folder / "run.h5", sample_start());
  writer.set_recorder_overhead(0.0075);
  writer.set_buckets({{10, 20, 30}, {1, 2, 3}, {"c", "b", "a"}});
  writer.append_epoch(sample_steps(3, 0), sample_comm(0), {}, sample_epoch(1), sample_audit());
  writer.finish("complete", true, {}, 1);
  const RunData run = read_run(folder / "run.h5");
  CHECK(run.recorder_overhead == 0.0075);
  CHECK(run.buckets.bytes == std::vector<std::int64_t>{10, 20, 30});
  CHECK(run.buckets.first_parameter == std::vector<std::string>{"c", "b", "a"});
}

TEST_CASE("epochs longer and shorter than a chunk lie side by side") {
  const TemporaryFolder folder;
  const std::vector<std::int64_t> lengths = {70, 3, 20000};
  RunWriter writer(folder / "run.h5", sample_start());
  for (std::size_t e = 0; e < lengths.size(); ++e)
    writer.append_epoch(sample_steps(lengths[e], static_cast<std::int32_t>(e)), {}, {}, sample_epoch(1),
                        sample_audit());
  writer.finish("complete", true, {}, 1);
  const RunData run = read_run(folder / "run.h5");
  std::int64_t offset = 0;
  for (std::size_t e = 0; e < lengths.size(); ++e) {
    const StepTable block = sample_steps(lengths[e], static_cast<std::int32_t>(e));
    for (std::int64_t rank = 0; rank < 2; ++rank)
      for (std::int64_t s = 0; s < lengths[e]; ++s) {
        REQUIRE(run.steps.start.at(rank, offset + s) == block.start.at(rank, s));
        REQUIRE(run.steps.other.at(rank, offset + s) == block.other.at(rank, s));
      }
    offset += lengths[e];
  }
  CHECK(run.steps.steps() == offset);
}

TEST_CASE("an emergency finishes whole epochs while another thread appends them") {
  for (int round = 0; round < 20; ++round) {
    const TemporaryFolder folder;
    RunWriter writer(folder / "run.h5", sample_start());
    std::thread training([&] {
      for (std::int32_t e = 0; e < 30; ++e)
        writer.append_epoch(sample_steps(4, e), sample_comm(e), {}, sample_epoch(1), sample_audit());
    });
    std::this_thread::sleep_for(std::chrono::milliseconds(round));
    const bool finished = writer.finish_emergency("failed", "rank 1\nwas lost");
    training.join();
    REQUIRE(finished);
    const RunData run = read_run(folder / "run.h5");
    CHECK(run.header.invalid_reasons == std::vector<std::string>{"rank 1 was lost"});
    CHECK(run.steps.steps() == static_cast<std::int64_t>(4 * run.epochs.size()));
    CHECK(run.comm.size() == 4 * run.epochs.size());
    CHECK(run.audit.size() == run.epochs.size());
  }
}

TEST_CASE("columns of unequal length are refused, not padded") {
  const TemporaryFolder folder;
  RunWriter writer(folder / "run.h5", sample_start());
  StepTable steps = sample_steps(3, 0);
  steps.bubble = {};
  CHECK_THROWS_WITH(writer.append_epoch(steps, {}, {}, sample_epoch(1), sample_audit()),
                    (folder / "run.h5.partial") + ": '/steps/bubble' got 0 values, not 6");
}

TEST_CASE("a run ends in one of three ways") {
  const TemporaryFolder folder;
  RunWriter writer(folder / "run.h5", sample_start());
  CHECK_THROWS_WITH(writer.finish("done", true, {}, 1),
                    (folder / "run.h5.partial") + ": 'done' is not how a run ends");
}
