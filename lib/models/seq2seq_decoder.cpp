#include "models/seq2seq_decoder.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/philox.hpp"
#include "base/special_tokens.hpp"
#include "nn/embedding.hpp"
#include "nn/linear_function.hpp"

#ifdef LOCKSTEP_WITH_CUDA
#include <c10/cuda/CUDAStream.h>

#include "kernels/set_bytes.hpp"
#endif

namespace lockstep {

using torch::Tensor;

// A pass over the positions, starting from the encoder's states. Time first: T positions of B samples.
struct SequenceDecoder::Walk {
  std::int64_t batch, steps;  // steps: T, the whole way
  std::vector<LstmCells::State> start, state;
  std::vector<Tensor> factors;    // (T B, in) of each layer, or none
  std::vector<LstmTrace> traces;  // of each layer, where the steps taken are kept for the backward pass
  std::int64_t taken = 0;
};

SequenceDecoder::SequenceDecoder(const Options& options, std::uint32_t first_site,
                                 std::shared_ptr<const DropoutContext> context)
    : options_(options),
      coin_site_(first_site),
      context_(std::move(context)),
      embedding_(register_parameter("embedding", torch::empty({options.vocabulary, options.width}))) {
  for (std::int64_t i = 0; i < options.layers; ++i) {
    dropouts_.emplace_back(options.dropout, ++first_site, context_);
    cells_.push_back(
        register_module(fmt::format("lstm{}", i + 1),
                        std::make_shared<LstmCells>(i == 0 ? options.width : options.units, options.units)));
  }
  weight_ = register_parameter("weight", torch::empty({options.vocabulary, options.units}));
  bias_ = register_parameter("bias", torch::empty({options.vocabulary}));
}

bool SequenceDecoder::heads(std::int64_t t) const {
  const auto low = [](auto value) { return static_cast<std::uint32_t>(static_cast<std::uint64_t>(value)); };
  const auto bits =
      philox({low(t), 0, low(context_->step), coin_site_}, {low(context_->seed), low(context_->seed >> 32)});
  return static_cast<double>(bits[0]) * 0x1.0p-32 < options_.teacher_forcing;
}

std::vector<Tensor> SequenceDecoder::dropout_factors(std::int64_t batch, std::int64_t steps) const {
  std::vector<Tensor> factors;
  if (!is_training() || options_.dropout == 0) return factors;
  for (std::size_t i = 0; i < cells_.size(); ++i) {
    const std::int64_t width = i == 0 ? options_.width : options_.units;
    const Tensor ones = at::ones({batch, steps, width}, weight_.options().requires_grad(false));
    factors.push_back(dropouts_[i].apply(ones, true).transpose(0, 1).reshape({steps * batch, width}));
  }
  return factors;
}

SequenceDecoder::Walk SequenceDecoder::start(const Tensor& states, std::int64_t steps) const {
  Walk walk{states.size(0), steps, {}, {}, dropout_factors(states.size(0), steps), {}};
  for (std::int64_t i = 0; i < options_.layers; ++i)
    walk.start.push_back({states.select(1, 2 * i), states.select(1, 2 * i + 1)});
  const at::NoGradGuard no_grad;
  for (const LstmCells::State& s : walk.start)
    walk.state.push_back({s.h.detach().contiguous(), s.c.detach().contiguous()});
  if (is_training() && states.is_cpu() && states.scalar_type() == torch::kFloat32 && by_own_loops())
    walk.traces.resize(cells_.size());
  return walk;
}

// tokens: (n, B), the positions that follow those taken. Returns the last layer's h, (n B, H). No gradients.
Tensor SequenceDecoder::advance(Walk& walk, const Tensor& tokens) const {
  const at::NoGradGuard no_grad;
  Tensor x = at::embedding(embedding_, tokens).flatten(0, 1);  // (n B, E)
  const StepRows rows(static_cast<std::size_t>(tokens.size(0)), walk.batch);
  for (std::size_t i = 0; i < cells_.size(); ++i) {
    if (!walk.factors.empty()) x = x * walk.factors[i].narrow(0, walk.taken * walk.batch, x.size(0));
    if (!walk.traces.empty()) {
      x = cells_[i]->take(x, walk.state[i], walk.steps, walk.traces[i]);
    } else {
      const LstmCells::Output out = cells_[i]->forward(x, rows, walk.state[i]);
      walk.state[i] = out.last;
      x = out.h;
    }
  }
  walk.taken += tokens.size(0);
  return x;
}

void SequenceDecoder::prepare_step() {
  if (by_own_loops()) return;
  std::vector<std::uint8_t> coins;
  for (std::int64_t t = 0; t < options_.length; ++t) coins.push_back(heads(t) ? 1 : 0);
  if (!coins_.defined() || coins_.device() != weight_.device())
    coins_ = at::empty({options_.length}, weight_.options().dtype(torch::kBool).requires_grad(false));
#ifdef LOCKSTEP_WITH_CUDA
  if (coins_.is_cuda())
    kernels::set_bytes(coins_.data_ptr(), coins.data(), coins.size(),
                       c10::cuda::getCurrentCUDAStream().stream());
#endif
  if (coins_.is_cpu()) std::copy(coins.begin(), coins.end(), coins_.data_ptr<bool>());
  coins_of_ = *context_;
}

// The logits after the last of the positions in tokens (n, B): (B, V). No gradients.
Tensor SequenceDecoder::next_logits(Walk& walk, const Tensor& tokens) const {
  const at::NoGradGuard no_grad;
  const Tensor h = advance(walk, tokens);
  return fast_linear(h.narrow(0, h.size(0) - walk.batch, walk.batch), weight_, bias_);
}

// What training reads at each position, (T, B): target (T, B), or what the model would have written.
Tensor SequenceDecoder::read_tokens(Walk& walk, const Tensor& target) const {
  if (!by_own_loops()) return read_in_memory(walk, target);
  Tensor tokens = target;
  for (std::int64_t t = 1; t < walk.steps; ++t) {
    if (heads(t)) continue;
    if (tokens.is_same(target)) tokens = target.clone();
    const Tensor logits = next_logits(walk, tokens.narrow(0, walk.taken, t - walk.taken));
    tokens.select(0, t).copy_(logits.argmax(1));
  }
  return tokens;
}

// The same if the coins are in GPU memory: every position is generated, and then perhaps not read.
Tensor SequenceDecoder::read_in_memory(Walk& walk, const Tensor& target) const {
  if (options_.teacher_forcing >= 1) return target;
  std::vector<Tensor> tokens{target.narrow(0, 0, 1)};
  for (std::int64_t t = 1; t < walk.steps; ++t) {
    const Tensor written = next_logits(walk, tokens.back()).argmax(1);  // (B)
    tokens.push_back(at::where(coins_[t], target[t], written).unsqueeze(0));
  }
  return at::cat(tokens);
}

// (B, T, V), with gradients. The vocabulary's projection is one product over all positions.
Tensor SequenceDecoder::train_logits(Walk& walk, const Tensor& tokens) const {
  const StepRows rows(static_cast<std::size_t>(walk.steps), walk.batch);
  Tensor x = look_up_rows(embedding_, tokens).flatten(0, 1);  // (T B, E)
  for (std::size_t i = 0; i < cells_.size(); ++i) {
    if (!walk.factors.empty()) x = x * walk.factors[i];
    x = cells_[i]->forward(x, rows, walk.start[i], walk.traces.empty() ? nullptr : &walk.traces[i]).h;
  }
  const Tensor by_sample = x.view({walk.steps, walk.batch, options_.units}).transpose(0, 1);
  return fast_linear(by_sample, weight_, bias_);
}

Flow SequenceDecoder::forward(Flow inputs) {
  const Tensor &states = inputs[0], &target = inputs[1];
  const Tensor by_time = target.t().contiguous();  // (U, B)
  const std::int64_t steps = target.size(1) - 1;
  Walk walk = start(states, steps);
  if (is_training()) {
    if (!coins_.defined() || coins_of_.step != context_->step || coins_of_.seed != context_->seed)
      prepare_step();
    const Tensor tokens = read_tokens(walk, by_time.narrow(0, 0, steps));
    return {train_logits(walk, tokens)};
  }
  std::vector<Tensor> logits;
  Tensor token = by_time.narrow(0, 0, 1);  // (1, B)
  for (std::int64_t t = 0; t < steps; ++t) {
    logits.push_back(next_logits(walk, token));
    token = logits.back().argmax(1, true).t();
  }
  return {at::stack(logits, 1)};
}

Tensor SequenceDecoder::greedy(const Tensor& states, const Tensor& begin, std::int64_t max_length) {
  Walk walk = start(states, max_length);
  std::vector<Tensor> written;
  Tensor token = begin, ended = at::zeros_like(begin, torch::kBool);
  for (std::int64_t t = 0; t < max_length && !ended.all().item<bool>(); ++t) {
    token = next_logits(walk, token.unsqueeze(0)).argmax(1).masked_fill(ended, kPaddingToken);
    written.push_back(token);
    ended = ended.logical_or(token == kEndToken);
  }
  return at::stack(written, 1);
}

double SequenceDecoder::forward_flops() const {
  double step = 2.0 * static_cast<double>(weight_.numel());
  for (const auto& cells : cells_) step += cells->step_flops();
  return static_cast<double>(options_.length) * step;
}

}  // namespace lockstep
