#include "comm/sim_communicator.hpp"

#include <sys/prctl.h>

#include <algorithm>
#include <deque>
#include <map>
#include <thread>
#include <utility>

#include "base/error.hpp"
#include "base/random.hpp"

namespace lockstep {
namespace {

constexpr std::uint64_t kJitter = 0x6a6974746572;  // purpose of the random stream

SteadyTime after(SteadyTime time, double seconds) {
  return time + std::chrono::duration_cast<SteadyTime::duration>(std::chrono::duration<double>(seconds));
}

// The kernel's timer slack, 50 us by default, would be as long as the latency of a real link.
void sleep_until(SteadyTime end) {
  prctl(PR_SET_TIMERSLACK, 1000UL);
  std::this_thread::sleep_until(end);
}

// What the link adds to an operation: `busy` keeps it from the next one, `flight` does not.
struct Delay {
  double busy = 0, flight = 0;  // seconds
};

struct Passage {
  WorkPtr carried;
  Delay delay;
  bool alone = true;  // it begins when the one before it has ended; messages are under way side by side
  bool known = false;
  WorkTimes times{};
};

// One direction of a link: passages follow each other in launch order. When one ends is found out only when
// somebody asks, from when the carrier has ended it.
class Lane {
 public:
  void add(std::shared_ptr<Passage> passage) { pending_.push_back(std::move(passage)); }

  // Blocks until the carrier has ended it.
  const WorkTimes& times(const Passage& passage) {
    while (!passage.known) {
      pass(*pending_.front());
      pending_.pop_front();
    }
    return passage.times;
  }

 private:
  void pass(Passage& passage) {
    passage.times = passage.carried->times();
    if (passage.alone) passage.times.start = std::max(passage.times.start, free_);
    free_ = after(std::max(passage.times.end, free_), passage.delay.busy);
    passage.times.end = after(free_, passage.delay.flight);
    passage.known = true;
  }

  std::deque<std::shared_ptr<Passage>> pending_;
  SteadyTime free_{};
};

class SimWork final : public Work {
 public:
  SimWork(std::shared_ptr<Lane> lane, std::shared_ptr<Passage> passage, std::shared_ptr<Slowdown> slowdown)
      : lane_(std::move(lane)), passage_(std::move(passage)), slowdown_(std::move(slowdown)) {
    kind = passage_->carried->kind;
    bytes = passage_->carried->bytes;
    sequence = passage_->carried->sequence;
  }

  void wait() override {
    if (slowdown_) slowdown_->catch_up();
    passage_->carried->wait();
    if (const SteadyTime end = lane_->times(*passage_).end; end > steady_now()) {
      sleep_until(end);
      // Who wakes late has seen it end late: else a busy core would be charged to no phase.
      passage_->times.end = steady_now();
    }
    if (slowdown_) slowdown_->skip();
  }
  WorkTimes times() override {
    const WorkTimes times = lane_->times(*passage_);
    sleep_until(times.end);
    return times;
  }

 private:
  std::shared_ptr<Lane> lane_;
  std::shared_ptr<Passage> passage_;
  std::shared_ptr<Slowdown> slowdown_;
};

class SimCommunicator final : public Communicator {
 public:
  SimCommunicator(std::unique_ptr<Communicator> carrier, const SimOptions& options)
      : carrier_(std::move(carrier)), options_(options) {}

  BackendKind backend() const override { return BackendKind::sim; }
  int rank() const override { return carrier_->rank(); }
  int size() const override { return carrier_->size(); }

  WorkPtr all_reduce(const at::Tensor& tensor, ReduceOp op) override {
    return collective(carrier().all_reduce(tensor, op));
  }
  WorkPtr reduce(const at::Tensor& tensor, int root) override {
    return collective(carrier().reduce(tensor, root));
  }
  WorkPtr reduce_scatter(const at::Tensor& output, const at::Tensor& input) override {
    return collective(carrier().reduce_scatter(output, input));
  }
  WorkPtr all_gather(const at::Tensor& output, const at::Tensor& input) override {
    return collective(carrier().all_gather(output, input));
  }
  WorkPtr broadcast(const at::Tensor& tensor, int root) override {
    return collective(carrier().broadcast(tensor, root));
  }
  WorkPtr barrier() override { return collective(carrier().barrier()); }
  WorkPtr send(const at::Tensor& tensor, int to) override {
    return message(carrier().send(tensor, to), rank(), to);
  }
  WorkPtr recv(const at::Tensor& tensor, int from) override {
    return message(carrier().recv(tensor, from), from, rank());
  }
  // Both ways are equally long and free at once, so both messages end as one does; the way up tells for both.
  WorkPtr exchange(const at::Tensor& sent, const at::Tensor& received, int peer) override {
    return message(carrier().exchange(sent, received, peer), std::min(rank(), peer), std::max(rank(), peer));
  }
  bool occupies_device() const override { return carrier_->occupies_device(); }

