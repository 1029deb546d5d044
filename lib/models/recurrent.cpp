#include "models/recurrent.hpp"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <cmath>
#include <utility>

#include "nn/dense.hpp"
#include "nn/dropout.hpp"
#include "nn/gru_steps.hpp"
#include "nn/lstm_steps.hpp"
#include "nn/own_kernels.hpp"
#include "nn/suppressed_warnings.hpp"
#include "nn/text_embedding.hpp"

namespace lockstep {

namespace {

struct LayerOptions {
  std::int64_t in, units, length;  // length: of the longest document, for the FLOPs
  bool bidirectional, last;        // last: only the last state is read
};

// h of every step (N, D), and of each document's last (B, D), by falling length; D: of the directions.
struct Hidden {
  torch::Tensor all, last;
};

Hidden run(const LstmCells& cells, const torch::Tensor& x, const StepRows& rows) {
  const LstmCells::Output out = cells.forward(x, rows, {});
  return {out.h, out.last.h};
}

Hidden run(const GruCells& cells, const torch::Tensor& x, const StepRows& rows) {
  const GruCells::Output out = cells.forward(x, rows);
  return {out.h, out.last};
}

// LibTorch warns, at every call, that cuDNN copies weights which do not lie together. They lie in the buckets
// of their gradients.
constexpr const char* kCopiedWeights = "single contiguous chunk";

// A direction by LibTorch's own, on a GPU one call of cuDNN, over padded sequences (B, T, in) from zeros on:
// (B, T, H). The steps past a sample's end are computed and ignored.
torch::Tensor run_padded(const LstmCells& cells, const torch::Tensor& x, const torch::Tensor& start,
                         bool training) {
  return std::get<0>(
      at::lstm(x, {start, start}, cells.parameters(), true, 1, 0.0, training, false, /*batch_first=*/true));
}

torch::Tensor run_padded(const GruCells& cells, const torch::Tensor& x, const torch::Tensor& start,
                         bool training) {
  return std::get<0>(
      at::gru(x, start, cells.parameters(), true, 1, 0.0, training, false, /*batch_first=*/true));
}

// [x (B, T, in), lengths (B)] -> [y (B, T, directions * H), lengths], or the last layer: [(B, directions *
// H)], the state after reading a document forwards, and after reading it backwards. With dropout.
template <typename Cells>
class RecurrentLayer : public Layer {
 public:
  RecurrentLayer(const LayerOptions& options, Dropout dropout)
      : options_(options), dropout_(std::move(dropout)) {
    add("forward");
    if (options.bidirectional) add("reverse");
  }

  // Packed by our own loops, which take fp32 on the CPU; padded by LibTorch's.
  Flow forward(Flow inputs) override {
    const bool own = inputs[0].is_cpu() && takes_own_loops(directions_[0]->parameters()[0]);
    return own ? forward_packed(std::move(inputs)) : forward_padded(std::move(inputs));
  }

  double forward_flops() const override {  // of a document of the greatest length
    return static_cast<double>(options_.length) * static_cast<double>(directions_.size()) *
           directions_[0]->step_flops();
  }

 private:
  // Drawn as torch::nn::LSTM and GRU draw them: uniform within 1 / sqrt(H).
  void add(const std::string& name) {
    directions_.push_back(register_module(name, std::make_shared<Cells>(options_.in, options_.units)));
    const double bound = 1 / std::sqrt(static_cast<double>(options_.units));
    const torch::NoGradGuard no_grad;
    for (torch::Tensor& parameter : directions_.back()->parameters()) parameter.uniform_(-bound, bound);
  }

  Flow forward_packed(Flow inputs) const {
    const std::int64_t longest = inputs[0].size(1);
    const Packing packing = pack(inputs[1], longest);
    const Hidden h = by_directions(packed_rows(inputs[0], packing), packing);
    if (options_.last) return {dropout_.apply(h.last.index_select(0, packing.sorted), is_training())};
    return {dropout_.apply(padded_rows(h.all, packing, longest), is_training()), inputs[1]};
  }

