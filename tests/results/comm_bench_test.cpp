// Files of commbench: what is written is read, damage and lies are refused, and no reader takes one for a
// run.
#include "results/comm_bench.hpp"

#include <hdf5.h>

#include <fstream>

#include "base/error.hpp"
#include "results/run_reader.hpp"
#include "support.hpp"
#include "support/catch.hpp"

using namespace lockstep;

namespace {

CommBench sample_bench() {
  CommBench bench;
  bench.header.uuid = "b0000000-0000-4000-8000-000000000001";
  bench.header.started = "2026-01-31T12:00:00Z";
  bench.backend = "mpi";
  bench.dtype = "fp32";
  const RunData run = sample_start();
  bench.ranks = run.ranks;
  bench.environment = run.environment;
  bench.fingerprint = run.fingerprint;
  bench.cases = {{"all_reduce", 8, -1, 0, Matrix<double>(2, 3)},
                 {"broadcast", 1024, 0, 5, Matrix<double>(2, 2)}};
  bench.cases[0].seconds.values = {1, 2, 3, 4, 5, 6};
  bench.cases[1].seconds.values = {0.5, 0.25, 0, 0.125};
  return bench;
}

std::string written(const TemporaryFolder& folder) {
  const std::string path = folder / "commbench.h5";
  const CommBench bench = sample_bench();
  CommBenchWriter writer(path, bench);
  for (const CommBenchCase& one : bench.cases) writer.append(one);
  writer.finish(false, {"broadcast was wrong"}, 2.5);
  return path;
}

// What the reader says of a good file with one thing changed.
template <typename Change>
std::string refusal_after(const Change& change) {
  const TemporaryFolder folder;
  const std::string path = written(folder);
  const hid_t file = H5Fopen(path.c_str(), H5F_ACC_RDWR, H5P_DEFAULT);
  change(file);
  H5Fclose(file);
  try {
    read_comm_bench(path);
  } catch (const Error& error) {
    CHECK(error.code() == ExitCode::bad_input);
    return std::string(error.what()).substr(path.size() + 2);
  }
  return "read";
}

template <typename T>
void overwrite(hid_t file, const char* dataset, hid_t type, const std::vector<T>& values) {
  const hid_t id = H5Dopen2(file, dataset, H5P_DEFAULT);
  H5Dwrite(id, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data());
  H5Dclose(id);
}

}  // namespace

TEST_CASE("a file of commbench is read as it was written") {
  const TemporaryFolder folder;
  const CommBench bench = read_comm_bench(written(folder)), want = sample_bench();
  CHECK(bench.header.uuid == want.header.uuid);
  CHECK(bench.header.status == "complete");
  CHECK_FALSE(bench.header.valid);
  CHECK(bench.header.invalid_reasons == std::vector<std::string>{"broadcast was wrong"});
  CHECK(bench.header.wall_seconds == 2.5);
  CHECK(bench.backend == "mpi");
  CHECK(bench.dtype == "fp32");
  CHECK(bench.fingerprint == "f00d");
  CHECK(bench.environment == want.environment);
  REQUIRE(bench.ranks.size() == 2);
  CHECK(bench.ranks[1].host == "h1");
  REQUIRE(bench.cases.size() == 2);
  for (std::size_t i = 0; i < 2; ++i) {
    CHECK(bench.cases[i].collective == want.cases[i].collective);
    CHECK(bench.cases[i].bytes == want.cases[i].bytes);
    CHECK(bench.cases[i].root == want.cases[i].root);
    CHECK(bench.cases[i].wrong == want.cases[i].wrong);
    CHECK(bench.cases[i].seconds.rows == 2);
    CHECK(bench.cases[i].seconds.values == want.cases[i].seconds.values);
  }
}

TEST_CASE("an unfinished file says so, and holds what was flushed") {
  const TemporaryFolder folder;
  const std::string path = folder / "commbench.h5";
  {
    const CommBench bench = sample_bench();
    CommBenchWriter writer(path, bench);
    writer.append(bench.cases[0]);
    writer.flush();
  }
  const CommBench bench = read_comm_bench(path + ".partial");
  CHECK(bench.header.status == "running");
  CHECK(bench.cases.size() == 1);
}

TEST_CASE("an existing file is never replaced") {
  const TemporaryFolder folder;
  const std::string path = written(folder);
  CHECK_THROWS_AS(CommBenchWriter(path, sample_bench()), Error);
  CHECK(read_comm_bench(path).cases.size() == 2);
}

TEST_CASE("each kind of file is refused where the other is wanted") {
  const TemporaryFolder folder;
  const std::string bench = written(folder), run = folder / "run.h5";
  write_sample(run);
  CHECK(is_comm_bench(bench));
  CHECK_FALSE(is_comm_bench(run));
  CHECK_FALSE(is_comm_bench(folder / "absent.h5"));
  CHECK_THROWS_WITH(read_run(bench), bench + ": a file of kind 'commbench', not 'run'");
  CHECK_THROWS_WITH(read_comm_bench(run), run + ": a file of kind 'run', not 'commbench'");
}

TEST_CASE("columns of commbench that do not fit each other are refused by name") {
  CHECK(refusal_after([](hid_t f) { H5Ldelete(f, "/bench/case", H5P_DEFAULT); }) ==
        "'/bench/case' is missing");
  CHECK(refusal_after([](hid_t f) { H5Adelete_by_name(f, "/bench", "backend", H5P_DEFAULT); }) ==
        "not a run file: the attribute 'backend' is missing");
  CHECK(refusal_after([](hid_t f) {
          overwrite<int>(f, "/bench/case", H5T_NATIVE_INT, {0, 0, 0, 1, 2});
        }) == "'/bench/case' names a case that does not exist");
  CHECK(refusal_after([](hid_t f) {
          overwrite<int>(f, "/bench/collective", H5T_NATIVE_INT, {0, -1});
        }) == "'/bench/collective' names a collective that it does not list");
  CHECK(refusal_after([](hid_t f) {
          overwrite<double>(f, "/bench/seconds", H5T_NATIVE_DOUBLE, std::vector<double>(10, NAN));
        }) == "'/bench/seconds' holds a time that is not a number");
  CHECK(refusal_after([](hid_t f) { H5Ldelete(f, "/bench/seconds", H5P_DEFAULT); }) ==
        "'/bench/seconds' is missing");
}

TEST_CASE("a file of commbench that is cut short is refused") {
  const TemporaryFolder folder;
  const std::string path = written(folder);
  std::filesystem::resize_file(path, std::filesystem::file_size(path) / 2);
  CHECK_THROWS_WITH(read_comm_bench(path), path + ": damaged: the file is cut short");
}
