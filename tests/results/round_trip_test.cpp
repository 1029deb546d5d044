#include <sys/wait.h>

#include <cmath>
#include <csignal>
#include <thread>

#include "base/error.hpp"
#include "results/run_reader.hpp"
#include "support.hpp"
#include "support/catch.hpp"

using namespace lockstep;
namespace fs = std::filesystem;

TEST_CASE("what is written is read back") {
  const TemporaryFolder folder;
  write_sample(folder / "run.h5");
  CHECK_FALSE(fs::exists(folder / "run.h5.partial"));
  const RunData run = read_run(folder / "run.h5");
  const RunData start = sample_start();
  CHECK(run.header.schema == 1);
  CHECK(run.header.uuid == start.header.uuid);
  CHECK(run.header.status == "complete");
  CHECK(run.header.valid);
  CHECK(run.header.invalid_reasons.empty());
  CHECK(run.header.wall_seconds == 12.5);
  CHECK(run.config_given == start.config_given);
  CHECK(run.settings == start.settings);
  CHECK(run.environment == start.environment);
  CHECK(run.fingerprint == "f00d");
  REQUIRE(run.ranks.size() == 2);
  CHECK(run.ranks[1].host == "h1");
  CHECK(run.ranks[1].cores_bound == 3);
  CHECK(run.ranks[1].thread_cores == "0,2 5");
  CHECK(run.ranks[1].loader_cores == "0,2,5");
  CHECK(run.ranks[1].numa_nodes == "0-1");
  CHECK(run.ranks[1].caches == "L3 0-1 of 32 MiB");
  CHECK(run.ranks[1].machine == "2 packages");
  CHECK(run.ranks[1].loader_threads == 4);
  CHECK(run.ranks[1].variables == "NCCL_DEBUG=INFO\nOMP_NUM_THREADS=2");
  CHECK(run.ranks[0].cpu_quota == 0);
  CHECK(run.ranks[1].cpu_quota == 1.5);
  CHECK(run.ranks[1].clock_offset == 0.25);
  CHECK(run.absent.empty());

  REQUIRE(run.steps.steps() == 5);
  const StepTable first = sample_steps(3, 0), second = sample_steps(2, 1);
  for (std::int64_t rank = 0; rank < 2; ++rank) {
    CHECK(run.steps.other.at(rank, 2) == first.other.at(rank, 2));
    CHECK(run.steps.start.at(rank, 4) == second.start.at(rank, 1));
    CHECK(run.steps.epoch.at(rank, 2) == 0);
    CHECK(run.steps.epoch.at(rank, 3) == 1);
  }
  CHECK(run.steps.loss.at(1, 4) == 0.75f);
  CHECK(run.steps.loss_terms.at(0, 4) == 320);
  CHECK(run.steps.padded_tokens.at(1, 0) == 7);

  CHECK(run.comm.rank == std::vector<std::int32_t>{0, 0, 0, 0, 1, 1, 1, 1});  // by rank over both epochs
  CHECK(run.comm.step == std::vector<std::int32_t>{0, 0, 3, 3, 0, 0, 3, 3});
  CHECK(run.comm.kind[1] == "broadcast");
  CHECK(run.comm.kind[2] == "all_reduce");
  CHECK(run.buckets.first_parameter == start.buckets.first_parameter);
  REQUIRE(run.reduction);
  CHECK(run.reduction->chosen == start.reduction->chosen);
  CHECK(run.reduction->reason == "faster");
  CHECK(run.reduction->steps == 1);
  CHECK(run.reduction->tried == start.reduction->tried);
  CHECK(run.reduction->seconds[0] == 2e-3);
  CHECK(std::isnan(run.reduction->seconds[1]));
  CHECK(run.memory.parameters == start.memory.parameters);
  CHECK(run.memory.gradients == start.memory.gradients);
  CHECK(run.memory.optimizer == start.memory.optimizer);
  REQUIRE(run.epochs.size() == 2);
  CHECK(run.metric == "perplexity");
  CHECK_FALSE(run.higher_is_better);
  CHECK(run.chance == 4);
  CHECK((run.measures == start.measures));
  CHECK(run.epochs[1].train_loss == 0.5);
  CHECK(run.epochs[1].more == std::map<std::string, double>{{"test_bleu", 2.5}});
  CHECK(run.epochs[1].confusion.at(1, 0) == 2);
  REQUIRE(run.audit.size() == 2);
  CHECK(run.audit[0].digest[1] == ~std::uint64_t{0});
  CHECK(run.audit[1].padding == 2);
  CHECK(run.model.layer_parameters == start.model.layer_parameters);
  CHECK(run.data.classes == 4);
  CHECK(run.data.digest == "d1");
}