  // The last layer's `all` is left out: nothing reads it.
  Hidden by_directions(const torch::Tensor& x, const Packing& packing) const {
    std::vector<torch::Tensor> all, last;
    for (const auto& cells : directions_) {
      const bool reverse = !last.empty();
      const Hidden h = run(*cells, reverse ? mirrored_rows(x, packing) : x, packing.rows);
      last.push_back(h.last);
      if (!options_.last) all.push_back(reverse ? mirrored_rows(h.all, packing) : h.all);
    }
    return {options_.last ? torch::Tensor() : at::cat(all, 1), at::cat(last, 1)};
  }

  Flow forward_padded(Flow inputs) const {
    const torch::Tensor& x = inputs[0];
    const PaddedPlaces places = padded_places(inputs[1], x.size(1));
    const torch::Tensor start = at::zeros({1, x.size(0), options_.units}, x.options().requires_grad(false));
    std::vector<torch::Tensor> out;
    const SuppressedWarnings quiet(kCopiedWeights);
    for (const auto& cells : directions_) {
      const bool reverse = !out.empty();
      torch::Tensor y = run_padded(*cells, reverse ? mirrored_steps(x, places) : x, start, is_training());
      if (options_.last)
        y = last_steps(y, places);
      else if (reverse)
        y = mirrored_steps(y, places);
      out.push_back(y);
    }
    Flow result{dropout_.apply(at::cat(out, -1), is_training())};
    if (!options_.last) result.push_back(inputs[1]);
    return result;
  }

  LayerOptions options_;
  Dropout dropout_;
  std::vector<std::shared_ptr<Cells>> directions_;
};

std::shared_ptr<Layer> make_layer(CellKind kind, const LayerOptions& options, const Dropout& dropout) {
  if (kind == CellKind::lstm) return std::make_shared<RecurrentLayer<LstmCells>>(options, dropout);
  return std::make_shared<RecurrentLayer<GruCells>>(options, dropout);
}

}  // namespace

std::vector<HyperParameter> recurrent_keys() {
  using Kind = HyperParameter::Kind;
  return {{"embedding", Kind::integer, {"300"}, "Width of the embedding"},
          {"hidden", Kind::integer, {"300"}, "Units of each layer and direction"},
          {"layers", Kind::integer, {"2"}, "Recurrent layers", 1, 1025},
          {"bidirectional", Kind::boolean, {"true"}, "Whether a second direction reads from the end"},
          {"dropout",
           Kind::real,
           {"0.5"},
           "Share of embeddings and of layers' outputs that training zeroes",
           0,
           1}};
}

std::shared_ptr<Model> build_recurrent(const std::string& name, CellKind kind, const HyperParameters& hyper,
                                       const ModelInputs& inputs) {
  const std::int64_t layers = hyper.integer("layers"), embedding = hyper.integer("embedding");
  LayerOptions options{embedding, hyper.integer("hidden"), inputs.sample_shape[0],
                       hyper.boolean("bidirectional"), false};
  const std::int64_t width = options.units * (options.bidirectional ? 2 : 1);
  auto model = std::make_shared<Model>(name);
  std::uint32_t site = 0;
  const auto next_dropout = [&] {
    return Dropout(hyper.real("dropout"), site++, model->shared_dropout_context());
  };
  model->append("embedding", std::make_shared<TextEmbedding>(inputs.vocabulary, embedding, next_dropout()));
  for (std::int64_t i = 1; i <= layers; ++i, options.in = width) {
    options.last = i == layers;
    model->append(fmt::format("rnn{}", i), make_layer(kind, options, next_dropout()));
  }
  model->append("head", std::make_shared<DenseLayer>(width, inputs.classes, Activation::none));
  return model;
}

}  // namespace lockstep
