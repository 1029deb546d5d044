// What communication beside computation costs the computation: one all-reduce of 32 MiB is launched while the
// caller computes, on all ranks together, or on the last rank half a computation later.
//   mpirun -np 2 comm_overlap                                             # as the suite runs
//   OMPI_MCA_mpi_yield_when_idle=0 mpirun -np 2 comm_overlap              # without the hint to yield
// block: MPI's blocking all-reduce from the start. nap: ranks meet first, between naps (see
// comm/mpi_engine.cpp).
#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <vector>

#include "comm/mpi_communicator.hpp"
#include "launch/session.hpp"
#include "timing/clock.hpp"

using namespace lockstep;

namespace {

constexpr int kSteps = 30;
constexpr std::int64_t kElements = 8 << 20;
constexpr int kHalf = 10'000'000;  // additions in half a computation

struct Sample {
  double step, compute, comm;  // seconds
};

double add_up(double start) {
  double sum = start;
  for (int i = 0; i < kHalf; ++i) sum += i * 1e-9;
  return sum;
}

volatile double sink = 0;

Sample one_step(Communicator& communicator, const at::Tensor& x, bool late) {
  const SteadyTime begin = steady_now();
  WorkPtr work;
  if (!late) work = communicator.all_reduce(x);
  double sum = add_up(0);
  if (late) work = communicator.all_reduce(x);
  sum = add_up(sum);
  sink = sum;
  const SteadyTime computed = steady_now();
  work->wait();
  const WorkTimes times = work->times();
  return {seconds_between(begin, steady_now()), seconds_between(begin, computed),
          seconds_between(times.start, times.end)};
}

double median_ms(std::vector<Sample> samples, double Sample::*field) {
  std::sort(samples.begin(), samples.end(),
            [&](const Sample& a, const Sample& b) { return a.*field < b.*field; });
  return samples[samples.size() / 2].*field * 1e3;
}

void measure(World& world, ArrivalWait wait, bool one_late) {
  const auto communicator = make_mpi_communicator(MPI_COMM_WORLD, wait);
  const at::Tensor x = at::zeros({kElements});
  const bool late = one_late && world.rank() == world.size() - 1;
  std::vector<Sample> samples;
  for (int step = 0; step < kSteps; ++step) {
    world.barrier();
    samples.push_back(one_step(*communicator, x, late));
  }
  if (world.rank() == 0)
    fmt::print("{:<6} {:<9} {:>10.2f} {:>10.2f} {:>10.2f}\n", wait == ArrivalWait::nap ? "nap" : "block",
               one_late ? "one late" : "together", median_ms(samples, &Sample::step),
               median_ms(samples, &Sample::compute), median_ms(samples, &Sample::comm));
}

ExitCode run(World& world) {
  if (world.rank() == 0)
    fmt::print("{} ranks, medians of {} steps on rank 0, ms\n{:<6} {:<9} {:>10} {:>10} {:>10}\n",
               world.size(), kSteps, "wait", "launched", "step", "compute", "comm");
  for (const bool one_late : {false, true})
    for (const ArrivalWait wait : {ArrivalWait::block, ArrivalWait::nap}) measure(world, wait, one_late);
  return ExitCode::done;
}

}  // namespace

int main(int argc, char** argv) { return run_main(argc, argv, UseMpi::yes, run); }
