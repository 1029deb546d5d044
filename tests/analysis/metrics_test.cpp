// The golden vectors of the metrics, and what the functions do at their limits.
#include <cmath>

#include "analysis/metrics/bandwidth.hpp"
#include "analysis/metrics/budget.hpp"
#include "analysis/metrics/overlap.hpp"
#include "analysis/metrics/speedup.hpp"
#include "analysis/metrics/statistics.hpp"
#include "analysis/metrics/waiting.hpp"
#include "support/catch.hpp"

using namespace lockstep;
using Q = Quantity;

TEST_CASE("speedup and efficiency") {
  CHECK(speedup(8.0, 2.5) == Approx(3.2));
  CHECK(efficiency(3.2, 4) == Approx(0.8));
}

TEST_CASE("the serial fraction of Karp and Flatt") {
  CHECK(karp_flatt(0.46137, 4) == Approx(2.5566).epsilon(1e-4));
  CHECK(karp_flatt(0.79984, 4) == Approx(1.3337).epsilon(1e-4));
  CHECK(karp_flatt(3.5, 4) == Approx(0.047619).epsilon(1e-4));
  CHECK(karp_flatt(4, 4) == Approx(0).margin(1e-15));
  CHECK(std::isnan(karp_flatt(1, 1)));
}

TEST_CASE("Amdahl's parallel share is refused where the law cannot hold") {
  CHECK(*amdahl_parallel_share(3.5, 4) == Approx(0.95238).epsilon(1e-4));
  CHECK(*amdahl_parallel_share(1, 4) == Approx(0).margin(1e-15));
  CHECK(*amdahl_parallel_share(4, 4) == Approx(1));
  CHECK_FALSE(amdahl_parallel_share(0.46137, 4));  // would be -1.5566
  CHECK_FALSE(amdahl_parallel_share(0.79984, 4));  // would be -0.3337
  CHECK_FALSE(amdahl_parallel_share(4.1, 4));
  CHECK_FALSE(amdahl_parallel_share(1, 1));
}

TEST_CASE("bandwidths as nccl-tests defines them") {
  const double algbw = algorithm_bandwidth(515.25e6, 2.437e-3);
  CHECK(algbw == Approx(211.4e9).epsilon(1e-3));
  CHECK(bus_bandwidth("all_reduce", algbw, 8) == Approx(370e9).epsilon(1e-3));
  CHECK(bus_bandwidth("reduce_scatter", 8e9, 8) == Approx(7e9));
  CHECK(bus_bandwidth("all_gather", 8e9, 8) == Approx(7e9));
  CHECK(bus_bandwidth("broadcast", 8e9, 8) == Approx(8e9));
}

TEST_CASE("total, overlapped and exposed communication are lengths of unions") {
  const IntervalSet compute({{0, 10}, {12, 20}}), comm({{8, 14}, {13, 18}, {22, 25}});
  const CommLengths lengths = comm_lengths(compute, comm);
  CHECK(lengths.total == Approx(13));  // the sum, 14, counts one second twice
  CHECK(lengths.overlapped == Approx(8));
  CHECK(lengths.exposed == Approx(5));
}

TEST_CASE("communication events are clipped to their step, and foreign ones ignored") {
  StepTable steps;
  steps.start = Matrix<double>(1, 2);
  steps.wall = Matrix<double>(1, 2, 1.0);
  steps.start.at(0, 1) = 1;
  CommTable comm;
  CHECK_FALSE(comm_from_events(steps, comm));
  const auto event = [&](int rank, int step, double start, double end) {
    comm.rank.push_back(rank);
    comm.step.push_back(step);
    comm.start.push_back(start);
    comm.end.push_back(end);
  };
  event(0, 0, 0.5, 0.8);
  event(0, 0, 0.7, 0.9);
  event(0, 1, 1.75, 2.5);
  event(1, 0, 0, 1);
  event(0, 2, 0, 1);
  event(0, -1, 0, 1);
  const auto lengths = comm_from_events(steps, comm);
  CHECK(lengths->at(0, 0) == Approx(0.4));
  CHECK(lengths->at(0, 1) == Approx(0.25));
}

