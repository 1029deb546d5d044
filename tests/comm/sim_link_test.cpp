// When operations end over a simulated link, from when a carrier that is told so has ended them: exact, and
// on no clock but the test's.
#include <ATen/ATen.h>

#include <thread>
#include <vector>

#include "base/error.hpp"
#include "comm/self_communicator.hpp"
#include "comm/sim_communicator.hpp"
#include "support/timed.hpp"

using namespace lockstep;
using namespace lockstep::test;

namespace {

// Milliseconds since the beginning of the clock, which is long ago: nothing sleeps.
SteadyTime at_ms(double ms) {
  return SteadyTime() +
         std::chrono::duration_cast<SteadyTime::duration>(std::chrono::duration<double>(ms / 1000));
}
double ms_of(SteadyTime time) { return 1000 * seconds_between(SteadyTime(), time); }

class ToldWork final : public Work {
 public:
  explicit ToldWork(WorkTimes times) : times_(times) {}
  void wait() override {}
  WorkTimes times() override { return times_; }

 private:
  WorkTimes times_;
};

struct Told {
  double start, end;  // ms
};

// Carries nothing: each operation starts and ends as told.
class ToldCarrier final : public Communicator {
 public:
  ToldCarrier(int rank, int size, std::vector<Told> times)
      : rank_(rank), size_(size), times_(std::move(times)) {}
  BackendKind backend() const override { return BackendKind::mpi; }
  int rank() const override { return rank_; }
  int size() const override { return size_; }
  WorkPtr all_reduce(const at::Tensor& t, ReduceOp) override { return next(CollectiveKind::all_reduce, t); }
  WorkPtr reduce_scatter(const at::Tensor&, const at::Tensor& in) override {
    return next(CollectiveKind::reduce_scatter, in);
  }
  WorkPtr all_gather(const at::Tensor& out, const at::Tensor&) override {
    return next(CollectiveKind::all_gather, out);
  }
  WorkPtr broadcast(const at::Tensor& t, int) override { return next(CollectiveKind::broadcast, t); }
  WorkPtr reduce(const at::Tensor& t, int) override { return next(CollectiveKind::reduce, t); }
  WorkPtr barrier() override { return next(CollectiveKind::barrier, at::empty({0})); }
  WorkPtr send(const at::Tensor& t, int) override { return next(CollectiveKind::send, t); }
  WorkPtr recv(const at::Tensor& t, int) override { return next(CollectiveKind::recv, t); }
  WorkPtr exchange(const at::Tensor& t, const at::Tensor&, int) override {
    return next(CollectiveKind::exchange, t);
  }

 private:
  WorkPtr next(CollectiveKind kind, const at::Tensor& tensor) {
    const Told told = times_.at(done_);
    auto work = std::make_shared<ToldWork>(WorkTimes{at_ms(told.start), at_ms(told.start), at_ms(told.end)});
    work->kind = kind;
    work->bytes = static_cast<std::int64_t>(tensor.nbytes());
    work->sequence = static_cast<std::int64_t>(done_++);
    return work;
  }

  int rank_, size_;
  std::vector<Told> times_;
  std::size_t done_ = 0;
};

std::unique_ptr<Communicator> sim(const SimOptions& options, std::vector<Told> times, int rank = 0,
                                  int size = 4) {
  return make_sim_communicator(std::make_unique<ToldCarrier>(rank, size, std::move(times)), options);
}

void check_times(const WorkPtr& work, double start, double end) {
  CAPTURE(name_of(work->kind));
  CHECK(ms_of(work->times().start) == Approx(start).margin(1e-5));
  CHECK(ms_of(work->times().end) == Approx(end).margin(1e-5));
}

const at::Tensor kTensor = at::zeros({250});  // 1000 bytes: 1 ms
const SimOptions kLink{.link = {2e-3, 1e6}};  // 2 ms, 1 MB/s

}  // namespace

TEST_CASE("each collective costs what it does on a ring") {
  const auto cost = [](auto launch) {
    const auto comm = sim(kLink, {{10, 11}});
    const WorkPtr work = launch(*comm);
    check_times(work, 10, ms_of(work->times().end));
    return ms_of(work->times().end) - 11;
  };
  CHECK(cost([](Communicator& c) { return c.all_reduce(kTensor); }) == Approx(2 * 3 * 2 + 1.5));
  CHECK(cost([](Communicator& c) { return c.reduce_scatter(kTensor, kTensor); }) == Approx(3 * 2 + 0.75));
  CHECK(cost([](Communicator& c) { return c.all_gather(kTensor, kTensor); }) == Approx(3 * 2 + 0.75));
  CHECK(cost([](Communicator& c) { return c.broadcast(kTensor, 0); }) == Approx(3 * 2 + 1));
  CHECK(cost([](Communicator& c) { return c.reduce(kTensor, 0); }) == Approx(3 * 2 + 1));
  CHECK(cost([](Communicator& c) { return c.barrier(); }) == Approx(2 * 3 * 2));
  CHECK(cost([](Communicator& c) { return c.send(kTensor, 1); }) == Approx(2 + 1));
  CHECK(cost([](Communicator& c) { return c.recv(kTensor, 1); }) == Approx(2 + 1));
}

TEST_CASE("collectives take the link one after another, whoever asks first") {
  // 13.5 ms each. The second is carried while the first is still on the link, the third when it is free.
  const auto comm = sim(kLink, {{0, 1}, {1, 2}, {100, 101}});
  const WorkPtr first = comm->all_reduce(kTensor), second = comm->all_reduce(kTensor),
                third = comm->all_reduce(kTensor);
  check_times(third, 100, 114.5);
  check_times(second, 14.5, 28);
  check_times(first, 0, 14.5);
}

