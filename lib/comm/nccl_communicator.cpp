#include "comm/nccl_communicator.hpp"

#include <ATen/ops/zeros.h>
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAGraphsC10Utils.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#include <nccl.h>

#include <mutex>
#include <optional>
#include <vector>

#include "base/error.hpp"
#include "comm/comm_operation.hpp"
#include "comm/nccl_handle.hpp"
#include "comm/nccl_work.hpp"
#include "comm/tensor_check.hpp"
#include "launch/flight_recorder.hpp"
#include "timing/device_clock.hpp"

namespace lockstep {
namespace {

ncclDataType_t nccl_type(at::ScalarType type) {
  switch (type) {
    case at::kFloat:
      return ncclFloat32;
    case at::kDouble:
      return ncclFloat64;
    case at::kBFloat16:
      return ncclBfloat16;
    case at::kHalf:
      return ncclFloat16;
    case at::kInt:
      return ncclInt32;
    case at::kLong:
      return ncclInt64;
    case at::kByte:
      return ncclUint8;
    default:
      throw run_error("NCCL has no type for dtype {}", c10::toString(type));
  }
}

ncclRedOp_t nccl_op(ReduceOp op) {
  switch (op) {
    case ReduceOp::sum:
      return ncclSum;
    case ReduceOp::max:
      return ncclMax;
    case ReduceOp::min:
      return ncclMin;
    case ReduceOp::mean:
      break;
  }
  throw run_error("back end nccl cannot average; divide, then sum");
}

ncclUniqueId agree_on_id(Group& group) {
  ncclUniqueId id{};
  if (group.rank() == 0) LOCKSTEP_NCCL(ncclGetUniqueId(&id));
  id = group.broadcast(id);
  group.barrier();
  return id;
}

class NcclCommunicator final : public Communicator {
 public:
  // device is the calling thread's current one: events and streams are made on it.
  NcclCommunicator(Group& group, const c10::Device& device)
      : state_(std::make_shared<NcclState>(device)),
        in_flight_(group.flight()),
        rank_(group.rank()),
        size_(group.size()) {
    const ncclUniqueId id = agree_on_id(group);
    ranks_of_run_ = group.all_gather(group.flight().rank);
    state_->handle = std::make_unique<NcclHandle>(size_, rank_, id, group.flight());
    sent_.resize(static_cast<std::size_t>(size_));
    received_.resize(static_cast<std::size_t>(size_));
    exchanged_.resize(static_cast<std::size_t>(size_));
  }
  ~NcclCommunicator() override {
    const std::lock_guard lock(state_->mutex);
    state_->handle.reset();
  }

  BackendKind backend() const override { return BackendKind::nccl; }
  int rank() const override { return rank_; }
  int size() const override { return size_; }
  bool occupies_device() const override { return true; }