TEST_CASE("waiting is what a rank spends in a collective beyond the shortest") {
  const double durations[] = {23.3, 8.0, 3.4, 2.8};
  const CollectiveSplit split = split_collective(durations);
  CHECK(split.transfer == Approx(2.8));
  CHECK(split.waits[0] == Approx(20.5));
  CHECK(split.waits[1] == Approx(5.2));
  CHECK(split.waits[2] == Approx(0.6));
  CHECK(split.waits[3] == Approx(0).margin(1e-12));
  CHECK(split.straggler == 3);
  CHECK(split_collective({}).waits.empty());
}

TEST_CASE("collectives are matched by sequence number, in whatever order they are recorded") {
  CommTable comm;
  const auto event = [&](int rank, int step, std::int64_t sequence, double duration,
                         const char* kind = "all_reduce") {
    comm.rank.push_back(rank);
    comm.step.push_back(step);
    comm.sequence.push_back(sequence);
    comm.bytes.push_back(1000);
    comm.kind.emplace_back(kind);
    comm.start.push_back(0);
    comm.end.push_back(duration);
  };
  event(0, 0, 7, 3);
  event(0, 1, 8, 1);
  event(0, 1, 9, 5, "broadcast");
  event(1, 1, 9, 4, "broadcast");
  event(1, 1, 8, 2);
  event(1, 0, 7, 1);
  event(0, 1, 10, 50);  // rank 1 recorded none
  const WaitingTimes times = match_collectives(comm, Collectives(comm, 2, 2));
  CHECK(times.matched == 3);
  CHECK(times.unmatched == 1);
  CHECK(times.transfer[0] == Approx(1));
  CHECK(times.wait[0] == Approx(1));  // 2 and 0, mean over ranks
  CHECK(times.transfer[1] == Approx(5));
  CHECK(times.wait[1] == Approx(1));
  CHECK(times.last == std::vector<std::int64_t>{1, 2});
  CHECK(times.bytes == Approx(2000));  // of all-reduces alone
  CHECK(times.seconds == Approx(2));
}

TEST_CASE("percentiles interpolate as numpy does") {
  const double values[] = {15, 20, 35, 40, 50};
  CHECK(percentile(values, 0.4) == Approx(29));
  CHECK(median(values) == Approx(35));
  CHECK(percentile(values, 0) == Approx(15));
  CHECK(percentile(values, 1) == Approx(50));
  const double even[] = {4, 1, 3, 2};
  CHECK(median(even) == Approx(2.5));
  CHECK(mean(even) == Approx(2.5));
  CHECK(std::isnan(median({})));
  CHECK(std::isnan(mean({})));
}

namespace {

Quantities step_of(double compute, double exposed, double transfer = 0, double wait = 0) {
  Quantities q;
  q[Q::forward] = compute / 3;
  q[Q::backward] = compute * 2 / 3;
  q[Q::comm_exposed] = exposed;
  q[Q::wall] = compute + exposed;
  q[Q::transfer] = transfer;
  q[Q::wait] = wait;
  return q;
}

}  // namespace

TEST_CASE("a budget that counts a part twice does not close") {
  const Quantities step = step_of(4, 1);
  CHECK(budget_gap(step) == Approx(0).margin(1e-12));
  Quantities counted_twice = step;
  counted_twice[Q::other] += 0.5;
  CHECK(budget_gap(counted_twice) == Approx(0.1));
}

TEST_CASE("shares of lost time exist where no part is more than the whole") {
  CHECK(lost_time(step_of(6, 3, 1, 2), step_of(10, 0), 2, true).has_shares());
  // 4 of compute instead of 5, and 3 of communication: 2 are lost, of which 3 are communication.
  CHECK_FALSE(lost_time(step_of(4, 3), step_of(10, 0), 2, true).has_shares());
  CHECK_FALSE(lost_time(step_of(4, 0.5), step_of(10, 0), 2, true).has_shares());
}

TEST_CASE("lost time is what a step takes beyond the ideal, part by part") {
  const LostTime lost = lost_time(step_of(6, 3, 1, 2), step_of(10, 0), 2, true);
  CHECK(lost.total == Approx(4));  // 9 instead of 5
  double sum = 0;
  for (const LostTime::Part& part : lost.parts) {
    sum += part.seconds;
    if (part.part == LossPart::compute) CHECK(part.seconds == Approx(1));
    if (part.part == LossPart::comm_wait) CHECK(part.seconds == Approx(2));
    if (part.part == LossPart::comm_transfer) CHECK(part.seconds == Approx(1));
  }
  CHECK(sum == Approx(lost.total));
  CHECK(lost_time(step_of(10, 1), step_of(10, 0), 2, false).total == Approx(1));
}
