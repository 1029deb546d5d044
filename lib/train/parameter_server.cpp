// The parameter server that torch.nn.DataParallel is: rank 0 has the batch, the loss and the optimizer. In
// each pass it sends every rank its rows and the parameters, gathers the outputs, sends the outputs'
// gradients back, and collects the sum of the parameters' gradients. As there, nothing overlaps with
// computation.
#include <algorithm>
#include <array>
#include <utility>

#include "base/error.hpp"
#include "parallel/distributed_data_parallel.hpp"
#include "parallel/sync_batch_norm.hpp"
#include "train/autocast.hpp"
#include "train/strategy.hpp"

namespace lockstep {

namespace {

constexpr int kRoot = 0;
// Shapes and types of the model's inputs, and what they are of the global batch: what the other ranks must
// know before they can receive.
struct Announcement {
  std::int64_t rows = 0;
  std::int64_t first_sample = 0;
  std::vector<std::vector<std::int64_t>> shapes;  // of the whole batch
  std::vector<torch::ScalarType> types;
};

constexpr std::int64_t kAnnouncementSize = 64;

torch::Tensor pack(const Announcement& a) {
  std::vector<std::int64_t> numbers = {a.rows, a.first_sample, static_cast<std::int64_t>(a.shapes.size())};
  for (std::size_t i = 0; i < a.shapes.size(); ++i) {
    numbers.push_back(static_cast<std::int64_t>(a.types[i]));
    numbers.push_back(static_cast<std::int64_t>(a.shapes[i].size()));
    numbers.insert(numbers.end(), a.shapes[i].begin(), a.shapes[i].end());
  }
  if (static_cast<std::int64_t>(numbers.size()) > kAnnouncementSize)
    throw run_error("parameter_server: the model's inputs have too many dimensions to announce");
  numbers.resize(kAnnouncementSize);
  return torch::tensor(numbers, torch::kInt64);
}

Announcement unpack(const torch::Tensor& packed) {
  const auto* next = packed.data_ptr<std::int64_t>();
  Announcement a;
  a.rows = *next++;
  a.first_sample = *next++;
  for (std::int64_t inputs = *next++; inputs > 0; --inputs) {
    a.types.push_back(static_cast<torch::ScalarType>(*next++));
    const std::int64_t dims = *next++;
    a.shapes.emplace_back(next, next + dims);
    next += dims;
  }
  return a;
}

// A rank's rows: sizes differ by at most one, the larger first, so that rank 0 is never without. A rank
// without rows works on the first one, so that statistics over all ranks find everybody, and its output
// counts for nothing.
struct Part {
  std::int64_t begin = 0, size = 0;
  bool counts = true;
};

Part part_of(std::int64_t rows, std::int64_t rank, std::int64_t ranks) {
  const std::int64_t begin = rank * (rows / ranks) + std::min(rank, rows % ranks);
  const std::int64_t size = rows / ranks + (rank < rows % ranks ? 1 : 0);
  return size > 0 ? Part{begin, size, true} : Part{0, 1, false};
}

class ParameterServerStrategy final : public Strategy {
 public:
  ParameterServerStrategy(std::shared_ptr<Model> model, Communicator& communicator, const RunConfig& config,
                          WorkLog* log)
      : model_(std::move(model)),
        communicator_(communicator),
        bf16_(config.training.precision == Precision::bf16),
        device_(model_->parameters().front().device()),
        log_(log),
        buckets_(make_buckets(*model_, config)) {
    if (config.parallel.sync_batchnorm) synchronise_batch_norm(*model_, communicator, log);
    synchronise();
  }

  int replica() const override { return communicator_.rank(); }
  int replicas() const override { return communicator_.size(); }
  bool loads() const override { return is_root(); }
  bool counts() const override { return is_root(); }
  bool updates() const override { return is_root(); }
  bool sends_messages() const override { return communicator_.size() > 1; }
  // The whole's two passes, and a stall before and after each.
  std::size_t phases_per_pass() const override { return 8; }

