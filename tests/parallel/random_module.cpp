#include "parallel/random_module.hpp"

#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <array>
#include <stdexcept>

namespace lockstep {

namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;
using Segment = std::function<Tensor(Tensor)>;

// Activation checkpointing by a backward pass within the backward pass.
struct Checkpoint : torch::autograd::Function<Checkpoint> {
  static Tensor forward(AutogradContext* context, const Tensor& h, const Tensor& dummy,
                        std::int64_t segment) {
    context->save_for_backward({h});
    context->saved_data["segment"] = segment;
    const torch::NoGradGuard no_grad;
    return (*reinterpret_cast<Segment*>(segment))(h) + dummy.sum();
  }
  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    auto& segment = *reinterpret_cast<Segment*>(context->saved_data["segment"].toInt());
    Tensor h = context->get_saved_variables()[0].detach().requires_grad_();
    const torch::AutoGradMode on(true);
    segment(h).backward(gradients[0]);
    return {h.grad(), torch::zeros({1}), Tensor()};
  }
};

// Is in the graph in any case.
struct Bomb : torch::autograd::Function<Bomb> {
  static Tensor forward(AutogradContext*, const Tensor& h) { return h.clone(); }
  static variable_list backward(AutogradContext*, const variable_list&) {
    throw std::runtime_error("thrown by the test");
  }
};

Tensor armed(const Tensor& h) { return Bomb::apply(h.requires_grad() ? h : h.clone().requires_grad_()); }

}  // namespace

Tensor Dice::whole(at::IntArrayRef shape, int most, torch::ScalarType dtype) {
  Tensor result = torch::zeros(shape, torch::kFloat32);
  auto* const values = result.data_ptr<float>();
  for (std::int64_t i = 0; i < result.numel(); ++i)
    values[i] = static_cast<float>(below(2 * most + 1) - most);
  return result.to(dtype);
}

ModuleSpec ModuleSpec::random(Dice& dice) {
  ModuleSpec spec;
  const int layers = 1 + dice.below(4);
  for (int i = 0; i < layers; ++i)
    spec.layers.push_back(
        {dice.one_in(3) ? torch::kFloat64 : torch::kFloat32, dice.one_in(4), dice.one_in(4)});
  const int steps = 1 + dice.below(5);
  for (int i = 0; i < steps; ++i)
    spec.path.push_back({dice.below(layers), static_cast<Use>(dice.below(3)), dice.one_in(6)});
  constexpr std::array kBias = {torch::kFloat32, torch::kBFloat16, torch::kHalf, torch::kFloat64};
  spec.bias = kBias.at(static_cast<std::size_t>(dice.below(4)));
  spec.tied = dice.one_in(3);
  spec.embeds = dice.one_in(3);
  spec.complex = dice.one_in(4);
  spec.all_checkpointed = dice.one_in(6);
  spec.throws_early = dice.one_in(2);
  return spec;
}

bool ModuleSpec::branches() const {
  return std::any_of(path.begin(), path.end(), [](const Step& step) { return step.branches; });
}

RandomModule::RandomModule(const ModuleSpec& spec, Dice weights) : spec_(spec) {
  for (std::size_t i = 0; i < spec.layers.size(); ++i) {
    Tensor w = weights.whole({kWidth, kWidth}, 1, spec.layers[i].dtype);
    if (spec.layers[i].transposed) w = w.t();
    weights_.push_back(register_parameter("w" + std::to_string(i), w, !spec.layers[i].frozen));
  }
  if (spec.tied) register_parameter("tied", weights_.front(), weights_.front().requires_grad());
  if (spec.embeds) table_ = register_parameter("table", weights.whole({5, kWidth}, 1));
  if (spec.complex) phase_ = register_parameter("phase", weights.whole({kWidth}, 1, torch::kComplexFloat));
  bias_ = register_parameter("bias", weights.whole({kWidth}, 1, spec.bias));
  register_buffers(weights);
}

void RandomModule::register_buffers(Dice& dice) {
  count_ = register_buffer("count", torch::zeros({}, torch::kInt64));
  register_buffer("mask", dice.whole({4, 5}, 1).to(torch::kBool));
  register_buffer("small", dice.whole({7}, 100, torch::kInt8));
  register_buffer("short", dice.whole({2, 3}, 1000, torch::kInt16));
  register_buffer("table_of_angles", dice.whole({3, 2}, 9, torch::kComplexFloat));
  register_buffer("half", dice.whole({5}, 9, torch::kHalf));
  register_buffer("transposed", dice.whole({4, 6}, 99).t());
  register_buffer("expanded", dice.whole({1, 6}, 99).expand({4, 6}));
  register_buffer("channels_last", dice.whole({2, 3, 2, 2}, 99).contiguous(at::MemoryFormat::ChannelsLast));
  register_buffer("part", dice.whole({4, 6}, 99).narrow(1, 2, 3));
  register_buffer("empty", torch::empty({0}));
}

Tensor RandomModule::checkpoint(const Tensor& h, Segment segment) {
  segments_.push_back(std::make_unique<Segment>(std::move(segment)));
  return Checkpoint::apply(h, torch::zeros({1}, torch::requires_grad()),
                           reinterpret_cast<std::int64_t>(segments_.back().get()));
}

Tensor RandomModule::apply(Tensor h, const ModuleSpec::Step& step, const Pass& pass) {
  const int layers = static_cast<int>(weights_.size());
  const Tensor w =
      weights_[static_cast<std::size_t>((step.layer + (step.branches ? pass.rank : 0)) % layers)];
  const auto layer = [w, in_place = step.use == ModuleSpec::Use::in_place](const Tensor& in) {
    Tensor out = in.to(w.scalar_type()).matmul(w).to(torch::kFloat32);
    return in_place ? out.clamp_(-4, 4) : out.clamp(-4, 4);
  };
  return step.use == ModuleSpec::Use::checkpointed && pass.checkpoints ? checkpoint(h, layer) : layer(h);
}

Tensor RandomModule::through(Tensor h, const Pass& pass) {
  for (std::size_t i = 0; i < spec_.path.size(); ++i) {
    if (pass.throws && i == spec_.path.size() / 2 && !spec_.throws_early) h = armed(h);
    h = apply(h, spec_.path[i], pass);
  }
  if (phase_.defined()) h = h + at::real(phase_.to(torch::kComplexFloat));
  return h + bias_.to(torch::kFloat32);
}

Tensor RandomModule::forward(const Tensor& x, const Tensor& ids, const Pass& pass) {
  if (segments_.size() > 100) segments_.erase(segments_.begin(), segments_.begin() + 50);
  Tensor h = x;
  if (table_.defined())
    h = h + at::embedding(table_, ids, /*padding_idx=*/-1, /*scale_grad_by_freq=*/false, /*sparse=*/true)
                .to(torch::kFloat32);
  if (pass.throws && spec_.throws_early) h = armed(h);
  if (spec_.all_checkpointed && pass.checkpoints)
    return checkpoint(h, [this, pass](const Tensor& in) { return through(in, pass); });
  return through(h, pass);
}

}  // namespace lockstep
