// A loop of one's own, recorded by Run, beside train_ddp on the same model, data and simulated link: analyze takes
// its run file, and finds the same exposed communication in it.
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <numeric>
#include <string>

#include "results/run_reader.hpp"
#include "support/catch.hpp"
#include "support/temporary_folder.hpp"
#include "support/timed.hpp"

using namespace lockstep;
namespace fs = std::filesystem;

namespace {

// Two buckets a step, of about 3 and 650 KiB; an all-reduce takes 0.1 s longer than it would.
constexpr const char* kSettings =
    " --set model.name=mlp --set 'model.hidden=[24, 24]' --set data.name=synthetic_images"
    " --set 'data.shape=[3, 48, 48]' --set data.samples=1600 --set data.test_samples=64 --set data.cache=none"
    " --set training.global_batch=64 --set training.steps=16 --set training.optimizer.name=sgd"
    " --set parallel.device=cpu --set parallel.threads=1 --set parallel.bucket_mb=0.002"
    " --set parallel.first_bucket_mb=0.002 --set parallel.backend=sim --set parallel.link.latency_us=50000";

void launch(const std::string& program, const TemporaryFolder& folder, const std::string& output) {
  std::fclose(std::fopen((folder / "empty.yaml").c_str(), "w"));
  const std::string command = "cd '" + folder.path + "' && '" MPIEXEC "' -np 2 '" + program +
                              "' --config empty.yaml --quiet --output " + output + kSettings;
  REQUIRE(std::system(command.c_str()) == 0);
}

std::string only_run(const std::string& output) {
  REQUIRE(fs::exists(output));
  return fs::directory_iterator(output)->path().string();
}

// Mean over ranks and the steps after the second, in which buckets may be laid out anew.
double mean_of(const Matrix<double>& column) {
  double sum = 0;
  for (std::int64_t rank = 0; rank < column.rows; ++rank)
    for (std::int64_t step = 2; step < column.columns; ++step) sum += column.at(rank, step);
  return sum / static_cast<double>(column.rows * (column.columns - 2));
}

test::Claim within(const std::string& what, double found, double wanted, double tolerance) {
  return {what, std::abs(found - wanted) <= tolerance * wanted, found, wanted};
}

}  // namespace

TEST_CASE("a loop of one's own has the exposed communication of train_ddp") {
  test::judge_times({.threads = 2}, [] {
    const TemporaryFolder folder;
    launch(TRAIN_DDP, folder, "ours");
    launch(OWN_LOOP, folder, "own");
    const std::string own_folder = only_run(folder / "own");
    REQUIRE(std::system(("'" ANALYZE "' validate '" + own_folder + "' > /dev/null").c_str()) == 0);
    REQUIRE(std::system(("'" ANALYZE "' summary '" + folder.path + "' > /dev/null").c_str()) == 0);
    const RunData ours = read_run(only_run(folder / "ours") + "/run.h5");
    const RunData own = read_run(own_folder + "/run.h5");
    CHECK(own.header.valid);
    CHECK(own.buckets.bytes == ours.buckets.bytes);
    CHECK(own.comm.size() == ours.comm.size());
    CHECK(own.model.parameters == ours.model.parameters);
    CHECK(own.fingerprint == ours.fingerprint);
    CHECK(own.audit.at(0).digest == ours.audit.at(0).digest);
    for (std::int64_t step = 0; step < own.steps.steps(); ++step)
      CHECK(own.steps.loss.at(0, step) == Approx(ours.steps.loss.at(0, step)).epsilon(1e-4));
    return std::vector<test::Claim>{
        within("exposed communication", mean_of(own.steps.comm_exposed), mean_of(ours.steps.comm_exposed),
               0.05),
        within("all communication", mean_of(own.steps.comm), mean_of(ours.steps.comm), 0.05)};
  });
}
