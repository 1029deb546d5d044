// Cases as commbench runs them, and that its check finds what a communicator gets wrong.
#include "apps/commbench/measure.hpp"

#include <ATen/ATen.h>

#include "comm/mpi_communicator.hpp"
#include "launch/session.hpp"
#include "support/catch.hpp"

using namespace lockstep;

namespace {

// Spoils one element of the result, on the last rank.
class Spoiling final : public Communicator {
 public:
  explicit Spoiling(Communicator& inner) : inner_(inner) {}
  BackendKind backend() const override { return inner_.backend(); }
  int rank() const override { return inner_.rank(); }
  int size() const override { return inner_.size(); }
  WorkPtr all_reduce(const at::Tensor& t, ReduceOp op) override { return spoil(inner_.all_reduce(t, op), t); }
  WorkPtr reduce_scatter(const at::Tensor& o, const at::Tensor& i) override {
    return spoil(inner_.reduce_scatter(o, i), o);
  }
  WorkPtr all_gather(const at::Tensor& o, const at::Tensor& i) override {
    return spoil(inner_.all_gather(o, i), o);
  }
  WorkPtr broadcast(const at::Tensor& t, int root) override { return spoil(inner_.broadcast(t, root), t); }
  WorkPtr reduce(const at::Tensor& t, int root) override { return spoil(inner_.reduce(t, root), t); }
  WorkPtr barrier() override { return inner_.barrier(); }
  WorkPtr send(const at::Tensor& t, int to) override { return inner_.send(t, to); }
  WorkPtr recv(const at::Tensor& t, int from) override { return spoil(inner_.recv(t, from), t); }
  WorkPtr exchange(const at::Tensor& s, const at::Tensor& r, int peer) override {
    return spoil(inner_.exchange(s, r, peer), r);
  }

 private:
  WorkPtr spoil(WorkPtr work, const at::Tensor& result) {
    work->wait();
    if (rank() == size() - 1) result.view(-1)[result.numel() - 1] += 1;
    return work;
  }
  Communicator& inner_;
};

BenchOptions quick(const std::string& dtype = "fp32") {
  BenchOptions options;
  options.iterations = 4;
  options.warmup = 1;
  options.dtype = dtype;
  return options;
}

}  // namespace

TEST_CASE("every collective gives exact results in every type, and times of every rank") {
  const auto world = mpi_world(0, nullptr);
  const auto communicator = make_mpi_communicator(MPI_COMM_WORLD);
  const BenchMachine machine{*world, *communicator, c10::kCPU};
  const int size = world->size();
  for (const char* dtype : {"fp32", "fp64", "bf16", "fp16", "int32", "int64", "uint8"})
    for (const Operation& operation : operations()) {
      CAPTURE(dtype, operation.name);
      const std::int64_t bytes = operation.bytes ? 48 * size : 0;
      const CommBenchCase one = measure(machine, operation, bytes, quick(dtype));
      CHECK(one.wrong == 0);
      CHECK(one.collective == operation.name);
      CHECK(one.bytes == bytes);
      if (world->rank() != 0) continue;
      REQUIRE(one.seconds.rows == size);
      REQUIRE(one.seconds.columns == 4);
      for (int r = 0; r < size; ++r)
        for (int k = 0; k < 4; ++k) {
          const bool takes_part = one.collective != "send_recv" || r == 0;
          CHECK((one.seconds.at(r, k) > 0) == takes_part);
        }
    }
}

TEST_CASE("messages beyond one block of the check are compared to their end") {
  const auto world = mpi_world(0, nullptr);
  const auto communicator = make_mpi_communicator(MPI_COMM_WORLD);
  const BenchMachine machine{*world, *communicator, c10::kCPU};
  const std::int64_t bytes = std::int64_t{4} * world->size() * 1'500'007;
  for (const Operation& operation : operations())
    if (operation.bytes) CHECK(measure(machine, operation, bytes, quick()).wrong == 0);
}

TEST_CASE("a wrong element is found, whichever collective it came from") {
  const auto world = mpi_world(0, nullptr);
  const auto communicator = make_mpi_communicator(MPI_COMM_WORLD);
  Spoiling spoiling(*communicator);
  const BenchMachine machine{*world, spoiling, c10::kCPU};
  const std::int64_t bytes = std::int64_t{4} * world->size() * 1'500'007;
  for (const Operation& operation : operations()) {
    if (!operation.bytes) continue;
    CAPTURE(operation.name);
    // What the last rank passes on, rank 0 has wrong as well.
    const bool goes_back = std::string(operation.name) == "send_recv";
    CHECK(measure(machine, operation, bytes, quick()).wrong == (goes_back ? 2 : 1));
  }
}

TEST_CASE("a case takes no longer than it may, but has its fewest repetitions") {
  const auto world = mpi_world(0, nullptr);
  const auto communicator = make_mpi_communicator(MPI_COMM_WORLD);
  const BenchMachine machine{*world, *communicator, c10::kCPU};
  BenchOptions options;
  options.iterations = 1000;
  options.seconds = 0;
  const CommBenchCase one = measure(machine, operations().front(), 1024, options);
  if (world->rank() == 0) CHECK(one.seconds.columns == kFewestIterations);
}
