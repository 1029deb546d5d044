// What is derived from events of all ranks together: replay without transfer, POP factors, lateness, buckets.
#include "analysis/metrics/bucket_times.hpp"
#include "analysis/metrics/pop.hpp"
#include "analysis/metrics/waiting.hpp"
#include "analysis/support/synthetic_run.hpp"
#include "support/catch.hpp"

using namespace lockstep;
using namespace lockstep::test;

namespace {

std::vector<double> replay(const RunData& run) {
  return replay_without_transfer(run.steps, run.comm,
                                 Collectives(run.comm, run.steps.ranks(), run.steps.steps()));
}

std::vector<BucketTimes> buckets(const RunData& run, std::int64_t first = 0) {
  return bucket_times(run.steps, run.comm, Collectives(run.comm, run.steps.ranks(), run.steps.steps()),
                      first);
}

SyntheticRun four(double transfer, double hidden, double late) {
  return {.mode = "ddp", .ranks = 4, .epochs = 1, .transfer = transfer, .hidden = hidden, .late = late};
}

}  // namespace

TEST_CASE("the POP factors") {
  const PopFactors f = pop_factors(6, 8, 10, 9);  // U = 8, 6, 6, 4
  CHECK(f.load_balance == Approx(0.75));
  CHECK(f.communication == Approx(0.8));
  CHECK(f.parallel == Approx(0.6));
  CHECK(f.serialisation == Approx(0.8889).epsilon(1e-4));
  CHECK(f.transfer == Approx(0.9));
  CHECK(f.load_balance * f.serialisation * f.transfer == Approx(f.parallel));
}

TEST_CASE("without transfer, a step takes what its busiest rank works") {
  const double work = 31.6e-3;
  SECTION("nothing hidden") {
    for (const double step : replay(make_run(four(2e-3, 0, 0)))) CHECK(step == Approx(work));
  }
  SECTION("partly hidden under the backward pass") {
    for (const double step : replay(make_run(four(2e-3, 0.5e-3, 0)))) CHECK(step == Approx(work));
  }
  SECTION("one rank late: waiting for it stays") {
    for (const double step : replay(make_run(four(2e-3, 0, 3e-3)))) CHECK(step == Approx(work + 3e-3));
  }
  SECTION("no events: nothing is taken out but what is exposed is not work either") {
    RunData run = make_run(four(0, 0, 0));
    run.comm = {};
    for (const double step : replay(run)) CHECK(step == Approx(work));
  }
}

TEST_CASE("blocking collectives are replayed where they stand") {
  // Two ranks; each works 1 s, stands in a collective, works on: rank 1 comes 0.5 s later, transfer is 0.2 s.
  RunData run;
  run.steps.start = run.steps.comm_exposed = run.steps.wall = Matrix<double>(2, 1);
  for (const int rank : {0, 1}) {
    run.steps.wall.at(rank, 0) = 2.7;
    run.steps.comm_exposed.at(rank, 0) = rank == 0 ? 0.7 : 0.2;
    run.comm.rank.push_back(rank);
    run.comm.step.push_back(0);
    run.comm.sequence.push_back(0);
    run.comm.bytes.push_back(8);
    run.comm.bucket.push_back(-1);
    run.comm.kind.emplace_back("all_reduce");
    run.comm.ready.push_back(rank == 0 ? 1 : 1.5);
    run.comm.start.push_back(rank == 0 ? 1 : 1.5);
    run.comm.end.push_back(1.7);
  }
  CHECK(replay(run).front() == Approx(2.5));
}

TEST_CASE("a straggler is persistent, roams, or is something between") {
  const double one[] = {0.1, 8, 0.2, 0.1}, all[] = {1, 1.1, 0.9, 1}, some[] = {5, 4.5, 0.5, 0},
               none[] = {0, 0};
  CHECK(lateness(one).kind == Straggler::persistent);
  CHECK(lateness(one).rank == 1);
  CHECK(lateness(one).share == Approx(8 / 8.4));
  CHECK(lateness(all).kind == Straggler::roaming);
  CHECK(lateness(some).kind == Straggler::uneven);
  CHECK(lateness(none).kind == Straggler::none);
  CHECK(lateness({}).kind == Straggler::none);
}

