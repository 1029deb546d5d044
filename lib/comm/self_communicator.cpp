#include "comm/self_communicator.hpp"

#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>

#include "base/error.hpp"
#include "comm/tensor_check.hpp"

namespace lockstep {
namespace {

// Done when it is returned: device work of a copy is ordered on the caller's own stream.
class SelfWork final : public Work {
 public:
  explicit SelfWork(SteadyTime start) : times_{start, start, steady_now()} {}
  void wait() override {}
  WorkTimes times() override { return times_; }

 private:
  WorkTimes times_;
};

class SelfCommunicator final : public Communicator {
 public:
  BackendKind backend() const override { return BackendKind::self; }
  int rank() const override { return 0; }
  int size() const override { return 1; }

  WorkPtr all_reduce(const at::Tensor& tensor, ReduceOp) override {
    check_tensor(CollectiveKind::all_reduce, tensor);
    return finished(CollectiveKind::all_reduce, bytes_of(tensor), steady_now());
  }
  WorkPtr reduce(const at::Tensor& tensor, int root) override {
    check_tensor(CollectiveKind::reduce, tensor);
    check_peer(CollectiveKind::reduce, root, 0, 1);
    return finished(CollectiveKind::reduce, bytes_of(tensor), steady_now());
  }
  WorkPtr reduce_scatter(const at::Tensor& output, const at::Tensor& input) override {
    return copied(CollectiveKind::reduce_scatter, output, input);
  }
  WorkPtr all_gather(const at::Tensor& output, const at::Tensor& input) override {
    return copied(CollectiveKind::all_gather, output, input);
  }
  WorkPtr broadcast(const at::Tensor& tensor, int root) override {
    check_tensor(CollectiveKind::broadcast, tensor);
    check_peer(CollectiveKind::broadcast, root, 0, 1);
    return finished(CollectiveKind::broadcast, bytes_of(tensor), steady_now());
  }
  WorkPtr barrier() override { return finished(CollectiveKind::barrier, 0, steady_now()); }
  WorkPtr send(const at::Tensor&, int to) override { no_peer(CollectiveKind::send, to); }
  WorkPtr recv(const at::Tensor&, int from) override { no_peer(CollectiveKind::recv, from); }
  WorkPtr exchange(const at::Tensor&, const at::Tensor&, int peer) override {
    no_peer(CollectiveKind::exchange, peer);
  }

 private:
  WorkPtr finished(CollectiveKind kind, std::int64_t bytes, SteadyTime start) {
    auto work = std::make_shared<SelfWork>(start);
    work->kind = kind;
    work->bytes = bytes;
    work->sequence = next_++;
    return work;
  }

  WorkPtr copied(CollectiveKind kind, const at::Tensor& output, const at::Tensor& input) {
    check_parts(kind, input, output, 1);
    const SteadyTime start = steady_now();
    const at::NoGradGuard no_grad;
    output.view(-1).copy_(input.view(-1), /*non_blocking=*/true);
    return finished(kind, bytes_of(kind == CollectiveKind::all_gather ? output : input), start);
  }

  [[noreturn]] static void no_peer(CollectiveKind kind, int peer) {
    check_peer(kind, peer, 0, 1);
    throw run_error("{}: one rank has nobody to exchange messages with", name_of(kind));
  }

  std::int64_t next_ = 0;
};

}  // namespace

std::unique_ptr<Communicator> make_self_communicator() { return std::make_unique<SelfCommunicator>(); }

}  // namespace lockstep
