// Traces of PyTorch's profiler become run files that every verb reads; what is no trace is refused.
#include <zlib.h>

#include <filesystem>
#include <fstream>

#include "analysis/support/made_trace.hpp"
#include "analysis/support/program.hpp"
#include "results/run_reader.hpp"
#include "support/catch.hpp"

using namespace lockstep;
using namespace lockstep::test;
namespace fs = std::filesystem;

namespace {

void put(const std::string& path, const std::string& text) {
  fs::create_directories(fs::path(path).parent_path());
  std::ofstream(path, std::ios::binary) << text;
}

void put_gzip(const std::string& path, const std::string& text) {
  gzFile file = gzopen(path.c_str(), "wb");
  REQUIRE(file != nullptr);
  REQUIRE(gzwrite(file, text.data(), static_cast<unsigned>(text.size())) == static_cast<int>(text.size()));
  REQUIRE(gzclose(file) == Z_OK);
}

// The one run below the folder.
std::string run_below(const std::string& folder) {
  std::string found;
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    if (entry.path().filename() == "run.h5") {
      CHECK(found.empty());
      found = entry.path().string();
    }
  REQUIRE_FALSE(found.empty());
  return found;
}

Outcome import(const Folder& folder, const std::string& what, const std::string& into = "into") {
  return analyze(folder, "import " + (folder / what) + " --into " + (folder / into));
}

// What the run of the one trace is.
RunData imported(const Folder& folder, const std::string& trace, const std::string& flags = "") {
  put(folder / "one/trace.json", trace);
  const Outcome result =
      analyze(folder, "import " + (folder / "one/trace.json") + " " + flags + " --into " + (folder / "into"));
  CAPTURE(result.err);
  REQUIRE(result.code == 0);
  return read_run(run_below(folder / "into"));
}

void put_slow_pair(const Folder& folder) {
  put(folder / "slow/rank0.json", gloo_trace(0, 0, 2));
  put_gzip(folder / "slow/rank1.json.gz", gloo_trace(1, 2, 0));
}

}  // namespace