TEST_CASE("who causes the waiting, in steady steps alone, and message sizes with their transfer times") {
  const RunData run = make_run(four(2e-3, 0, 3e-3));
  const Collectives collectives(run.comm, 4, run.steps.steps());
  const WaitingTimes all = match_collectives(run.comm, collectives);
  const WaitingTimes steady = match_collectives(run.comm, collectives, 30);
  CHECK(all.last == std::vector<std::int64_t>{0, 0, 0, 40});
  CHECK(steady.last == std::vector<std::int64_t>{0, 0, 0, 10});
  CHECK(steady.caused[3] == Approx(10 * 3e-3 * 3 / 4));
  CHECK(steady.caused[0] == 0);
  REQUIRE(steady.reductions.size() == 1);
  CHECK(steady.reductions[0].bytes == 889440);
  CHECK(steady.reductions[0].seconds == Approx(2e-3));
  CHECK(steady.reductions[0].count == 10);
  CHECK(steady.transfer.size() == 40);
}

TEST_CASE("where buckets are reduce-scattered, those are the messages, and no all-reduce") {
  RunData run = make_run(four(2e-3, 0, 3e-3));
  for (std::size_t i = 0; i < run.comm.size(); ++i)
    if (run.comm.bucket[i] >= 0) run.comm.kind[i] = "reduce_scatter";
  const WaitingTimes all = match_collectives(run.comm, Collectives(run.comm, 4, run.steps.steps()));
  CHECK(all.reduced_by == "reduce_scatter");
  CHECK(all.reduced_ranks == 4);
  REQUIRE(all.reductions.size() == 1);
  CHECK(all.reductions[0].count == 40);
  run.comm.kind[0] = "all_reduce";
  run.comm.bucket[0] = -1;
  CHECK(match_collectives(run.comm, Collectives(run.comm, 4, run.steps.steps())).reduced_by ==
        "reduce_scatter");
}

TEST_CASE("what a bucket costs in a mean step") {
  const std::vector<BucketTimes> found = buckets(make_run(four(2e-3, 0.5e-3, 3e-3)));
  REQUIRE(found.size() == 1);
  CHECK(found[0].events == 160);
  CHECK(found[0].bytes == 889440);
  CHECK(found[0].transfer == Approx(2e-3));
  CHECK(found[0].wait == Approx(3e-3 * 3 / 4));
  CHECK(found[0].exposed == Approx(1.5e-3 + 3e-3 * 3 / 4));
  CHECK(buckets(make_run(four(2e-3, 0, 0)), 39)[0].events == 4);
  CHECK(buckets(make_run({})).empty());
}

TEST_CASE("collectives are found in any order of events") {
  CommTable comm;
  for (const auto& [rank, sequence] : {std::pair(1, 9), std::pair(1, 7), std::pair(0, 7), std::pair(0, 8)}) {
    comm.rank.push_back(rank);
    comm.step.push_back(0);
    comm.sequence.push_back(sequence);
  }
  const Collectives collectives(comm, 2, 1);
  REQUIRE(collectives.size() == 3);
  CHECK(collectives.is_whole(0));
  CHECK_FALSE(collectives.is_whole(1));
  CHECK(collectives.members(0)[0] == 2);
  CHECK(collectives.members(0)[1] == 1);
  CHECK(Collectives({}, 2, 1).size() == 0);
}

TEST_CASE("groups of ranks number their collectives apart") {
  CommTable comm;
  const auto event = [&](int rank, std::int64_t group, std::int64_t number, double duration,
                         const char* kind) {
    comm.rank.push_back(rank);
    comm.step.push_back(0);
    comm.sequence.push_back((group << Collectives::kGroupShift) + number);
    comm.bytes.push_back(1000);
    comm.kind.emplace_back(kind);
    comm.start.push_back(0);
    comm.end.push_back(duration);
  };
  event(0, 0, 0, 3, "all_reduce");
  event(0, 5, 0, 1, "send");
  event(1, 5, 0, 1, "recv");
  event(1, 1, 0, 2, "all_reduce");
  event(2, 0, 0, 1, "all_reduce");
  event(3, 1, 0, 4, "all_reduce");
  event(3, 1, 1, 9, "all_reduce");  // rank 1 recorded none
  const WaitingTimes times = match_collectives(comm, Collectives(comm, 4, 1));
  CHECK(times.matched == 3);
  CHECK(times.unmatched == 1);
  CHECK(times.transfer[0] == Approx((2 * 1 + 2 * 1 + 2 * 2) / 4.0));
  CHECK(times.wait[0] == Approx((2 + 2) / 4.0));
  CHECK(times.last == std::vector<std::int64_t>{1, 1, 1, 0});
  CHECK(times.reduced_ranks == 2);
  CHECK(times.seconds == Approx(3));
}
