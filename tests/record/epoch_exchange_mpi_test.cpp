// What each rank has recorded of an epoch arrives on rank 0, each column in its place.
#include "record/epoch_exchange.hpp"

#include <cmath>

#include "base/error.hpp"
#include "comm/communicator.hpp"
#include "launch/session.hpp"
#include "support/catch.hpp"

using namespace lockstep;

namespace {

constexpr int kSteps = 3;

// Numbers that say where they come from: no two of an epoch are equal.
RankEpoch epoch_of(int rank, int steps = kSteps) {
  RankEpoch epoch;
  for (int s = 0; s < steps; ++s) {
    const double base = 1000 * rank + 100 * s;
    StepRow& row = epoch.rows.emplace_back();
    double place = 0;
    for (double* column : {&row.start, &row.wall, &row.data, &row.h2d, &row.forward, &row.backward, &row.comm,
                           &row.comm_exposed, &row.optimizer, &row.bubble, &row.other, &row.wait})
      *column = base + ++place;
    for (std::int32_t* column : {&row.samples, &row.loss_terms, &row.tokens, &row.padded_tokens})
      *column = static_cast<std::int32_t>(base + ++place);
    for (float* column : {&row.loss, &row.grad_norm}) *column = static_cast<float>(base + ++place);
  }
  // So many as its rank.
  for (int i = 0; i < rank; ++i) {
    const double base = 1000 * rank + 100 * i;
    epoch.comm.push_back({.step = i,
                          .bucket = 10 * rank + i,
                          .sequence = 1LL << 41,
                          .bytes = 5LL << 33,
                          .kind = static_cast<std::int32_t>(CollectiveKind::reduce_scatter),
                          .ready = base + 1,
                          .start = base + 2,
                          .end = base + 3});
    epoch.stages.push_back({.step = i,
                            .chunk = 10 * rank + i,
                            .micro_batch = i + 2,
                            .direction = 1,
                            .start = base + 4,
                            .end = base + 5});
  }
  return epoch;
}

CommInterval message(CollectiveKind kind, std::int64_t number, double start, double end) {
  return {.sequence = number, .kind = static_cast<std::int32_t>(kind), .start = start, .end = end};
}

}  // namespace

TEST_CASE("what the processors did arrives as it is, unknown numbers too, if all ranks have counted") {
  const auto world = mpi_world(0, nullptr);
  EpochConditions mine{{"h0 a", {true, kUnknown, 300.25, 61, 1.755e9, 0x44}}, {}};
  mine.counters = {{.steps = 7, .cycles = 100.0 + world->rank(), .waiting_seconds = 0.25}};
  EpochRow row;
  gather_conditions(*world, mine, row);
  if (world->rank() == 0) {
    CHECK(row.gpu.recorded);
    CHECK(std::isnan(row.gpu.energy));
    CHECK(row.gpu.power_peak == 300.25);
    CHECK(row.gpu.temperature == 61);
    CHECK(row.gpu.sm_clock == 1.755e9);
    CHECK(row.gpu.slowdowns == 0x44);
    REQUIRE(std::ssize(row.counters) == world->size());
    const ComputeCounts& last = row.counters.back();
    CHECK(last.steps == 7);
    CHECK(last.cycles == 99.0 + world->size());
    CHECK(last.waiting_seconds == 0.25);
    CHECK(std::isnan(last.instructions));
  }
  EpochRow other;
  gather_conditions(*world, world->rank() == 0 ? EpochConditions{} : mine, other);
  CHECK(other.counters.empty());
  CHECK((world->rank() != 0 || other.gpu.recorded == (world->size() > 1)));
}

TEST_CASE("every column of every rank arrives in its place") {
  const auto world = mpi_world(0, nullptr);
  const EpochTables tables = exchange_epoch(*world, epoch_of(world->rank()), 4);
  if (world->rank() != 0) {
    CHECK(tables.steps.ranks() == 0);
    CHECK(tables.comm.size() == 0);
    return;
  }
  REQUIRE(tables.steps.ranks() == world->size());
  REQUIRE(tables.steps.steps() == kSteps);
  for (int rank = 0; rank < world->size(); ++rank)
    for (int s = 0; s < kSteps; ++s) {
      CAPTURE(rank, s);
      const StepTable& t = tables.steps;
      const double base = 1000 * rank + 100 * s;
      double place = 0;
      for (const auto* column : {&t.start, &t.wall, &t.data, &t.h2d, &t.forward, &t.backward, &t.comm,
                                 &t.comm_exposed, &t.optimizer, &t.bubble, &t.other, &t.wait})
        CHECK(column->at(rank, s) == base + ++place);
      for (const auto* column : {&t.samples, &t.loss_terms, &t.tokens, &t.padded_tokens})
        CHECK(column->at(rank, s) == base + ++place);
      CHECK(t.loss.at(rank, s) == base + ++place);
      CHECK(t.grad_norm.at(rank, s) == base + ++place);
      CHECK(t.epoch.at(rank, s) == 4);
    }
}