 private:
  using Direction = std::pair<int, int>;  // from, to
  static constexpr Direction kAll{-1, -1};

  // For a call that follows at once.
  Communicator& carrier() {
    if (options_.slowdown) options_.slowdown->catch_up();
    return *carrier_;
  }

  WorkPtr collective(WorkPtr carried) {
    const Delay delay{cost_of(*carried) + jitter_of(*carried, kAll), 0};
    return launched({std::move(carried), delay}, kAll);
  }

  WorkPtr message(WorkPtr carried, int from, int to) {
    const Direction direction{from, to};
    const double flight = options_.link.latency + jitter_of(*carried, direction);
    const Delay delay{options_.link.message(static_cast<double>(carried->bytes)) - options_.link.latency,
                      flight};
    return launched({std::move(carried), delay, /*alone=*/false}, direction);
  }

  WorkPtr launched(Passage passage, Direction direction) {
    std::shared_ptr<Lane>& lane = lanes_[direction];
    if (!lane) lane = std::make_shared<Lane>();
    const auto shared = std::make_shared<Passage>(std::move(passage));
    lane->add(shared);
    return std::make_shared<SimWork>(lane, shared, options_.slowdown);
  }

  double cost_of(const Work& work) const {
    const auto bytes = static_cast<double>(work.bytes);
    switch (work.kind) {
      case CollectiveKind::all_reduce:
        return options_.link.all_reduce(bytes, size());
      case CollectiveKind::reduce_scatter:
      case CollectiveKind::all_gather:
        return options_.link.all_gather(bytes, size());
      case CollectiveKind::broadcast:
      case CollectiveKind::reduce:
        return options_.link.broadcast(bytes, size());
      case CollectiveKind::barrier:
        return options_.link.barrier(size());
      default:
        throw run_error("{} is not a collective", name_of(work.kind));
    }
  }

  double jitter_of(const Work& work, Direction direction) const {
    if (size() < 2) return 0;
    const auto key = [](std::int64_t value) { return static_cast<std::uint64_t>(value); };
    return options_.jitter * RandomStream({options_.seed, kJitter, key(direction.first),
                                           key(direction.second), key(work.sequence)})
                                 .uniform();
  }

  std::unique_ptr<Communicator> carrier_;
  SimOptions options_;
  std::map<Direction, std::shared_ptr<Lane>> lanes_;  // shared with the Works
};

}  // namespace

SimOptions sim_options(const RunConfig& config, int rank, int ranks, bool on_cpu) {
  const RunConfig::Link& given = config.parallel.link;
  if (given.slow_rank >= ranks)
    throw input_error("{} is {}, but the run has the ranks 0 to {}; name one of them",
                      config.place("parallel.link.slow_rank"), given.slow_rank, ranks - 1);
  SimOptions options{.link = {.latency = given.latency_us * 1e-6},
                     .jitter = given.jitter_us * 1e-6,
                     .seed = config.run.seed};
  if (given.gbps > 0) options.link.bandwidth = given.gbps * 1e9 / 8;
  if (given.slow_rank < 0 || given.slow_phase != SlowPhase::compute) return options;
  if (!on_cpu)
    throw input_error(
        "{} is compute, which sleeps on the host and cannot slow a GPU; set it to data, or parallel.device "
        "to cpu",
        config.place("parallel.link.slow_phase"));
  if (given.slow_rank == rank) options.slowdown = std::make_shared<Slowdown>(given.slow_factor);
  return options;
}

std::unique_ptr<Communicator> make_sim_communicator(std::unique_ptr<Communicator> carrier,
                                                    const SimOptions& options) {
  return std::make_unique<SimCommunicator>(std::move(carrier), options);
}

}  // namespace lockstep