TEST_CASE("what GPUs were asked is written and read back, and not there where none was") {
  const TemporaryFolder folder;
  write_sample(folder / "cpu.h5");
  const RunData cpu = read_run(folder / "cpu.h5");
  CHECK_FALSE(cpu.ranks[1].gpu);
  CHECK_FALSE(cpu.epochs[1].gpu.recorded);

  RunData start = sample_start();
  start.ranks[1].gpu = GpuFacts{.sm_clock = 1.2e9,
                                .sm_clock_max = 1.98e9,
                                .memory_clock = 2.6e9,
                                .memory_clock_max = 2.619e9,
                                .power_limit = 700,
                                .temperature = 31,
                                .slowdowns = 0x4};
  RunWriter writer(folder / "gpu.h5", start);
  EpochRow row = sample_epoch(1);
  row.gpu = {true, 1234.5, 690, 64, 1.9e9, 0x24};
  writer.append_epoch(sample_steps(3, 0), sample_comm(0), {}, row, sample_audit());
  row.gpu = {true, kUnknown, 300, 65, 1.8e9, 0};
  writer.append_epoch(sample_steps(2, 1), sample_comm(3), {}, row, sample_audit());
  writer.finish("complete", true, {}, 12.5);
  const RunData run = read_run(folder / "gpu.h5");
  REQUIRE(run.ranks[1].gpu);
  CHECK(run.ranks[1].gpu->sm_clock_max == 1.98e9);
  CHECK(run.ranks[1].gpu->memory_clock == 2.6e9);
  CHECK(run.ranks[1].gpu->power_limit == 700);
  CHECK(run.ranks[1].gpu->slowdowns == 0x4);
  CHECK(std::isnan(run.ranks[0].gpu->sm_clock));  // a rank that could not ask beside one that could
  REQUIRE(run.epochs[1].gpu.recorded);
  CHECK(run.epochs[0].gpu.energy == 1234.5);
  CHECK(run.epochs[0].gpu.temperature == 64);
  CHECK(run.epochs[0].gpu.slowdowns == 0x24);
  CHECK(std::isnan(run.epochs[1].gpu.energy));
  CHECK(run.epochs[1].gpu.sm_clock == 1.8e9);
}

TEST_CASE("what was counted is written and read back, with what is unknown and why") {
  const TemporaryFolder folder;
  RunWriter writer(folder / "run.h5", sample_start());
  EpochRow row = sample_epoch(1);
  row.counters = {{.steps = 3, .threads = 2, .cycles = 1e9, .instructions = 2e9, .user_seconds = 0.5},
                  {.steps = 3, .threads = 2, .system_seconds = 0.25, .waiting_seconds = 0.125}};
  writer.append_epoch(sample_steps(3, 0), sample_comm(0), {}, row, sample_audit());
  row.counters[1].page_faults = 7;
  writer.append_epoch(sample_steps(2, 1), sample_comm(3), {}, row, sample_audit());
  writer.set_counters_absent("cycles are not recorded: why");
  writer.finish("complete", true, {}, 12.5);
  const RunData run = read_run(folder / "run.h5");
  REQUIRE(run.epochs[1].counters.size() == 2);
  CHECK(run.epochs[0].counters[0].cycles == 1e9);
  CHECK(run.epochs[0].counters[0].user_seconds == 0.5);
  CHECK(run.epochs[1].counters[1].waiting_seconds == 0.125);
  CHECK(run.epochs[1].counters[1].page_faults == 7);
  CHECK(std::isnan(run.epochs[0].counters[1].cycles));
  CHECK(run.counters_absent == "cycles are not recorded: why");
  write_sample(folder / "none.h5");
  CHECK(read_run(folder / "none.h5").epochs[0].counters.empty());
}

TEST_CASE("counts below 0 are refused") {
  const TemporaryFolder folder;
  RunWriter writer(folder / "run.h5", sample_start());
  EpochRow row = sample_epoch(1);
  row.counters = {{.steps = 3}, {.steps = 3, .cycles = -1}};
  writer.append_epoch(sample_steps(3, 0), sample_comm(0), {}, row, sample_audit());
  writer.finish("complete", true, {}, 12.5);
  CHECK_THROWS_WITH(read_run(folder / "run.h5"), Catch::Matchers::Contains("/counters/cycles"));
}