TEST_CASE("two ranks over gloo: the budget is that of the trace, and the late rank is named") {
  const Folder folder;
  put_slow_pair(folder);
  const Outcome result = import(folder, "slow");
  REQUIRE(result.code == 0);
  CHECK(result.err.empty());
  CHECK(says(result.out, "1 files imported"));
  CHECK(says(result.out, "not in the trace: model (--model), data (--data), batch (--batch), hardware"));
  const RunData run = read_run(run_below(folder / "into"));
  CHECK(run.header.mode == "ddp");
  CHECK(run.header.world_size == 0);
  CHECK(run.header.started == "2026-10-01T12:17:07Z");
  CHECK(run.settings.at("parallel.backend") == "gloo");
  REQUIRE(run.steps.ranks() == 2);
  REQUIRE(run.steps.steps() == 6);
  for (std::int64_t s = 0; s < 6; ++s) {
    const double late = 2e-3;
    for (std::int64_t r = 0; r < 2; ++r) {
      CHECK(run.steps.data.at(r, s) == Approx(1e-3));
      CHECK(run.steps.forward.at(r, s) == Approx(2e-3 + (r == 1 ? late : 0)));
      CHECK(run.steps.backward.at(r, s) == Approx(3e-3));
      CHECK(run.steps.comm_exposed.at(r, s) == Approx(1e-3 + (r == 0 ? late : 0)));
      CHECK(run.steps.optimizer.at(r, s) == Approx(1.1e-3));
      CHECK(run.steps.wall.at(r, s) == Approx(10.1e-3));
    }
  }
  REQUIRE(run.comm.size() == 12);
  for (std::size_t i = 0; i < 12; ++i) {
    CHECK(run.comm.kind[i] == "all_reduce");
    CHECK(run.comm.bytes[i] == 40'000);
    CHECK(run.comm.bucket[i] == 0);
    CHECK(run.comm.sequence[i] == run.comm.sequence[(i + 6) % 12]);
  }
  CHECK(run.model.gradient_bytes == 40'000);
}

TEST_CASE("all verbs read an imported run") {
  const Folder folder;
  put(folder / "even/rank0.json", gloo_trace(0, 0, 0));
  put(folder / "even/rank1.json", gloo_trace(1, 0, 0));
  put_slow_pair(folder);
  for (const char* name : {"even", "slow"})
    REQUIRE(analyze(folder, "import " + (folder / name) +
                                " --model mlp --data digits --batch 64 --hardware box --into " +
                                (folder / ("runs/" + std::string(name))))
                .code == 0);
  const std::string slow = folder / "runs/slow";
  const Outcome overlap = analyze(folder, "overlap " + slow);
  CHECK(overlap.code == 0);
  CHECK(says(overlap.out, "always the same"));
  CHECK(says(overlap.out, "ddp x2     1           100  always the same     compute"));
  CHECK(lacks(overlap.out, "refused"));
  for (const char* verb :
       {"budget", "pop", "summary", "scaling", "validate", "advise", "predict", "convergence", "pipeline"}) {
    CAPTURE(verb);
    const Outcome result = analyze(folder, std::string(verb) + " " + slow);
    CHECK(result.code == 0);
    CHECK(lacks(result.out, "nan"));
  }
  const Outcome diff = analyze(folder, "diff " + (folder / "runs/even") + " " + slow);
  CHECK((diff.code == 0 || diff.code == 3));
  CHECK(says(diff.out, "ddp x2"));
  const Outcome trace = analyze(folder, "trace " + run_below(slow) + " --output " + (folder / "trace.json"));
  CHECK(trace.code == 0);
  CHECK(says(text_of(folder / "trace.json"), "all_reduce"));
  CHECK(analyze(folder, "report " + slow).code == 0);
}

TEST_CASE(
    "a kernel's size, kind and group are those of the call that it was launched in, where it says nothing") {
  MadeTrace trace;
  trace.step(1, 1000, 100);
  trace.event("cpu_op", "aten::mm", 1001, 5);
  trace.event("cpu_op", "autograd::engine::evaluate_function: X", 1010, 50);
  trace.event(
      "cpu_op", "record_param_comms", 1020, 10, 1,
      R"("Collective name": "_reduce_scatter_base", "In msg nelems": 8, "Out msg nelems": 4, "dtype": "BFloat16", "Process Group Name": "tp")");
  trace.kernel("gemm", 1002, 1003, 30);
  trace.kernel("ncclDevKernel_Generic(ncclDevComm*, unsigned long)", 1022, 1040, 25, 20);
  trace.kernel("Memcpy HtoD (Pageable -> Device)", 1060, 1070, 6, 7, "", "gpu_memcpy");
  const Folder folder;
  const RunData run = imported(folder, trace.text(0, 1, "nccl"));
  REQUIRE(run.comm.size() == 1);
  CHECK(run.comm.kind[0] == "reduce_scatter");
  CHECK(run.comm.bytes[0] == 16);
  CHECK(run.comm.bucket[0] == 0);
  CHECK(run.comm.ready[0] == Approx(33e-6));  // the kernel launched before it ends at 1033
  CHECK(run.steps.forward.at(0, 0) == Approx(30e-6));
  CHECK(run.steps.h2d.at(0, 0) == Approx(6e-6));
  CHECK(run.steps.comm_exposed.at(0, 0) == Approx(25e-6));
  CHECK(run.steps.wall.at(0, 0) == Approx(100e-6));
  CHECK(run.steps.other.at(0, 0) == Approx(39e-6));
}

TEST_CASE("a device that lags behind its host: a step ends when the device is through with it") {
  MadeTrace trace;
  for (int s = 0; s < 3; ++s) {  // the host launches in 10 us what takes the device 50
    trace.step(s, 1000 + 10 * s, 10);
    trace.event("cpu_op", "aten::mm", 1001 + 10 * s, 5);
    trace.kernel("gemm", 1002 + 10 * s, 1003 + 50 * s, 50);
  }
  const Folder folder;
  const RunData run = imported(folder, trace.text(0, 1, "nccl"));
  CHECK(run.steps.wall.at(0, 0) == Approx(53e-6));
  CHECK(run.steps.wall.at(0, 1) == Approx(50e-6));
  CHECK(run.steps.wall.at(0, 2) == Approx(50e-6));
  CHECK(run.steps.forward.at(0, 1) == Approx(50e-6));
}

TEST_CASE("what runs after the last step or between steps that are not neighbours is of none") {
  MadeTrace trace;
  for (int s : {0, 1, 7}) {
    trace.step(s, 1000 + 100 * s, 90);
    trace.event("cpu_op", "aten::mm", 1001 + 100 * s, 5);
    trace.kernel("gemm", 1002 + 100 * s, 1010 + 100 * s, 50);
    trace.kernel("evaluation", 1095 + 100 * s, 1096 + 100 * s, s == 0 ? 2 : 400);
  }
  const Folder folder;
  const RunData run = imported(folder, trace.text(0, 1, "nccl"));
  CHECK(run.steps.wall.at(0, 0) == Approx(100e-6));
  CHECK(run.steps.wall.at(0, 1) == Approx(90e-6));
  CHECK(run.steps.wall.at(0, 2) == Approx(90e-6));
  CHECK(run.steps.forward.at(0, 2) == Approx(50e-6));
}

TEST_CASE("one rank's trace of two: the run has two ranks, and nothing is said of waiting") {
  const Folder folder;
  put(folder / "t/rank1.json", gloo_trace(1, 0, 0));
  const Outcome result = import(folder, "t");
  REQUIRE(result.code == 0);
  CHECK(says(result.out, "of 2 ranks, 0 has no trace here"));
  CHECK(read_header(run_below(folder / "into")).world_size == 2);
  const Outcome overlap = analyze(folder, "overlap " + (folder / "into"));
  CHECK(says(overlap.out, "ddp x2"));
  CHECK(says(analyze(folder, "validate " + (folder / "into")).out, "which rank waited for which is unknown"));
}

TEST_CASE("a trace without numbers of its steps, with a name of their own, and with numbers JSON lacks") {
  MadeTrace trace;
  for (int s = 0; s < 2; ++s)
    trace.event("user_annotation", "train step", 1000 + 100 * s, 90)
        .event("user_annotation", "train step", 1001 + 100 * s, 50)  // within the one around it
        .event("cpu_op", "aten::mm", 1010 + 100 * s, 50, 1, R"("a": NaN, "b": [-Infinity, inf], "c": "NaN")");
  const Folder folder;
  const RunData run = imported(folder, trace.text(0, 1, "nccl"), "--step-name 'train step'");
  CHECK(run.steps.steps() == 2);
  CHECK(run.steps.forward.at(0, 0) == Approx(90e-6));
  CHECK(says(
      analyze(folder, "import " + (folder / "one/trace.json")).err,
      "one/trace.json: no step is marked in it; call the profiler's step() once a step, or name another mark"));
}

TEST_CASE("what the trace does not say is taken from a run file, and the two stand in one report") {
  const Folder folder;
  write_run(folder / "ours/ddp1", one_epoch(usual_ddp(1)));
  write_run(folder / "ours/seq1", one_epoch(usual_seq(1)));
  put_slow_pair(folder);
  REQUIRE(analyze(folder, "import " + (folder / "slow") + " --like " + (folder / "ours/ddp1/run.h5") +
                              " --into " + (folder / "ours/imported"))
              .code == 0);
  const Outcome result = analyze(folder, "validate " + (folder / "ours"));
  CHECK(result.code == 0);
  CHECK(says(result.out, "[other-program]"));
  CHECK(says(result.out, "PyTorch profiler trace, baseline a run of Lockstep"));
  CHECK(lacks(result.out, "[different-work]"));
  CHECK(lacks(result.out, "[no-fingerprint]"));
}

TEST_CASE("traces that do not belong together are refused by name") {
  const Folder folder;
  put(folder / "twice/a_rank0.json", gloo_trace(0, 0, 0));
  put(folder / "twice/b_rank0.json", gloo_trace(0, 1, 0));
  CHECK(says(import(folder, "twice").err,
             "are both of rank 0; put the traces of each run into a separate folder"));
  put(folder / "other/rank0.json", gloo_trace(0, 0, 0));
  std::string other = gloo_trace(1, 0, 0);
  for (std::size_t at = 0; (at = other.find("gloo:all_reduce", at)) != std::string::npos; ++at)
    other.replace(at, 15, "gloo:broadcast");
  put(folder / "other/rank1.json", other);
  CHECK(says(import(folder, "other").err, "rank1.json: in step 4 it calls broadcast where"));
  put(folder / "again/rank0.json", gloo_trace(0, 0, 0));
  CHECK(import(folder, "again").code == 0);
  CHECK(says(import(folder, "again").err, "already exists: this was imported before"));
  CHECK(analyze(folder, "import " + (folder / "again") + " --batch none").code == 2);
  CHECK(analyze(folder, "import " + (folder / "again") + " --mode best").code == 2);
}

TEST_CASE("hostile traces are refused in one line, within bounds") {
  const Folder folder;
  const std::string good = gloo_trace(0, 0, 0), head = R"({"traceEvents": [)";
  const auto event = [&](const std::string& members) {
    return head + R"({"ph": "X", "cat": "cpu_op", "name": "a", )" + members + "}]}";
  };
  struct Case {
    const char* name;
    std::string text;
    const char* said;
  };
  std::string packed = "x";
  put_gzip(folder / "whole.json.gz", good);
  packed = text_of(folder / "whole.json.gz");
  std::string damaged = packed;
  damaged[damaged.size() / 2] = static_cast<char>(damaged[damaged.size() / 2] ^ 0x55);
  put_gzip(folder / "bomb.json.gz", head + std::string(200 << 20, ' '));
  const std::vector<Case> cases = {
      {"deep.json", head + R"({"args": )" + std::string(1 << 20, '['),
       "nested too deeply; 64 levels are read"},
      {"long.json", head + R"({"name": ")" + std::string(3 << 20, 'a'), "a value of more than 1048576 bytes"},
      {"blank.json", head + std::string(3 << 20, ' '), "a value of more than 1048576 bytes"},
      {"cut.json", good.substr(0, good.size() / 2), "not JSON: "},
      {"cut.json.gz", packed.substr(0, packed.size() / 2),
       "is truncated: its compressed data ends too early"},
      {"damaged.json.gz", damaged, "damaged.json.gz: "},
      {"bomb.json.gz", text_of(folder / "bomb.json.gz"), "a value of more than 1048576 bytes"},
      {"no_time.json", event(R"("dur": 1)"), "event 1 ('a') has no time 'ts'"},
      {"back.json", event(R"("ts": 5, "dur": -1)"), "event 1 ('a') ends before it begins"},
      {"text.json", event(R"("ts": "5")"), "'ts' is a text, not a number"},
      {"huge.json", event(R"("ts": 1e300)"), "'ts' is 1e+300 microseconds"},
      {"world.json", R"({"distributedInfo": {"rank": -3}, "traceEvents": []})",
       "'rank' is -3, which is not a number of ranks"},
      {"size.json", event(R"("ts": 1, "args": {"In msg nelems": -8})"),
       "'In msg nelems' is -8, which is not a size"},
      {"shape.json", event(R"("ts": 1, "args": {"Input Dims": [[4294967296, 4294967296]]})"),
       "which is not a size"},
      {"none.json", R"({"traceEvents": []})", "no step is marked in it"},
      {"steps.json",
       R"({"traceEvents": [{"ph":"X","cat":"user_annotation","name":"ProfilerStep#2","ts":1,"dur":5},
        {"ph":"X","cat":"user_annotation","name":"ProfilerStep#2","ts":9,"dur":5}]})",
       "step 2 begins before step 2 has ended"},
      {"list.json.gz", "[1, 2", "not JSON: "}};
  for (const Case& one : cases) {
    CAPTURE(one.name);
    put(folder / (std::string("bad/") + one.name), one.text);
    const Outcome result = import(folder, std::string("bad/") + one.name);
    CHECK(result.code == 2);
    CHECK(says(result.err, one.said));
    CHECK(lines_in(result.err) == 1);
    CHECK(result.peak_kib < 256 << 10);
  }
  CHECK_FALSE(fs::exists(folder / "into"));
  // Below a folder they cost no other trace.
  put(folder / "bad/rank0.json", gloo_trace(0, 0, 0));
  const Outcome result = import(folder, "bad");
  CHECK(result.code == 0);
  CHECK(says(result.out, "1 files imported"));
}