  torch::Tensor pass(const StepBatch& batch, const Task& task, StepRecorder& recorder,
                     PassPlace place) override {
    recorder.enter(Phase::stall);
    const Announcement announced = announce(batch);
    const Flow inputs = scatter(batch, announced);
    share_parameters();

    recorder.enter(Phase::forward);
    const torch::Tensor output = forward(inputs);
    const torch::Tensor loss = is_root() ? backward_of_root(output, batch, task, recorder, place)
                                         : backward_of_other(output, recorder);
    recorder.enter(Phase::stall);
    reduce_gradients();
    return loss;
  }

  torch::Tensor forward(const Flow& inputs) override {
    const AutocastGuard autocast(bf16_, device_.type());
    return model_->forward(inputs);
  }

  void finish_gradients() override {}
  bool rebuild_buckets() override { return false; }  // they are reduced after backward, in any order
  void synchronise() override { share_parameters(); }
  FlatBuckets& buckets() override { return buckets_; }
  DropoutContext& dropout_context() override { return model_->dropout_context(); }

 private:
  static FlatBuckets make_buckets(const Model& model, const RunConfig& config) {
    std::vector<NamedParameter> parameters = trainable_parameters(model);
    BucketPlan plan = plan_buckets(shapes_of(parameters), reverse_order(parameters.size()),
                                   reducer_options(config).bucket_sizes);
    return {std::move(parameters), std::move(plan)};
  }

  bool is_root() const { return communicator_.rank() == kRoot; }
  Part part(std::int64_t rows, int rank) const { return part_of(rows, rank, communicator_.size()); }
  Part own_part() const { return part(rows_, communicator_.rank()); }

  Announcement announce(const StepBatch& batch) {
    Announcement announced;
    if (is_root()) {
      announced.rows = batch.targets.size(0);
      announced.first_sample = batch.first_sample;
      for (const torch::Tensor& input : batch.inputs) {
        announced.shapes.push_back(input.sizes().vec());
        announced.types.push_back(input.scalar_type());
      }
    }
    if (communicator_.size() > 1) {
      torch::Tensor packed =
          is_root() ? pack(announced) : torch::empty({kAnnouncementSize}, torch::dtype(torch::kInt64));
      // Other back ends take small tensors from the host.
      if (communicator_.backend() == BackendKind::nccl) packed = packed.to(device_);
      collective(communicator_.broadcast(packed, kRoot), -1);
      finish_works();
      if (!is_root()) announced = unpack(packed.cpu());
    }
    rows_ = announced.rows;
    model_->dropout_context().first_sample = announced.first_sample + own_part().begin;
    return announced;
  }

  // This rank's rows of the inputs.
  Flow scatter(const StepBatch& batch, const Announcement& announced) {
    Flow mine;
    for (std::size_t i = 0; i < announced.shapes.size(); ++i) {
      if (!is_root()) {
        std::vector<std::int64_t> shape = announced.shapes[i];
        shape[0] = own_part().size;
        mine.push_back(torch::empty(shape, torch::dtype(announced.types[i]).device(device_)));
        receive(mine.back(), kRoot);
        continue;
      }
      const torch::Tensor& whole = batch.inputs[i];
      for (int rank = 1; rank < communicator_.size(); ++rank) send(rows_of(whole, part(rows_, rank)), rank);
      mine.push_back(rows_of(whole, own_part()));
    }
    finish_works();
    return mine;
  }

  void share_parameters() {
    if (communicator_.size() == 1) return;
    for (const torch::Tensor& values : buckets_.values())
      collective(communicator_.broadcast(values, kRoot), -1);
    for (const auto& item : model_->named_buffers())
      if (item.value().defined() && item.value().is_contiguous())
        collective(communicator_.broadcast(item.value(), kRoot), -1);
    finish_works();
  }