  WorkPtr all_reduce(const at::Tensor& tensor, ReduceOp op) override {
    check(CollectiveKind::all_reduce, tensor);
    return launch(CollectiveKind::all_reduce, {tensor}, bytes_of(tensor), collectives_,
                  [&](auto comm, auto stream) {
                    return ncclAllReduce(tensor.data_ptr(), tensor.data_ptr(), count(tensor),
                                         nccl_type(tensor.scalar_type()), nccl_op(op), comm, stream);
                  });
  }
  WorkPtr reduce(const at::Tensor& tensor, int root) override {
    check(CollectiveKind::reduce, tensor);
    check_peer(CollectiveKind::reduce, root, rank_, size_);
    return launch(
        CollectiveKind::reduce, {tensor}, bytes_of(tensor), collectives_,
        [&](auto comm, auto stream) {
          return ncclReduce(tensor.data_ptr(), tensor.data_ptr(), count(tensor),
                            nccl_type(tensor.scalar_type()), ncclSum, root, comm, stream);
        },
        root);
  }
  WorkPtr reduce_scatter(const at::Tensor& output, const at::Tensor& input) override {
    check_parts(CollectiveKind::reduce_scatter, input, output, size_);
    check(CollectiveKind::reduce_scatter, output);
    return launch(CollectiveKind::reduce_scatter, {output, input}, bytes_of(input), collectives_,
                  [&](auto comm, auto stream) {
                    return ncclReduceScatter(input.data_ptr(), output.data_ptr(), count(output),
                                             nccl_type(output.scalar_type()), ncclSum, comm, stream);
                  });
  }
  WorkPtr all_gather(const at::Tensor& output, const at::Tensor& input) override {
    check_parts(CollectiveKind::all_gather, output, input, size_);
    check(CollectiveKind::all_gather, output);
    return launch(CollectiveKind::all_gather, {output, input}, bytes_of(output), collectives_,
                  [&](auto comm, auto stream) {
                    return ncclAllGather(input.data_ptr(), output.data_ptr(), count(input),
                                         nccl_type(input.scalar_type()), comm, stream);
                  });
  }
  WorkPtr broadcast(const at::Tensor& tensor, int root) override {
    check(CollectiveKind::broadcast, tensor);
    check_peer(CollectiveKind::broadcast, root, rank_, size_);
    return launch(
        CollectiveKind::broadcast, {tensor}, bytes_of(tensor), collectives_,
        [&](auto comm, auto stream) {
          return ncclBroadcast(tensor.data_ptr(), tensor.data_ptr(), count(tensor),
                               nccl_type(tensor.scalar_type()), root, comm, stream);
        },
        root);
  }
  WorkPtr barrier() override {
    if (!token_.defined())
      token_ = at::zeros({1}, at::TensorOptions().dtype(at::kFloat).device(state_->device));
    return launch(CollectiveKind::barrier, {token_}, 0, collectives_, [&](auto comm, auto stream) {
      return ncclAllReduce(token_.data_ptr(), token_.data_ptr(), 1, ncclFloat32, ncclMax, comm, stream);
    });
  }
  WorkPtr send(const at::Tensor& tensor, int to) override {
    check(CollectiveKind::send, tensor);
    check_peer(CollectiveKind::send, to, rank_, size_);
    return launch(
        CollectiveKind::send, {tensor}, bytes_of(tensor), sent_[static_cast<std::size_t>(to)],
        [&](auto comm, auto stream) {
          return ncclSend(tensor.data_ptr(), count(tensor), nccl_type(tensor.scalar_type()), to, comm,
                          stream);
        },
        to);
  }
  WorkPtr recv(const at::Tensor& tensor, int from) override {
    check(CollectiveKind::recv, tensor);
    check_peer(CollectiveKind::recv, from, rank_, size_);
    return launch(
        CollectiveKind::recv, {tensor}, bytes_of(tensor), received_[static_cast<std::size_t>(from)],
        [&](auto comm, auto stream) {
          return ncclRecv(tensor.data_ptr(), count(tensor), nccl_type(tensor.scalar_type()), from, comm,
                          stream);
        },
        from);
  }
  WorkPtr exchange(const at::Tensor& sent, const at::Tensor& received, int peer) override {
    check_parts(CollectiveKind::exchange, received, sent, 1);
    check(CollectiveKind::exchange, sent);
    check_peer(CollectiveKind::exchange, peer, rank_, size_);
    return launch(
        CollectiveKind::exchange, {sent, received}, bytes_of(sent),
        exchanged_[static_cast<std::size_t>(peer)],
        [&](auto comm, auto stream) {
          return both_at_once(
              [&] {
                return ncclSend(sent.data_ptr(), count(sent), nccl_type(sent.scalar_type()), peer, comm,
                                stream);
              },
              [&] {
                return ncclRecv(received.data_ptr(), count(received), nccl_type(received.scalar_type()), peer,
                                comm, stream);
              });
        },
        peer);
  }

 private:
  // In one group: a single kernel, in which neither waits for the other to have ended.
  template <typename First, typename Second>
  static ncclResult_t both_at_once(const First& first, const Second& second) {
    if (const ncclResult_t code = ncclGroupStart(); code != ncclSuccess) return code;
    const ncclResult_t begun[] = {first(), second()};
    const ncclResult_t ended = ncclGroupEnd();  // also after a failure, which it tells again
    for (const ncclResult_t code : begun)
      if (code != ncclSuccess && code != ncclInProgress) return code;
    return ended;
  }