TEST_CASE("predict reckons with the link that nccl-tests measured on the GPUs of a trace") {
  const Folder folder;
  for (int rank = 0; rank < 2; ++rank)
    put(folder / fmt::format("runs/rank{}.json", rank), nccl_trace(rank, 2));
  std::string text = "# nThread 1 nGpus 2 minBytes 8 maxBytes 134217728 step: 4(factor)\n";
  for (int rank = 0; rank < 2; ++rank)
    text += fmt::format("#  Rank  {0} Group  0 Pid  711 on  node1 device  {0} [0x07] NVIDIA A100-SXM4-40GB\n",
                        rank);
  for (double bytes = 65536; bytes < 2e8; bytes *= 4) {
    const double us = 20 + bytes / 12e3;
    text += fmt::format("{:.0f} {:.0f} float sum -1 {:.2f} {:.2f} {:.2f} 0 {:.2f} {:.2f} {:.2f} 0\n", bytes,
                        bytes / 4, us, bytes / us / 1e3, bytes / us / 1e3, us, bytes / us / 1e3,
                        bytes / us / 1e3);
  }
  put(folder / "runs/all_reduce.txt", text);
  const Outcome made = analyze(
      folder, "import " + (folder / "runs") + " --model m --data d --batch 64 --into " + (folder / "into"));
  CAPTURE(made.err);
  REQUIRE(made.code == 0);
  CHECK(says(made.out, "2 files imported"));
  const RunData run = read_run(run_below(folder / "into"));
  CHECK(run.steps.comm_exposed.at(0, 1) == Approx(502e-6));
  CHECK(run.steps.backward.at(0, 1) == Approx(3e-3));
  CHECK(run.backward_offset == Approx(1010e-6));
  CHECK(run.settings.at("parallel.device") == "cuda");
  CHECK(says(analyze(folder, "bandwidth " + (folder / "into")).out, "nccl x2"));
  const Outcome predicted = analyze(folder, "predict " + (folder / "into") + " --ranks 4,8");
  CHECK(predicted.code == 0);
  CHECK(says(predicted.out, "commbench.h5"));
}

