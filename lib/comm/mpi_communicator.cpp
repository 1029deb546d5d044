#include "comm/mpi_communicator.hpp"

#include <map>
#include <numeric>
#include <vector>

#include "base/error.hpp"
#include "comm/comm_operation.hpp"
#include "comm/device_staging.hpp"
#include "comm/mpi_engine.hpp"
#include "comm/node_collectives.hpp"
#include "comm/node_engine.hpp"
#include "comm/tensor_check.hpp"
#include "launch/mpi_check.hpp"

#ifdef LOCKSTEP_WITH_CUDA
#include <c10/cuda/CUDAGuard.h>
#endif

namespace lockstep {
namespace {

// Freed by MPI_Finalize alone: MPI_Comm_free is collective, and destructors never communicate.
MPI_Comm duplicate(MPI_Comm parent) {
  int level = MPI_THREAD_SINGLE;
  LOCKSTEP_MPI(MPI_Query_thread(&level));
  if (level < MPI_THREAD_MULTIPLE)
    throw run_error("MPI gives thread level {}, and overlapping communication needs MPI_THREAD_MULTIPLE ({})",
                    level, static_cast<int>(MPI_THREAD_MULTIPLE));
  MPI_Comm comm = MPI_COMM_NULL;
  LOCKSTEP_MPI(MPI_Comm_dup(parent, &comm));
  LOCKSTEP_MPI(MPI_Comm_set_errhandler(comm, MPI_ERRORS_RETURN));
  return comm;
}

// By rank in comm: the rank in the whole run.
std::vector<int> ranks_of_run(MPI_Comm comm, int size) {
  std::vector<int> here(static_cast<std::size_t>(size)), there(here.size());
  std::iota(here.begin(), here.end(), 0);
  MPI_Group part = MPI_GROUP_NULL, all = MPI_GROUP_NULL;
  LOCKSTEP_MPI(MPI_Comm_group(comm, &part));
  LOCKSTEP_MPI(MPI_Comm_group(MPI_COMM_WORLD, &all));
  LOCKSTEP_MPI(MPI_Group_translate_ranks(part, size, here.data(), all, there.data()));
  MPI_Group_free(&part);
  MPI_Group_free(&all);
  return there;
}

class MpiCommunicator final : public Communicator {
 public:
  // shared: of the same ranks; null: everything goes by messages.
  MpiCommunicator(MPI_Comm parent, ArrivalWait wait, FlightRecorder* flight,
                  std::unique_ptr<NodeCollectives> shared = nullptr)
      : comm_(duplicate(parent)),
        several_nodes_(shared && shared->ranks().nodes > 1 ? std::move(shared) : nullptr),
        engine_(comm_, wait, flight, several_nodes_.get()) {
    if (shared) one_node_ = std::make_unique<NodeEngine>(std::move(shared), flight);
    LOCKSTEP_MPI(MPI_Comm_rank(comm_, &rank_));
    LOCKSTEP_MPI(MPI_Comm_size(comm_, &size_));
    sent_.resize(static_cast<std::size_t>(size_));
    received_.resize(static_cast<std::size_t>(size_));
    exchanged_.resize(static_cast<std::size_t>(size_));
    ranks_of_run_ = ranks_of_run(comm_, size_);
  }

  BackendKind backend() const override { return takes_mean() ? BackendKind::shm : BackendKind::mpi; }
  int rank() const override { return rank_; }
  int size() const override { return size_; }
  bool takes_mean() const override { return one_node_ || several_nodes_; }
  void use_thread(bool use) override {
    if (one_node_) one_node_->run_at_once(use);
  }
  at::Tensor allocate(std::int64_t elements, const at::TensorOptions& options) override {
    if (!options.device().is_cpu()) return Communicator::allocate(elements, options);
    if (one_node_) return one_node_->memory().allocate(elements, options);
    if (several_nodes_) return several_nodes_->memory().allocate(elements, options);
    return Communicator::allocate(elements, options);
  }
  bool shares_memory(at::Device device) const override { return one_node_ && device.is_cpu() && size_ > 1; }
  at::Tensor allocate_common(std::int64_t elements, const at::TensorOptions& options) override {
    return shares_memory(options.device()) ? one_node_->memory().allocate_common(elements, options)
                                           : at::Tensor();
  }

