#include "models/seq2seq_encoder.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

#include "base/special_tokens.hpp"

namespace lockstep {

namespace {

// Samples by falling length, step after step.
struct Packing {
  StepRows rows;
  torch::Tensor places;  // (N): of the packed rows in (B x S)
  torch::Tensor sorted;  // (B): a sample's place in the order
};

// lengths: (B) int64, on any device; a GPU is waited for.
Packing pack(const torch::Tensor& lengths, std::int64_t longest) {
  const torch::Tensor on_cpu = lengths.to(torch::kCPU).contiguous();
  const std::int64_t* length = on_cpu.data_ptr<std::int64_t>();
  const std::int64_t batch = on_cpu.size(0);
  std::vector<std::int64_t> order(static_cast<std::size_t>(batch));
  std::iota(order.begin(), order.end(), std::int64_t{0});
  std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return length[a] > length[b]; });

  Packing packing;
  std::vector<std::int64_t> places, sorted(order.size());
  for (std::size_t i = 0; i < order.size(); ++i)
    sorted[static_cast<std::size_t>(order[i])] = static_cast<std::int64_t>(i);
  for (std::int64_t t = 0; t < length[order[0]]; ++t) {
    std::int64_t count = 0;
    for (; count < batch && length[order[static_cast<std::size_t>(count)]] > t; ++count)
      places.push_back(order[static_cast<std::size_t>(count)] * longest + t);
    packing.rows.push_back(count);
  }
  packing.places = torch::tensor(places, torch::kInt64).to(lengths.device());
  packing.sorted = torch::tensor(sorted, torch::kInt64).to(lengths.device());
  return packing;
}

}  // namespace

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
  const std::int64_t batch = x.size(0), length = x.size(1);
  const Packing packing = pack(inputs[1], length);
  const torch::Tensor packed = x.reshape({batch * length, x.size(2)}).index_select(0, packing.places);
  const LstmCells::Output out = cells_->forward(packed, packing.rows, {});
  torch::Tensor states = at::stack({out.last.h, out.last.c}, 1).index_select(0, packing.sorted);  // (B, 2, H)
  if (inputs.size() > 3) states = at::cat({inputs[3].to(states.scalar_type()), states}, 1);
  if (options_.last) return {states, std::move(inputs[2])};
  const torch::Tensor y = at::zeros({batch * length, options_.units}, out.h.options().requires_grad(false))
                              .index_copy(0, packing.places, out.h)
                              .view({batch, length, options_.units});
  return {dropout_.apply(y, is_training()), std::move(inputs[1]), std::move(inputs[2]), states};
}

double EncoderLstm::forward_flops() const {
  return static_cast<double>(options_.length) * cells_->step_flops();
}

}  // namespace lockstep
