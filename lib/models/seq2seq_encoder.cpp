#include "models/seq2seq_encoder.hpp"

#include <utility>

#include "base/special_tokens.hpp"
#include "models/packing.hpp"

namespace lockstep {

SourceEmbedding::SourceEmbedding(std::int64_t vocabulary, std::int64_t width, Dropout dropout)
    : dropout_(std::move(dropout)),
      weight_(register_parameter("weight", torch::empty({vocabulary, width}))) {}

Flow SourceEmbedding::forward(Flow inputs) {
  const torch::Tensor& source = inputs[0];
  const torch::Tensor x = dropout_.apply(at::embedding(weight_, source), is_training());  // (B, S, E)
  const torch::Tensor places = at::arange(1, source.size(1) + 1, source.options());
  const torch::Tensor lengths = ((source != kPaddingToken) * places).amax(1).clamp_min(1);
  return {x, lengths, std::move(inputs[1])};
}

EncoderLstm::EncoderLstm(const Options& options, Dropout dropout)
    : options_(options),
      dropout_(std::move(dropout)),
      cells_(register_module("lstm", std::make_shared<LstmCells>(options.in, options.units))) {}

Flow EncoderLstm::forward(Flow inputs) {
  const torch::Tensor& x = inputs[0];
  const std::int64_t length = x.size(1);
  const Packing packing = pack(inputs[1], length);
  const torch::Tensor packed = packed_rows(x, packing);
  const LstmCells::Output out = cells_->forward(packed, packing.rows, {});
  torch::Tensor states = at::stack({out.last.h, out.last.c}, 1).index_select(0, packing.sorted);  // (B, 2, H)
  if (inputs.size() > 3) states = at::cat({inputs[3].to(states.scalar_type()), states}, 1);
  if (options_.last) return {states, std::move(inputs[2])};
  const torch::Tensor y = padded_rows(out.h, packing, length);
  return {dropout_.apply(y, is_training()), std::move(inputs[1]), std::move(inputs[2]), states};
}

double EncoderLstm::forward_flops() const {
  return static_cast<double>(options_.length) * cells_->step_flops();
}

}  // namespace lockstep