  WorkPtr all_reduce(const at::Tensor& tensor, ReduceOp op) override {
    check_tensor(CollectiveKind::all_reduce, tensor);
    if (op == ReduceOp::mean && !(takes_mean() && tensor.is_floating_point()))
      throw run_error("all_reduce: back end {} cannot average {}; divide, then sum", name_of(backend()),
                      c10::toString(tensor.scalar_type()));
    return launch({CollectiveKind::all_reduce, tensor, tensor, op}, bytes_of(tensor));
  }
  WorkPtr reduce(const at::Tensor& tensor, int root) override {
    check_tensor(CollectiveKind::reduce, tensor);
    check_peer(CollectiveKind::reduce, root, rank_, size_);
    const at::Tensor result = root == rank_ ? tensor : at::Tensor();
    return launch({CollectiveKind::reduce, result, tensor, ReduceOp::sum, root}, bytes_of(tensor));
  }
  WorkPtr reduce_scatter(const at::Tensor& output, const at::Tensor& input) override {
    check_parts(CollectiveKind::reduce_scatter, input, output, size_);
    return launch({CollectiveKind::reduce_scatter, output, input}, bytes_of(input));
  }
  WorkPtr all_gather(const at::Tensor& output, const at::Tensor& input) override {
    check_parts(CollectiveKind::all_gather, output, input, size_);
    return launch({CollectiveKind::all_gather, output, input}, bytes_of(output));
  }
  WorkPtr broadcast(const at::Tensor& tensor, int root) override {
    check_tensor(CollectiveKind::broadcast, tensor);
    check_peer(CollectiveKind::broadcast, root, rank_, size_);
    MpiOperation operation{CollectiveKind::broadcast};
    (root == rank_ ? operation.input : operation.output) = tensor;
    operation.peer = root;
    return launch(std::move(operation), bytes_of(tensor));
  }
  WorkPtr barrier() override { return launch(MpiOperation{CollectiveKind::barrier}, 0); }
  WorkPtr send(const at::Tensor& tensor, int to) override {
    check_tensor(CollectiveKind::send, tensor);
    check_peer(CollectiveKind::send, to, rank_, size_);
    return launch({CollectiveKind::send, {}, tensor, ReduceOp::sum, to}, bytes_of(tensor));
  }
  WorkPtr recv(const at::Tensor& tensor, int from) override {
    check_tensor(CollectiveKind::recv, tensor);
    check_peer(CollectiveKind::recv, from, rank_, size_);
    return launch({CollectiveKind::recv, tensor, {}, ReduceOp::sum, from}, bytes_of(tensor));
  }
  WorkPtr exchange(const at::Tensor& sent, const at::Tensor& received, int peer) override {
    check_parts(CollectiveKind::exchange, received, sent, 1);
    check_peer(CollectiveKind::exchange, peer, rank_, size_);
    return launch({CollectiveKind::exchange, received, sent, ReduceOp::sum, peer}, bytes_of(sent));
  }

 private:
  // operation.input: what is read; operation.output: what is written; one and the same where it is in place.
  WorkPtr launch(MpiOperation operation, std::int64_t bytes) {
    if (one_node_ && !is_message(operation.kind)) return launch_here(std::move(operation), bytes);
    if (one_node_) one_node_->rethrow_failure();
    auto work = std::make_shared<MpiWork>(engine_.waiters(), steady_now());
    work->kind = operation.kind;
    work->bytes = bytes;
    work->sequence = next_sequence(operation);
    stage(operation, *work);
    // broadcast, reduce, send and recv have one buffer, which the engine finds in output.
    if (!operation.output.defined()) operation.output = operation.input;
    operation.work = work;
    if (FlightRecorder* const flight = engine_.waiters()->flight)
      work->flight =
          flight->begin(operation_of(*work, ranks_of_run_[static_cast<std::size_t>(operation.peer)]));
    engine_.enqueue(std::move(operation));
    return work;
  }