TEST_CASE("events stand in order of rank, however many each has") {
  const auto world = mpi_world(0, nullptr);
  const EpochTables tables = exchange_epoch(*world, epoch_of(world->rank()), 0);
  if (world->rank() != 0) {
    CHECK(tables.stages.size() == 0);
    return;
  }
  REQUIRE(tables.comm.size() == static_cast<std::size_t>(world->size() * (world->size() - 1) / 2));
  REQUIRE(tables.stages.size() == tables.comm.size());
  std::size_t at = 0;
  for (int rank = 0; rank < world->size(); ++rank)
    for (int i = 0; i < rank; ++i, ++at) {
      CAPTURE(rank, i);
      const double base = 1000 * rank + 100 * i;
      CHECK(tables.comm.rank[at] == rank);
      CHECK(tables.comm.step[at] == i);
      CHECK(tables.comm.bucket[at] == 10 * rank + i);
      CHECK(tables.comm.sequence[at] == 1LL << 41);
      CHECK(tables.comm.bytes[at] == 5LL << 33);
      CHECK(tables.comm.kind[at] == "reduce_scatter");
      CHECK(tables.comm.ready[at] == base + 1);
      CHECK(tables.comm.start[at] == base + 2);
      CHECK(tables.comm.end[at] == base + 3);
      CHECK(tables.stages.rank[at] == rank);
      CHECK(tables.stages.step[at] == i);
      CHECK(tables.stages.stage[at] == 10 * rank + i);
      CHECK(tables.stages.micro_batch[at] == i + 2);
      CHECK(tables.stages.direction[at] == 1);
      CHECK(tables.stages.start[at] == base + 4);
      CHECK(tables.stages.end[at] == base + 5);
    }
}

TEST_CASE("a rank that took other steps is named") {
  const auto world = mpi_world(0, nullptr);
  const int last = world->size() - 1;
  const RankEpoch mine = epoch_of(world->rank(), world->rank() == last && last > 0 ? kSteps - 1 : kSteps);
  if (last > 0 && world->rank() == 0)
    CHECK_THROWS_WITH(exchange_epoch(*world, mine, 7),
                      "rank " + std::to_string(last) + " ran 2 steps in epoch 7, rank 0 ran 3");
  else
    CHECK_NOTHROW(exchange_epoch(*world, mine, 7));
}

TEST_CASE("a message is under way from when both its ends had begun") {
  const auto world = mpi_world(0, nullptr);
  std::vector<CommInterval> comm;
  const int rank = world->rank();
  if (world->size() > 1 && rank == 0)
    comm = {message(CollectiveKind::send, 1, 1, 9), message(CollectiveKind::recv, 2, 5, 6),
            message(CollectiveKind::all_reduce, 1, 1, 9)};
  if (rank == 1) comm = {message(CollectiveKind::recv, 1, 4, 9), message(CollectiveKind::send, 2, 2, 3)};
  align_messages(*world, comm);
  if (world->size() > 1 && rank == 0) {
    CHECK(comm[0].start == 4);
    CHECK(comm[1].start == 5);
    CHECK(comm[2].start == 1);  // no message
  } else if (rank == 1) {
    CHECK(comm[0].start == 4);
    CHECK(comm[1].start == 3);  // never after its end
  } else {
    CHECK(comm.empty());
  }
}

TEST_CASE("a message with one end is an error on all ranks") {
  const auto world = mpi_world(0, nullptr);
  std::vector<CommInterval> comm;
  if (world->rank() == 0) comm = {message(CollectiveKind::send, 1, 1, 9)};
  CHECK_THROWS_WITH(align_messages(*world, comm), "1 of 1 messages have not a sender and a receiver");
}