TEST_CASE("a run file is made once and never overwritten") {
  const TemporaryFolder folder;
  write_sample(folder / "run.h5");
  CHECK_THROWS_AS(RunWriter(folder / "run.h5", sample_start()), Error);
  const RunWriter open(folder / "other.h5", sample_start());
  CHECK_THROWS_AS(RunWriter(folder / "other.h5", sample_start()), Error);
  CHECK_THROWS_AS(RunWriter(folder / "absent/run.h5", sample_start()), Error);
}

TEST_CASE("a file that appears meanwhile is not overwritten either") {
  const TemporaryFolder folder;
  RunWriter writer(folder / "run.h5", sample_start());
  write_sample(folder / "x.h5");
  fs::rename(folder / "x.h5", folder / "run.h5");
  CHECK_THROWS_AS(writer.finish("complete", true, {}, 1), Error);
  CHECK(read_header(folder / "run.h5").status == "complete");
  CHECK(fs::exists(folder / "run.h5.partial"));
}

TEST_CASE("an emergency ends the file once") {
  const TemporaryFolder folder;
  RunWriter writer(folder / "run.h5", sample_start());
  writer.append_epoch(sample_steps(3, 0), sample_comm(0), {}, sample_epoch(1), sample_audit());
  bool done = false;
  std::thread watchdog([&] { done = writer.finish_emergency("failed", "rank 1 was lost"); });
  watchdog.join();
  CHECK(done);
  writer.append_epoch(sample_steps(3, 1), sample_comm(3), {}, sample_epoch(1),
                      sample_audit());  // too late: nothing
  writer.finish("complete", true, {}, 1);
  CHECK_FALSE(writer.finish_emergency("interrupted", "x"));
  const RunData run = read_run(folder / "run.h5");
  CHECK(run.header.status == "failed");
  CHECK_FALSE(run.header.valid);
  CHECK(run.header.invalid_reasons == std::vector<std::string>{"rank 1 was lost"});
  CHECK(run.steps.steps() == 3);
}

TEST_CASE("invalid reasons are kept as sentences") {
  const TemporaryFolder folder;
  RunWriter writer(folder / "run.h5", sample_start());
  writer.append_epoch(sample_steps(1, 0), {}, {}, sample_epoch(1), sample_audit());
  writer.finish("complete", false, {"first, with ümlaut", "second"}, 1);
  const RunData run = read_run(folder / "run.h5");
  CHECK_FALSE(run.header.valid);
  CHECK(run.header.invalid_reasons == std::vector<std::string>{"first, with ümlaut", "second"});
  CHECK(run.comm.size() == 0);
}

TEST_CASE("a writer that is killed leaves what its last epoch had written") {
  const TemporaryFolder folder;
  const std::string path = folder / "run.h5";
  const pid_t child = fork();
  if (child == 0) {
    RunWriter writer(path, sample_start());
    writer.append_epoch(sample_steps(3, 0), sample_comm(0), {}, sample_epoch(1), sample_audit());
    kill(getpid(), SIGKILL);
  }
  int status = 0;
  waitpid(child, &status, 0);
  REQUIRE(WIFSIGNALED(status));
  CHECK(find_run_file(folder.path) == path + ".partial");
  const RunData run = read_run(path + ".partial");
  CHECK(run.header.status == "running");
  CHECK(run.steps.steps() == 3);
  CHECK(run.comm.size() == 4);
}

TEST_CASE("a run that ended before its first epoch is readable") {
  const TemporaryFolder folder;
  RunWriter(folder / "run.h5", sample_start()).finish("interrupted", false, {"SIGINT"}, 1);
  CHECK(read_run(folder / "run.h5").steps.steps() == 0);
}

TEST_CASE("from what a run was resumed is written and read back") {
  const TemporaryFolder folder;
  RunData start = sample_start();
  RunWriter(folder / "whole.h5", start).finish("interrupted", false, {}, 1);
  CHECK_FALSE(read_header(folder / "whole.h5").resumed);
  start.header.resumed = {"0123abcd", "89abcdef", 2, 80};
  RunWriter(folder / "run.h5", start).finish("interrupted", false, {}, 1);
  const auto resumed = read_header(folder / "run.h5").resumed;
  REQUIRE(resumed);
  CHECK(resumed->run == "0123abcd");
  CHECK(resumed->digest == "89abcdef");
  CHECK(resumed->epochs == 2);
  CHECK(resumed->steps == 80);
  start.header.resumed->epochs = -1;
  RunWriter(folder / "odd.h5", start).finish("interrupted", false, {}, 1);
  CHECK_THROWS_WITH(read_header(folder / "odd.h5"), Catch::Contains("resumed_epochs"));
}
