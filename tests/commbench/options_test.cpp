// The command line of commbench, and the sizes that follow from it.
#include "apps/commbench/options.hpp"

#include "apps/commbench/measure.hpp"
#include "base/error.hpp"
#include "support/catch.hpp"

using namespace lockstep;

namespace {

BenchOptions parsed(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "commbench");
  return parse_bench_options(static_cast<int>(arguments.size()), arguments.data());
}

std::string refusal_of(const std::vector<const char*>& arguments) {
  try {
    parsed(arguments);
  } catch (const Error& error) {
    CHECK(error.code() == ExitCode::bad_input);
    return error.what();
  }
  return "";
}

const Operation& operation_named(const std::string& name) {
  for (const Operation& operation : operations())
    if (name == operation.name) return operation;
  throw std::runtime_error("no operation " + name);
}

using Sizes = std::vector<std::int64_t>;

}  // namespace

TEST_CASE("the defaults are 4 B to 256 MiB, all collectives") {
  const BenchOptions options = parsed({});
  CHECK(options.least == 4);
  CHECK(options.most == 256 << 20);
  CHECK(options.collectives.empty());
  CHECK(options.output == "experiments");
}

TEST_CASE("flags are taken with a space or an equals sign, sizes with binary suffixes") {
  const BenchOptions options = parsed({"--min",
                                       "1K",
                                       "--max=2M",
                                       "--factor",
                                       "4",
                                       "--iterations=7",
                                       "--warmup",
                                       "0",
                                       "--seconds",
                                       "0.25",
                                       "--backend",
                                       "mpi",
                                       "--device=cpu",
                                       "--dtype",
                                       "bf16",
                                       "--collectives",
                                       "all_reduce,barrier",
                                       "--output",
                                       "x",
                                       "--quiet"});
  CHECK(options.least == 1024);
  CHECK(options.most == 2 << 20);
  CHECK(options.factor == 4);
  CHECK(options.iterations == 7);
  CHECK(options.warmup == 0);
  CHECK(options.seconds == 0.25);
  CHECK(options.backend == BackendKind::mpi);
  CHECK(options.device == DeviceKind::cpu);
  CHECK(element_type(options.dtype).type == at::kBFloat16);
  CHECK(options.collectives == std::vector<std::string>{"all_reduce", "barrier"});
  CHECK(options.output == "x");
  CHECK(options.quiet);
}

TEST_CASE("what is wrong is said in one line with the remedy") {
  CHECK(refusal_of({"--iteration", "3"}) == "unknown flag '--iteration'; did you mean '--iterations'?");
  CHECK(refusal_of({"stray"}) == "'stray' is not a flag; see commbench --help");
  CHECK(refusal_of({"--max", "1K", "--min", "2K"}) == "--max 1K is less than --min 2K");
  CHECK(refusal_of({"--min", "3"}) ==
        "--min 3 is not a whole number of fp32 elements, which take 4 bytes; use --min 4");
  CHECK(refusal_of({"--factor", "1"}) == "--factor 1: not a whole number from 2 to 1048576");
  CHECK(refusal_of({"--max", "9999G"}) ==
        "--max 9999G: not a size from 1 to 1024G; K, M and G are 2^10, 2^20 and 2^30");
  for (const char* size : {"", "K", "-1", "4X", "1.5M", "99999999999999999999"})
    CHECK(refusal_of({"--min", size}).find("not a size from 1 to 1024G") != std::string::npos);
  CHECK(refusal_of({"--iterations", "0"}).find("from 1 to") != std::string::npos);
  CHECK(refusal_of({"--seconds", "nan"}).find("not a number") != std::string::npos);
  CHECK(refusal_of({"--backend", "gloo"}) == "--backend gloo: not one of auto, mpi, shm, nccl");
  CHECK(refusal_of({"--dtype", "float"}).find("not one of fp32, fp64, bf16") != std::string::npos);
  CHECK(refusal_of({"--collectives", "all_reduce,"}).find("not one of all_reduce") != std::string::npos);
  CHECK(refusal_of({"--output"}).find("--output needs a value") == 0);
  CHECK(refusal_of({"--quiet=1"}) == "--quiet takes no value");
}

TEST_CASE("the help names every flag and collective") {
  const std::string help = bench_help();
  for (const char* word : {"--min", "--seconds", "--collectives", "reduce_scatter", "send_recv", "barrier"})
    CHECK(help.find(word) != std::string::npos);
}

TEST_CASE("sizes go up by the factor, and by whole shares where ranks share them") {
  const BenchOptions options = parsed({"--min", "4", "--max", "64", "--factor", "4"});
  CHECK(sizes_of(operation_named("all_reduce"), options, 3) == Sizes{4, 16, 64});
  CHECK(sizes_of(operation_named("reduce_scatter"), options, 3) == Sizes{12, 60});
  CHECK(sizes_of(operation_named("all_gather"), options, 4) == Sizes{16, 64});
  CHECK(sizes_of(operation_named("all_gather"), options, 64).empty());
  CHECK(sizes_of(operation_named("barrier"), options, 3) == Sizes{0});
  const BenchOptions one = parsed({"--min", "8", "--max", "8"});
  CHECK(sizes_of(operation_named("broadcast"), one, 2) == Sizes{8});
}

TEST_CASE("sizes are written with the suffix that fits") {
  CHECK(size_text(4) == "4");
  CHECK(size_text(1536) == "1536");
  CHECK(size_text(3 << 10) == "3K");
  CHECK(size_text(256 << 20) == "256M");
}
