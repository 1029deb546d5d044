#include "models/seq2seq_encoder.hpp"

#include <utility>

#include "base/special_tokens.hpp"
#include "nn/embedding.hpp"
#include "nn/packing.hpp"

namespace lockstep {

SourceEmbedding::SourceEmbedding(std::int64_t vocabulary, std::int64_t width, Dropout dropout)
    : dropout_(std::move(dropout)),
      weight_(register_parameter("weight", torch::empty({vocabulary, width}))) {}

Flow SourceEmbedding::forward(Flow inputs) {
  const torch::Tensor& source = inputs[0];
  const torch::Tensor x = dropout_.apply(look_up_rows(weight_, source), is_training());  // (B, S, E)
  const torch::Tensor places = at::arange(1, source.size(1) + 1, source.options());
  const torch::Tensor lengths = ((source != kPaddingToken) * places).amax(1).clamp_min(1);
  return {x, lengths, std::move(inputs[1])};
}

EncoderLstm::EncoderLstm(const Options& options, Dropout dropout)
    : options_(options),
      dropout_(std::move(dropout)),
      cells_(register_module("lstm", std::make_shared<LstmCells>(options.in, options.units))) {}

Flow EncoderLstm::forward(Flow inputs) {
  const Read read =
      cells_->takes_packed(inputs[0]) ? read_packed(inputs[0], inputs[1]) : read_padded(inputs[0], inputs[1]);
  torch::Tensor states = read.states;  // (B, 2, H)
  if (inputs.size() > 3) states = at::cat({inputs[3].to(states.scalar_type()), states}, 1);
  if (options_.last) return {states, std::move(inputs[2])};
  return {dropout_.apply(read.y, is_training()), std::move(inputs[1]), std::move(inputs[2]), states};
}

EncoderLstm::Read EncoderLstm::read_packed(const torch::Tensor& x, const torch::Tensor& lengths) const {
  const Packing packing = pack(lengths, x.size(1));
  const LstmCells::Output out = cells_->forward(packed_rows(x, packing), packing.rows, {});
  return {options_.last ? torch::Tensor() : padded_rows(out.h, packing, x.size(1)),
          at::stack({out.last.h, out.last.c}, 1).index_select(0, packing.sorted)};
}

EncoderLstm::Read EncoderLstm::read_padded(const torch::Tensor& x, const torch::Tensor& lengths) const {
  const torch::Tensor by_time = x.transpose(0, 1).contiguous();  // (S, B, E)
  const torch::Tensor live =
      (at::arange(x.size(1), lengths.options()).unsqueeze(1) < lengths).unsqueeze(2);  // (S, B, 1)
  const LstmCells::Output out = cells_->forward_padded(by_time, {}, live);
  return {out.h.view({x.size(1), x.size(0), -1}).transpose(0, 1), at::stack({out.last.h, out.last.c}, 1)};
}

double EncoderLstm::forward_flops() const {
  return static_cast<double>(options_.length) * cells_->step_flops();
}

}  // namespace lockstep
