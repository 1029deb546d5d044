// Times all-reduces of fp32 sums: over shared memory (the back end shm, in place), over the back end mpi, and by
// MPI_Allreduce itself, called directly. In turn, so that what else the machine does falls on all of them.
//
//   mpirun -np 2 all_reduce [LARGEST [REPETITIONS]]      bytes (268435456), at least 5 (200, fewer of large ones)
//
// Prints a line for each size: bytes, and for each way the median over the repetitions of the slowest rank's
// seconds. benchmarks/all_reduce.py makes a table of it, beside gloo. Every result is checked.
#include <ATen/ATen.h>
#include <mpi.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <vector>

#include "comm/mpi_communicator.hpp"
#include "timing/clock.hpp"

using namespace lockstep;

namespace {

constexpr double kSecondsOfSize = 1.0;  // that the repetitions of one size may take for one way, roughly

struct Way {
  const char* name;
  at::Tensor buffer;
  std::function<void(const at::Tensor&)> run;
  std::vector<double> seconds = {};
};

void all_reduce_of_library(const at::Tensor& tensor) {
  MPI_Allreduce(MPI_IN_PLACE, tensor.data_ptr(), static_cast<int>(tensor.numel()), MPI_FLOAT, MPI_SUM,
                MPI_COMM_WORLD);
}

double median_of_slowest(std::vector<double>& seconds) {
  MPI_Allreduce(MPI_IN_PLACE, seconds.data(), static_cast<int>(seconds.size()), MPI_DOUBLE, MPI_MAX,
                MPI_COMM_WORLD);
  std::nth_element(seconds.begin(), seconds.begin() + std::ssize(seconds) / 2, seconds.end());
  return seconds[seconds.size() / 2];
}

// The ranks begin together, as far as a barrier in shared memory can make them.
double time_once(Communicator& meeting, const Way& way) {
  meeting.barrier()->wait();
  const SteadyTime begin = steady_now();
  way.run(way.buffer);
  return seconds_between(begin, steady_now());
}

void check(Way& way, int rank, int ranks) {
  way.buffer.fill_(rank + 1);
  way.run(way.buffer);
  if (at::equal(way.buffer, at::full_like(way.buffer, ranks * (ranks + 1) / 2))) return;
  std::fprintf(stderr, "all_reduce: %s has a wrong sum\n", way.name);
  MPI_Abort(MPI_COMM_WORLD, 1);
}

void measure(std::vector<Way>& ways, Communicator& meeting, int most) {
  double longest = 0;
  for (Way& way : ways) check(way, meeting.rank(), meeting.size());
  for (Way& way : ways) way.buffer.zero_();
  for (Way& way : ways) longest = std::max(longest, time_once(meeting, way));
  MPI_Bcast(&longest, 1, MPI_DOUBLE, 0, MPI_COMM_WORLD);
  const int repetitions = std::clamp(static_cast<int>(kSecondsOfSize / longest), 5, most);
  for (int repetition = 0; repetition < repetitions; ++repetition)
    for (std::size_t i = 0; i < ways.size(); ++i) {
      Way& way = ways[(i + static_cast<std::size_t>(repetition)) % ways.size()];
      way.run(way.buffer);  // what the last way left in the caches is not this one's
      way.seconds.push_back(time_once(meeting, way));
    }
}

}  // namespace

int main(int argc, char** argv) {
  int level = 0;
  MPI_Init_thread(&argc, &argv, MPI_THREAD_MULTIPLE, &level);
  const std::int64_t largest = argc > 1 ? std::atoll(argv[1]) : std::int64_t{256} << 20;
  const int repetitions = argc > 2 ? std::max(5, std::atoi(argv[2])) : 200;
  {
    const ShmOutcome shm = make_shm_communicator(MPI_COMM_WORLD);
    const auto mpi = make_mpi_communicator(MPI_COMM_WORLD);
    if (!shm.communicator) {
      std::fprintf(stderr, "all_reduce: no shared memory: %s\n", shm.obstacle.c_str());
      MPI_Abort(MPI_COMM_WORLD, 1);
    }
    for (std::int64_t bytes = 4; bytes <= largest; bytes *= 4) {
      const std::int64_t count = bytes / 4;
      std::vector<Way> ways = {
          {"shm", shm.communicator->allocate(count, at::kFloat),
           [&](const at::Tensor& x) { shm.communicator->all_reduce(x)->wait(); }},
          {"mpi", at::zeros({count}), [&](const at::Tensor& x) { mpi->all_reduce(x)->wait(); }},
          {"library", at::zeros({count}), all_reduce_of_library}};
      measure(ways, *shm.communicator, repetitions);
      for (Way& way : ways) way.seconds = {median_of_slowest(way.seconds)};
      if (mpi->rank() != 0) continue;
      std::printf("%lld", static_cast<long long>(bytes));
      for (const Way& way : ways) std::printf(" %s %.9f", way.name, way.seconds[0]);
      std::printf("\n");
      std::fflush(stdout);
    }
  }
  MPI_Finalize();
  return 0;
}