  torch::Tensor backward_of_root(const torch::Tensor& output, const StepBatch& batch, const Task& task,
                                 StepRecorder& recorder, PassPlace place) {
    recorder.enter(Phase::stall);
    torch::Tensor whole = gather(output);
    recorder.enter(Phase::forward);
    whole.requires_grad_();
    const torch::Tensor loss = task.loss_share(whole, batch);
    recorder.enter(Phase::backward);
    loss.backward();
    for (int rank = 1; rank < communicator_.size(); ++rank) {
      const Part theirs = part(rows_, rank);
      const torch::Tensor gradient = rows_of(whole.grad(), theirs);
      send(theirs.counts ? gradient : torch::zeros_like(gradient), rank);
    }
    if (place.first) buckets_.zero_gradients();
    output.backward(rows_of(whole.grad(), own_part()));
    recorder.enter(Phase::stall);
    finish_works();
    return loss.detach();
  }

  torch::Tensor backward_of_other(const torch::Tensor& output, StepRecorder& recorder) {
    recorder.enter(Phase::stall);
    const torch::Tensor message = output.detach().contiguous();
    const torch::Tensor gradient = torch::empty_like(message);
    send(message, kRoot);
    receive(gradient, kRoot);
    finish_works();
    recorder.enter(Phase::backward);
    buckets_.zero_gradients();
    output.backward(gradient);
    return torch::zeros({});
  }

  // Rank 0: the outputs of all ranks, in order of rows.
  torch::Tensor gather(const torch::Tensor& output) {
    const torch::NoGradGuard no_grad;
    std::vector<std::int64_t> shape = output.sizes().vec();
    shape[0] = rows_;
    torch::Tensor whole = torch::empty(shape, output.options());
    for (int rank = 1; rank < communicator_.size(); ++rank) {
      const Part theirs = part(rows_, rank);
      shape[0] = theirs.size;
      receive(theirs.counts ? rows_of(whole, theirs) : torch::empty(shape, output.options()), rank);
    }
    whole.narrow(0, own_part().begin, own_part().size).copy_(output);
    finish_works();
    return whole;
  }

  void reduce_gradients() {
    for (std::size_t p = 0; p < buckets_.parameters().size(); ++p) buckets_.adopt_gradient(p);
    if (communicator_.size() == 1) return;
    for (std::size_t b = 0; b < buckets_.gradients().size(); ++b)
      collective(communicator_.reduce(buckets_.gradients()[b], kRoot), static_cast<int>(b));
    finish_works();
  }

  static torch::Tensor rows_of(const torch::Tensor& whole, const Part& part) {
    return whole.narrow(0, part.begin, part.size).contiguous();
  }

  void collective(WorkPtr work, int bucket) {
    if (log_) log_->add(work, bucket);
    works_.push_back({std::move(work), {}});
  }
  void send(const torch::Tensor& tensor, int to) {
    message(communicator_.send(tensor, to), tensor, to == kRoot ? 2 * communicator_.rank() : 2 * to - 1);
  }
  void receive(const torch::Tensor& tensor, int from) {
    message(communicator_.recv(tensor, from), tensor,
            from == kRoot ? 2 * communicator_.rank() - 1 : 2 * from);
  }
  // Channel 0 of the log is the collectives', then two for each other rank: to it, and from it.
  void message(WorkPtr work, const torch::Tensor& tensor, std::int64_t channel) {
    if (log_) log_->add_message(work, channel);
    works_.push_back({std::move(work), tensor});
  }
  void finish_works() {
    for (const auto& [work, tensor] : works_) work->wait();
    works_.clear();
  }

  std::shared_ptr<Model> model_;
  Communicator& communicator_;
  bool bf16_;
  torch::Device device_;
  WorkLog* log_;
  FlatBuckets buckets_;
  std::int64_t rows_ = 0;                                 // of this pass, all ranks
  std::vector<std::pair<WorkPtr, torch::Tensor>> works_;  // under way, and what they must find alive
};

}  // namespace

std::unique_ptr<Strategy> make_parameter_server_strategy(std::shared_ptr<Model> model,
                                                         Communicator& communicator, const RunConfig& config,
                                                         WorkLog* log) {
  return std::make_unique<ParameterServerStrategy>(std::move(model), communicator, config, log);
}

}  // namespace lockstep
