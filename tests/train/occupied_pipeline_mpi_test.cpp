// Pipelines over operations that occupy the device, on the CPU: as on the worst of GPUs an operation keeps
// those behind it on its communicator waiting until its peer has come, and whoever waits for one waits for
// all that its rank has enqueued. The steps end, and give the bits that they give over mpi.
#include <condition_variable>
#include <deque>
#include <functional>
#include <future>
#include <map>
#include <mutex>
#include <thread>

#include "base/error.hpp"
#include "comm/mpi_communicator.hpp"
#include "launch/mpi_group.hpp"
#include "reference.hpp"

using namespace lockstep;
using namespace lockstep::test;

namespace {

// Of one rank: what has been enqueued on all its streams.
class Device {
 public:
  void enqueued(std::shared_future<void> operation) { operations_.push_back(std::move(operation)); }
  void wait_until_idle() {
    for (const std::shared_future<void>& operation : operations_) operation.get();
    operations_.clear();
  }

 private:
  std::vector<std::shared_future<void>> operations_;
};

class OccupyingWork final : public Work {
 public:
  OccupyingWork(Device& device, CollectiveKind what, std::int64_t number) : device_(device) {
    kind = what;
    sequence = number;
  }
  void wait() override { device_.wait_until_idle(); }
  // Without waiting: the device shall stay occupied from step to step.
  WorkTimes times() override { return {enqueued_, enqueued_, enqueued_}; }

 private:
  Device& device_;
  SteadyTime enqueued_ = steady_now();
};

// One operation after the other, on a thread of its own.
class Stream {
 public:
  ~Stream() {
    enqueue({});
    thread_.join();
  }
  std::shared_future<void> enqueue(std::function<void()> operation) {
    std::packaged_task<void()> task(operation ? operation : [] {});
    std::shared_future<void> done = task.get_future();
    const std::lock_guard lock(mutex_);
    queue_.emplace_back(std::move(task), !operation);
    wake_.notify_one();
    return done;
  }

 private:
  void run() {
    for (bool last = false; !last;) {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return !queue_.empty(); });
      std::packaged_task<void()> task = std::move(queue_.front().first);
      last = queue_.front().second;
      queue_.pop_front();
      lock.unlock();
      task();
    }
  }

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::pair<std::packaged_task<void()>, bool>> queue_;  // under mutex_; and whether it is the last
  std::thread thread_{[this] { run(); }};
};

class OccupyingCommunicator final : public Communicator {
 public:
  OccupyingCommunicator(std::unique_ptr<Communicator> carrier, Device& device)
      : carrier_(std::move(carrier)), device_(device) {}
  BackendKind backend() const override { return BackendKind::nccl; }
  int rank() const override { return carrier_->rank(); }
  int size() const override { return carrier_->size(); }
  bool occupies_device() const override { return true; }

  WorkPtr all_reduce(const at::Tensor& t, ReduceOp op) override {
    return enqueue(CollectiveKind::all_reduce, -1, [=, this] { carrier_->all_reduce(t, op)->wait(); });
  }
  // A message ends on both ranks once both have come to it.
  WorkPtr send(const at::Tensor& t, int to) override {
    return enqueue(CollectiveKind::send, to, [=, this] {
      carrier_->send(t, to)->wait();
      carrier_->recv(at::zeros({1}), to)->wait();
    });
  }
  WorkPtr recv(const at::Tensor& t, int from) override {
    return enqueue(CollectiveKind::recv, from, [=, this] {
      carrier_->recv(t, from)->wait();
      carrier_->send(at::zeros({1}), from)->wait();
    });
  }
  WorkPtr exchange(const at::Tensor& sent, const at::Tensor& received, int peer) override {
    return enqueue(CollectiveKind::exchange, peer,
                   [=, this] { carrier_->exchange(sent, received, peer)->wait(); });
  }
  WorkPtr reduce(const at::Tensor&, int) override { throw run_error("not of a pipeline"); }
  WorkPtr reduce_scatter(const at::Tensor&, const at::Tensor&) override {
    throw run_error("not of a pipeline");
  }
  WorkPtr all_gather(const at::Tensor&, const at::Tensor&) override { throw run_error("not of a pipeline"); }
  WorkPtr broadcast(const at::Tensor&, int) override { throw run_error("not of a pipeline"); }
  WorkPtr barrier() override { throw run_error("not of a pipeline"); }

 private:
  WorkPtr enqueue(CollectiveKind kind, int peer, std::function<void()> operation) {
    device_.enqueued(stream_.enqueue(std::move(operation)));
    return std::make_shared<OccupyingWork>(device_, kind, calls_[{kind, peer}]++);
  }

  std::unique_ptr<Communicator> carrier_;
  Device& device_;
  std::map<std::pair<CollectiveKind, int>, std::int64_t> calls_;
  Stream stream_;
};

std::unique_ptr<Communicator> over_mpi(Group& group) {
  return make_mpi_communicator(dynamic_cast<MpiGroup&>(group).comm());
}

std::vector<torch::Tensor> train_over(const RunConfig& config, const CommunicatorFactory& factory) {
  Setup setup = prepare_setup(on_cpu(config), Mode::layerwise, world().size(), world());
  split_model(setup, world(), factory);
  train(setup, world());
  return setup.model->parameters();
}

RunConfig tied_model(PipelineSchedule schedule, int stages, int chunks) {
  Case c = case_of("gpt");
  for (Setting& setting : c.hyper)
    if (setting.key == "layers") setting = hyper("layers", "8");
  RunConfig config = configure(c);
  config.parallel.sync_batchnorm = false;
  config.parallel.schedule = schedule;
  config.parallel.stages = stages;
  config.parallel.micro_batches = 4;
  if (chunks > 1) config.parallel.chunks = chunks;
  config.parallel.partition.kind = Partition::Kind::even;
  config.training.global_batch = 8;
  config.training.steps = 4;
  return config;
}

}  // namespace

TEST_CASE("every schedule ends where operations occupy the device, with the bits of mpi") {
  const int ranks = world().size();
  struct Shape {
    PipelineSchedule schedule;
    int stages, chunks;
  };
  std::vector<Shape> shapes;
  for (const auto schedule :
       {PipelineSchedule::layerwise, PipelineSchedule::gpipe, PipelineSchedule::one_f_one_b})
    shapes.push_back({schedule, ranks, 1});
  shapes.push_back({PipelineSchedule::interleaved, ranks, 2});
  if (ranks == 2) shapes.push_back({PipelineSchedule::interleaved, ranks, 3});
  for (const Shape& shape : shapes) {
    CAPTURE(name_of(shape.schedule), shape.chunks);
    const RunConfig config = tied_model(shape.schedule, shape.stages, shape.chunks);
    Device device;
    const auto occupied = train_over(config, [&](Group& group) -> std::unique_ptr<Communicator> {
      return std::make_unique<OccupyingCommunicator>(over_mpi(group), device);
    });
    const auto plain = train_over(config, over_mpi);
    REQUIRE(occupied.size() == plain.size());
    for (std::size_t p = 0; p < plain.size(); ++p) CHECK(at::equal(occupied[p], plain[p]));
  }
}