  WorkPtr launch_here(MpiOperation operation, std::int64_t bytes) {
    engine_.rethrow_failure();
    const at::Tensor& any = operation.output.defined() ? operation.output : operation.input;
    if (any.defined() && !any.is_cpu())
      throw run_error("{}: back end shm takes tensors on the CPU, not on {}", name_of(operation.kind),
                      any.device().str());
    if (!operation.output.defined()) operation.output = operation.input;
    return one_node_->launch(
        {operation.kind, operation.output, operation.input, operation.op, operation.peer}, bytes,
        collectives_++, ranks_of_run_[static_cast<std::size_t>(operation.peer)]);
  }

  std::int64_t next_sequence(const MpiOperation& operation) {
    const auto peer = static_cast<std::size_t>(operation.peer);
    if (operation.kind == CollectiveKind::send) return sent_[peer]++;
    if (operation.kind == CollectiveKind::recv) return received_[peer]++;
    if (operation.kind == CollectiveKind::exchange) return exchanged_[peer]++;
    return collectives_++;
  }

  void stage(MpiOperation& operation, MpiWork& work) {
    const at::Tensor& any = operation.output.defined() ? operation.output : operation.input;
    if (!any.defined() || any.is_cpu()) return;
#ifdef LOCKSTEP_WITH_CUDA
    if (any.is_cuda()) {
      work.kept[0] = operation.output;
      work.kept[1] = operation.input;
      work.staging =
          std::make_unique<DeviceStaging>(pool_of(any.device().index()), operation.input, operation.output);
      operation.input = work.staging->host_loaded();
      operation.output = work.staging->host_stored();
      return;
    }
#else
    static_cast<void>(work);
#endif
    throw run_error("{}: back end mpi takes tensors on the CPU{}, not on {}", name_of(operation.kind),
                    kDevices, any.device().str());
  }

#ifdef LOCKSTEP_WITH_CUDA
  static constexpr const char* kDevices = " or on CUDA";
  const std::shared_ptr<StagingPool>& pool_of(c10::DeviceIndex device) {
    std::shared_ptr<StagingPool>& pool = pools_[device];
    if (!pool) {
      const c10::cuda::CUDAGuard on_device(device);
      pool = std::make_shared<StagingPool>(device);
    }
    return pool;
  }
  std::map<c10::DeviceIndex, std::shared_ptr<StagingPool>> pools_;
#else
  static constexpr const char* kDevices = " (this build has no CUDA)";
#endif

  MPI_Comm comm_;
  std::unique_ptr<NodeCollectives> several_nodes_;  // used by the engine
  MpiEngine engine_;
  std::unique_ptr<NodeEngine> one_node_;  // runs the collectives in the place of engine_
  int rank_ = 0, size_ = 1;
  std::int64_t collectives_ = 0;
  std::vector<std::int64_t> sent_, received_, exchanged_;  // messages so far, by peer
  std::vector<int> ranks_of_run_;
};

}  // namespace

ShmOutcome make_shm_communicator(MPI_Comm parent, FlightRecorder* flight, int ranks_per_node) {
  NodeCollectives::Outcome shared = NodeCollectives::create(parent, ranks_per_node);
  if (!shared.node) return {nullptr, std::move(shared.obstacle)};
  return {std::make_unique<MpiCommunicator>(parent, ArrivalWait::nap, flight, std::move(shared.node)), {}};
}

std::unique_ptr<Communicator> make_mpi_communicator(MPI_Comm parent, ArrivalWait wait,
                                                    FlightRecorder* flight) {
  return std::make_unique<MpiCommunicator>(parent, wait, flight);
}

}  // namespace lockstep