  static std::size_t count(const at::Tensor& tensor) { return static_cast<std::size_t>(tensor.numel()); }

  void check(CollectiveKind kind, const at::Tensor& tensor) const {
    check_tensor(kind, tensor);
    if (tensor.device() != state_->device)
      throw run_error("{}: this nccl communicator takes tensors on {}, not on {}", name_of(kind),
                      state_->device.str(), tensor.device().str());
  }

  // Enqueues call(comm, stream) behind what the caller's current stream holds.
  // peer: in the group, where there is one.
  template <typename Call>
  WorkPtr launch(CollectiveKind kind, std::initializer_list<at::Tensor> tensors, std::int64_t bytes,
                 std::int64_t& sequence, const Call& call, int peer = 0) {
    const c10::cuda::CUDAGuard on_device(state_->device);
    if (c10::cuda::currentStreamCaptureStatusMayInitCtx() != c10::cuda::CaptureStatus::None)
      return capture(kind, *tensors.begin(), bytes, sequence, call, peer);
    const std::shared_ptr<NcclWork> work = new_work(kind, bytes, sequence++);
    const FlightRecorder::Id id =
        in_flight_.begin(operation_of(*work, ranks_of_run_[static_cast<std::size_t>(peer)]));
    work->begin();
    if (tensors.begin()->numel() > 0)
      state_->handle->enqueue(name_of(kind),
                              [&](ncclComm_t comm) { return call(comm, state_->stream.stream()); });
    work->finish();
    in_flight_.enqueued(work, id);
    // A tensor freed on another stream than the one that waited must not be handed out while NCCL still uses
    // it.
    for (const at::Tensor& tensor : tensors)
      c10::cuda::CUDACachingAllocator::recordStream(tensor.storage().data_ptr(), state_->stream);
    return work;
  }

  std::shared_ptr<NcclWork> new_work(CollectiveKind kind, std::int64_t bytes, std::int64_t sequence) {
    auto work = std::make_shared<NcclWork>(state_, clock_->anchor());
    work->kind = kind;
    work->bytes = bytes;
    work->sequence = sequence;
    return work;
  }

  // Nothing is communicated now. `sequence` goes on with every replay. What the graph reads and writes is the
  // caller's to keep.
  template <typename Call>
  WorkPtr capture(CollectiveKind kind, const at::Tensor& tensor, std::int64_t bytes, std::int64_t& sequence,
                  const Call& call, int peer) {
    const std::shared_ptr<NcclWork> work = new_work(kind, bytes, -1);
    work->capture([this, kind, bytes, &sequence, peer] {
      const std::shared_ptr<NcclWork> next = new_work(kind, bytes, sequence++);
      in_flight_.enqueued(
          next, in_flight_.begin(operation_of(*next, ranks_of_run_[static_cast<std::size_t>(peer)])));
      return next;
    });
    work->begin();
    if (tensor.numel() > 0)
      state_->handle->enqueue(name_of(kind),
                              [&](ncclComm_t comm) { return call(comm, state_->stream.stream()); });
    work->finish();
    return work;
  }

  std::shared_ptr<NcclState> state_;
  InFlight in_flight_;
  std::vector<int> ranks_of_run_;
  std::shared_ptr<DeviceClock> clock_ = DeviceClock::shared();
  at::Tensor token_;  // of barrier
  int rank_, size_;
  std::int64_t collectives_ = 0;
  std::vector<std::int64_t> sent_, received_, exchanged_;  // messages so far, by peer
};

}  // namespace

std::unique_ptr<Communicator> make_nccl_communicator(Group& group, const c10::Device& device) {
  const c10::cuda::CUDAGuard on_device(device);
  return std::make_unique<NcclCommunicator>(group, device);
}

std::string nccl_version() {
  int version = 0;
  LOCKSTEP_NCCL(ncclGetVersion(&version));
  return fmt::format("{}.{}.{}", version / 10000, version / 100 % 100, version % 100);
}

}  // namespace lockstep