TEST_CASE("a rank whose clock is wrong is shifted by the ends of its collectives, and that is said") {
  const Folder folder;
  put(folder / "t/rank0.json", nccl_trace(0, 2));
  std::string later = nccl_trace(1, 2);
  later.replace(later.find("1790857026000000000"), 19, "1790857029000000000");
  put(folder / "t/rank1.json", later);
  const Outcome result = import(folder, "t");
  CHECK(result.code == 0);
  CHECK(says(result.out, "the clock of rank 1 is 3000 ms ahead of rank 0's"));
  const RunData run = read_run(run_below(folder / "into"));
  CHECK(run.ranks[1].clock_offset == Approx(3));
  CHECK(run.steps.start.at(1, 3) == Approx(run.steps.start.at(0, 3)));
  CHECK(lacks(analyze(folder, "validate " + (folder / "into")).out, "[clocks-apart]"));
}

TEST_CASE("ranks whose traces begin with another step are one run of the steps that all have") {
  const Folder folder;
  put(folder / "t/rank0.json", nccl_trace(0, 2));
  std::string other = nccl_trace(1, 2);
  for (int s = 5; s >= 0; --s) {  // steps 2 to 7
    const std::string name = fmt::format("ProfilerStep#{}\"", s);
    other.replace(other.find(name), name.size(), fmt::format("ProfilerStep#{}\"", s + 2));
  }
  put(folder / "t/rank1.json", other);
  const Outcome result = import(folder, "t");
  CHECK(says(result.out, "1 files imported"));
  CHECK(says(result.out, "4 of its 6 steps are also in the other traces"));
  CHECK(read_run(run_below(folder / "into")).steps.steps() == 4);
}