TEST_CASE("messages share their direction's bandwidth and not its latency") {
  const auto comm = sim(kLink, {{0, 1}, {0, 1.5}, {0, 1}, {0, 9}, {0, 1}});
  const WorkPtr first = comm->send(kTensor, 1), second = comm->send(kTensor, 1),
                other = comm->send(kTensor, 2), later = comm->send(kTensor, 1), back = comm->recv(kTensor, 1);
  check_times(first, 0, 1 + 1 + 2);
  check_times(second, 0, 1 + 2 + 2);
  check_times(other, 0, 1 + 1 + 2);
  check_times(later, 0, 9 + 1 + 2);
  check_times(back, 0, 1 + 1 + 2);
}

TEST_CASE("an exchange takes as long as one of its messages, on both ranks alike") {
  const at::Tensor received = at::empty_like(kTensor);
  for (const int rank : {0, 1}) {
    const auto comm = sim(kLink, {{0, 1}, {0, 1}}, rank);
    const WorkPtr first = comm->exchange(kTensor, received, 1 - rank);
    check_times(first, 0, 1 + 1 + 2);
    check_times(comm->exchange(kTensor, received, 1 - rank), 0, 1 + 2 + 2);
  }
}

TEST_CASE("the jitter follows from the seed and the number, on all ranks alike") {
  const std::vector<Told> apart = {{0, 0}, {100, 100}, {200, 200}, {300, 300}};
  const auto jitters = [&](std::uint64_t seed, int rank) {
    const auto comm = sim({.jitter = 50e-3, .seed = seed}, apart, rank);
    std::vector<double> found;
    for (const Told& told : apart) found.push_back(ms_of(comm->barrier()->times().end) - told.end);
    return found;
  };
  const std::vector<double> once = jitters(1, 0);
  CHECK(once == jitters(1, 3));
  CHECK(once != jitters(2, 0));
  for (std::size_t i = 0; i < once.size(); ++i) {
    CHECK(once[i] >= 0);
    CHECK(once[i] <= 50);
    if (i > 0) CHECK(once[i] != once[i - 1]);
  }
  // Both ends of a message, and neither another's.
  const auto message = [&](int rank, int peer, bool sends) {
    const auto comm = sim({.jitter = 50e-3, .seed = 1}, apart, rank);
    const WorkPtr work = sends ? comm->send(kTensor, peer) : comm->recv(kTensor, peer);
    return ms_of(work->times().end);
  };
  CHECK(message(0, 1, true) == message(1, 0, false));
  CHECK(message(0, 1, true) != message(1, 0, true));
  CHECK(message(0, 1, true) != message(0, 2, true));
}

TEST_CASE("one rank has no link") {
  const auto alone = sim({.link = {10, 1}, .jitter = 10}, {{0, 1}, {1, 2}}, 0, 1);
  check_times(alone->all_reduce(kTensor), 0, 1);
  check_times(alone->broadcast(kTensor, 0), 1, 2);
}

TEST_CASE("the host computes on until it waits") {
  const double delay = 0.3;
  judge_times({}, [&]() -> std::vector<Claim> {
    const auto comm = make_sim_communicator(
        std::make_unique<ToldCarrier>(0, 2, std::vector<Told>{{ms_of(steady_now()), ms_of(steady_now())}}),
        {.link = {.latency = delay / 2}});
    const SteadyTime begin = steady_now();
    const WorkPtr work = comm->all_reduce(kTensor);
    const double launch = seconds_between(begin, steady_now());
    work->wait();
    CHECK(steady_now() >= work->times().end);
    return {below("the launch", launch, delay / 2),
            above("the whole", seconds_between(begin, steady_now()), delay - 0.01)};
  });
}

TEST_CASE("a slow rank launches late what it computed slowly, and waits no longer for it") {
  SimOptions options;
  options.slowdown = std::make_shared<Slowdown>(5);
  const auto comm = make_sim_communicator(make_self_communicator(), options);
  options.slowdown->enter(Phase::backward);
  const SteadyTime begin = steady_now();
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  const WorkPtr work = comm->all_reduce(kTensor);
  CHECK(seconds_between(begin, work->times().ready) >= 0.1);
}

TEST_CASE("the configuration's units and its slow rank") {
  RunConfig config;
  config.parallel.link = {.latency_us = 50, .gbps = 10, .jitter_us = 4};
  const SimOptions plain = sim_options(config, 0, 4, false);
  CHECK(plain.link.latency == Approx(50e-6));
  CHECK(plain.link.bandwidth == Approx(1.25e9));
  CHECK(plain.jitter == Approx(4e-6));
  CHECK_FALSE(plain.slowdown);
  config.parallel.link.slow_rank = 3;
  config.parallel.link.slow_factor = 2;
  CHECK(sim_options(config, 3, 4, true).slowdown);
  CHECK_FALSE(sim_options(config, 2, 4, true).slowdown);
  CHECK_THROWS_WITH(sim_options(config, 0, 2, true),
                    "'parallel.link.slow_rank' is 3, but the run has the ranks 0 to 1; name one of them");
  CHECK_THROWS_WITH(
      sim_options(config, 0, 4, false),
      "'parallel.link.slow_phase' is compute, which sleeps on the host and cannot slow a GPU; set it "
      "to data, or parallel.device to cpu");
  config.parallel.link.slow_phase = SlowPhase::data;
  CHECK_FALSE(sim_options(config, 3, 4, false).slowdown);
}
