#include "parallel/sync_batch_norm.hpp"

#include <torch/csrc/autograd/custom_function.h>

#include "nn/batch_norm.hpp"

namespace lockstep {

namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Where the statistics travel. A pointer in an IValue would be no safer: the reducer's users keep both alive.
struct Channel {
  Communicator& communicator;
  WorkLog* log;

  // Sums a small fp64 vector over the ranks; compute waits for it.
  void sum(const Tensor& vector) const {
    WorkPtr work = communicator.all_reduce(vector);
    if (log) log->add(work, -1, true);
    work->wait();
  }
};

Tensor per_channel(const Tensor& v) { return v.view({1, -1, 1, 1}); }  // (C) -> (1, C, 1, 1)

// Sums over samples and pixels, (N, C, H, W) -> (C), in fp64: their rounding must not depend on how the batch
// is cut, or a max pool behind them picks another pixel of two that are nearly equal, and N ranks part from
// one.
Tensor channel_sums(const Tensor& x) {
  return x.sum(at::IntArrayRef{0, 2, 3}, /*keepdim=*/false, torch::kFloat64);
}

struct Statistics {
  Tensor mean, variance;  // (C) fp32, biased
  Tensor count;           // (1) fp64: samples x height x width, all ranks; never read back from a device
};

// Around the running mean, which is the same on all ranks, so that the sum of squares does not cancel.
Statistics global_statistics(const Tensor& x, const Tensor& running_mean, const Channel& channel) {
  const std::int64_t channels = x.size(1);
  const Tensor centred = x - per_channel(running_mean);
  const Tensor count =
      torch::full({1}, static_cast<double>(x.numel() / channels), x.options().dtype(torch::kFloat64));
  Tensor sums = torch::cat({channel_sums(centred), channel_sums(centred.square()), count});  // (2C + 1)
  channel.sum(sums);
  const Tensor total = sums.narrow(0, 2 * channels, 1);
  const Tensor mean = sums.narrow(0, 0, channels) / total;
  const Tensor variance = (sums.narrow(0, channels, channels) / total - mean * mean).clamp_min(0);
  return {(mean + running_mean).to(torch::kFloat32), variance.to(torch::kFloat32), total};
}

class SyncBatchNormFunction : public torch::autograd::Function<SyncBatchNormFunction> {
 public:
  // x: (N, C, H, W); weight, bias, mean, inverse_std: (C)
  static Tensor forward(AutogradContext* context, const Tensor& x, const Tensor& weight, const Tensor& bias,
                        const Tensor& mean, const Tensor& inverse_std, const Tensor& count,
                        const Channel* channel) {
    const Tensor normalised = (x - per_channel(mean)) * per_channel(inverse_std);
    context->save_for_backward({normalised, weight, inverse_std, count});
    context->saved_data["channel"] = reinterpret_cast<std::int64_t>(channel);
    return normalised * per_channel(weight) + per_channel(bias);
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const variable_list saved = context->get_saved_variables();
    const Tensor &normalised = saved[0], &weight = saved[1], &inverse_std = saved[2], &count = saved[3];
    const auto* channel = reinterpret_cast<const Channel*>(context->saved_data["channel"].toInt());
    const Tensor dy = gradients[0].to(torch::kFloat32);
    const std::int64_t channels = weight.size(0);
    Tensor sums = torch::cat({channel_sums(dy), channel_sums(dy * normalised)});
    const Tensor mine =
        sums.to(torch::kFloat32, /*non_blocking=*/false, /*copy=*/true);  // the reducer sums it
    channel->sum(sums);
    sums = (sums / count).to(torch::kFloat32);
    const Tensor mean_dy = per_channel(sums.narrow(0, 0, channels));
    const Tensor mean_dy_normalised = per_channel(sums.narrow(0, channels, channels));
    const Tensor dx = per_channel(weight * inverse_std) * (dy - mean_dy - normalised * mean_dy_normalised);
    return {dx,
            mine.narrow(0, channels, channels),
            mine.narrow(0, 0, channels),
            Tensor(),
            Tensor(),
            Tensor(),
            Tensor()};
  }
};

void update_running(BatchNorm2dImpl& layer, const Statistics& s) {
  const Tensor unbiased =
      at::where(s.count > 1, s.count / (s.count - 1), at::ones_like(s.count)).to(torch::kFloat32);
  layer.running_mean.lerp_(s.mean, layer.momentum);
  layer.running_var.lerp_(s.variance * unbiased, layer.momentum);
  layer.num_batches_tracked.add_(1);
}

Tensor synchronised_forward(const Tensor& input, BatchNorm2dImpl& layer, const Channel* channel) {
  const Tensor x = input.to(torch::kFloat32);
  Statistics statistics;
  {
    const torch::NoGradGuard no_grad;
    statistics = global_statistics(x, layer.running_mean, *channel);
    update_running(layer, statistics);
  }
  const Tensor inverse_std = (statistics.variance + layer.eps).rsqrt();
  return SyncBatchNormFunction::apply(x, layer.weight, layer.bias, statistics.mean, inverse_std,
                                      statistics.count, channel)
      .to(input.scalar_type());
}

}  // namespace

int synchronise_batch_norm(Model& model, Communicator& communicator, WorkLog* log) {
  const auto channel = std::make_shared<Channel>(Channel{communicator, log});
  int converted = 0;
  for (const auto& module : model.modules(/*include_self=*/false)) {
    if (auto* layer = module->as<BatchNorm2dImpl>()) {
      layer->set_training_forward([channel](const Tensor& x, BatchNorm2dImpl& self) {
        return synchronised_forward(x, self, channel.get());
      });
      ++converted;
    }
  }
  return converted;
}

}  // namespace lockstep
