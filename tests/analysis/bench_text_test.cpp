// What nccl-tests and the OSU micro-benchmarks print becomes a file of commbench.
#include "analysis/import/bench_text.hpp"

#include "analysis/model/link_bench.hpp"
#include "analysis/support/synthetic_run.hpp"
#include "base/error.hpp"
#include "support/catch.hpp"

using namespace lockstep;
using namespace lockstep::test;

namespace {

std::string nccl_head(int ranks, int nodes) {
  std::string text =
      "some launcher's line\n# nThread 1 nGpus 1 minBytes 8 maxBytes 134217728 step: 4(factor) warmup iters: 5 iters: 20\n#\n# Using devices\n";
  for (int r = 0; r < ranks; ++r)
    text +=
        fmt::format("#  Rank {:2} Group  0 Pid  7{:02} on  node{} device  {} [0x07] NVIDIA A100-SXM4-40GB\n",
                    r, r, r * nodes / ranks, r);
  return text +
         "#\n#       size         count      type   redop    root     time   algbw   busbw #wrong     time   algbw   busbw #wrong\n"
         "#        (B)    (elements)                               (us)  (GB/s)  (GB/s)            (us)  (GB/s)  (GB/s)\n";
}

// A ring over a link of 20 us and 12 GB/s.
std::string nccl_row(double bytes, int ranks, const char* middle = "float     sum      -1") {
  const double seconds = 2 * (ranks - 1) * 20e-6 + 2.0 * (ranks - 1) / ranks * bytes / 12e9;
  const double algbw = 1e-9 * bytes / seconds, busbw = algbw * 2 * (ranks - 1) / ranks;
  return fmt::format("{:12.0f} {:13.0f}  {} {:8.2f} {:7.2f} {:7.2f}      0 {:8.2f} {:7.2f} {:7.2f}      0\n",
                     bytes, bytes / 4, middle, seconds * 1e6, algbw, busbw, seconds * 1e6, algbw, busbw);
}

std::string complaint(const std::string& text, const BenchFacts& facts = {},
                      const std::string& name = "b.txt") {
  try {
    bench_of_text(text, name, facts);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("nccl-tests: the collective is told by the bandwidths, the ranks and nodes by the devices") {
  std::string text = nccl_head(4, 2);
  for (double bytes = 4096; bytes < 2e8; bytes *= 4) text += nccl_row(bytes, 4);
  text += "# Out of bounds values : 0 OK\n# Avg bus bandwidth    : 10.3\n#\n";
  const CommBench bench = bench_of_text(text, "out.txt", {}).bench;
  CHECK(bench.backend == "nccl");
  CHECK(bench.dtype == "float");
  REQUIRE(bench.cases.size() == 8);
  CHECK(bench.cases[0].collective == "all_reduce");
  CHECK(bench.cases[0].bytes == 4096);
  CHECK(bench.cases[0].seconds.rows == 4);
  CHECK(bench.cases[0].seconds.columns == 2);
  CHECK(bench.cases[0].seconds.at(3, 1) == Approx(120.51e-6));
  const LinkBench link = reduce_bench(bench, "x");
  CHECK(link.nodes == 2);
  CHECK(link.usable);
  REQUIRE(link.all_reduce);
  CHECK(link.all_reduce->latency.value == Approx(20e-6).epsilon(0.01));
  CHECK(link.all_reduce->bandwidth.value == Approx(12e9).epsilon(0.01));
}

TEST_CASE("nccl-tests: other collectives, older columns, wrong results") {
  const auto first = [](const std::string& text, const std::string& name = "b.txt") {
    return bench_of_text(text, name, {}).bench.cases.at(0);
  };
  const std::string head = nccl_head(4, 1);
  CHECK(first(head + "1048576 262144 float sum -1 100 10.49 7.86 0 100 10.49 7.86 0\n").collective ==
        "reduce_scatter");
  CHECK(first(head + "1048576 262144 float none 2 100 10.49 10.49 0 100 10.49 10.49 0\n").collective ==
        "broadcast");
  CHECK(first(head + "1048576 262144 float none 2 100 10.49 10.49 0 100 10.49 10.49 0\n").root == 2);
  CHECK(first(head + "1048576 262144 float sum 0 100 10.49 10.49 0 100 10.49 10.49 0\n").collective ==
        "reduce");
  const std::string gather = head + "1048576 262144 float none -1 100 10.49 7.86 0 100 10.49 7.86 0\n";
  CHECK(first(gather, "runs/all_gather_8.txt").collective == "all_gather");
  CHECK(says(complaint(gather), "b.txt:12: all_gather_perf and alltoall_perf print the same table"));
  CHECK(first(nccl_head(2, 1) + "1048576 262144 float sum -1 100 10.49 10.49 0 100 10.49 10.49 0\n")
            .collective == "all_reduce");
  CHECK(
      first(nccl_head(2, 1) + "1048576 262144 float sum -1 100 10.49 5.24 0 100 10.49 5.24 0\n").collective ==
      "reduce_scatter");
  CHECK(first(head + "1048576 262144 float sum 100 10.49 15.7 5e-07 100 10.49 15.7 5e-07\n").collective ==
        "all_reduce");
  CHECK(first(head + "1048576 262144 float sum -1 100 10.49 15.7 0 100 10.49 15.7 N/A\n").wrong == 0);
  const CommBench wrong =
      bench_of_text(head + "1048576 262144 float sum -1 100 10.49 15.7 3 100 10.49 15.7 0\n", "b", {}).bench;
  CHECK(wrong.cases.at(0).wrong == 3);
  CHECK_FALSE(reduce_bench(wrong, "x").usable);
}

TEST_CASE("OSU: what the text does not say is given by flags") {
  const std::string text =
      "# OSU MPI Allreduce Latency Test v7.3\n# Datatype: MPI_FLOAT.\n# Size       Avg Latency(us)   Min Latency(us)\n"
      "4                       2.50   2.40\n1048576               310.20   300.10\n";
  CHECK(says(complaint(text),
             "b.txt:4: OSU's output does not say on how many ranks it was measured; give --ranks N"));
  CHECK(says(complaint(text, {.ranks = 8, .nodes = 0, .hardware = {}, .like = {}}),
             "the number of nodes is unknown; give --nodes N"));
  const ImportedBench made = bench_of_text(text, "b.txt", {8, 2, "our cluster", ""});
  CHECK(made.bench.backend == "mpi");
  REQUIRE(made.bench.cases.size() == 2);
  CHECK(made.bench.cases[1].collective == "all_reduce");
  CHECK(made.bench.cases[1].seconds.at(7, 0) == Approx(310.2e-6));
  CHECK(reduce_bench(made.bench, "x").nodes == 2);
  CHECK_FALSE(made.bench.fingerprint.empty());
  const ImportedBench pair =
      bench_of_text("# OSU MPI Latency Test v5.6.2\n# Size          Latency (us)\n8  1.5\n65536 9.75\n",
                    "l.txt", {0, 2, "", ""});
  CHECK(pair.bench.cases[0].collective == "send_recv");
  CHECK(pair.bench.cases[0].seconds.rows == 2);
  CHECK(reduce_bench(pair.bench, "x").message);
  const ImportedBench gather = bench_of_text(
      "# OSU MPI Allgather Latency Test v5.6.2\n# Size  Avg Latency(us)\n64  9.5\n", "g.txt", {4, 1, "", ""});
  CHECK(gather.bench.cases[0].bytes == 256);
}

TEST_CASE("texts that cannot be read are refused with their line") {
  CHECK(says(complaint("# OSU MPI Bandwidth Test v5.6\n# Size      Bandwidth (MB/s)\n1 3.4\n"),
             "b.txt:1: not a supported test"));
  CHECK(says(complaint("# OSU MPI Latency Test v5.6\n# Size  Latency (us)\n4 -1\n", {0, 1, "", ""}),
             "b.txt:3: not a size and a time"));
  const std::string head = nccl_head(4, 1);
  CHECK(says(complaint(head + "1024 256 float sum -1 fast 1 1 0 1 1 1 0\n"),
             "b.txt:12: not a time in microseconds"));
  CHECK(says(complaint(head + "1024 256\n"), "b.txt:12: 2 columns"));
  CHECK(says(complaint(head), "no measurement in it"));
  CHECK(says(complaint(head + "8 2 float sum -1 10 0.00 0.00 0 10 0.00 0.00 0\n"),
             "too small to tell which collective"));
  CHECK_FALSE(looks_like_bench("size time\n1 2\n"));
  CHECK(looks_like_bench(head));
}
