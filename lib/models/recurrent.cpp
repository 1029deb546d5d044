#include "models/recurrent.hpp"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <cmath>
#include <utility>

#include "models/dense.hpp"
#include "models/dropout.hpp"
#include "models/gru_steps.hpp"
#include "models/lstm_steps.hpp"
#include "models/text_embedding.hpp"

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

// LibTorch's own: on a GPU one call of cuDNN for all directions. What the overloads need beside the weights.
struct LibraryCall {
  torch::Tensor x, rows, start;  // (N, in), (T) on the CPU, (directions, B, H)
  std::vector<torch::Tensor> weights;
  bool training;

  bool bidirectional() const { return start.size(0) == 2; }
};

Hidden run_library(const LstmCells&, const LibraryCall& c) {
  const auto [all, last, cell] =
      at::lstm(c.x, c.rows, {c.start, c.start}, c.weights, true, 1, 0.0, c.training, c.bidirectional());
  return {all, last.transpose(0, 1).flatten(1)};
}

Hidden run_library(const GruCells&, const LibraryCall& c) {
  const auto [all, last] =
      at::gru(c.x, c.rows, c.start, c.weights, true, 1, 0.0, c.training, c.bidirectional());
  return {all, last.transpose(0, 1).flatten(1)};
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

  Flow forward(Flow inputs) override {
    const std::int64_t longest = inputs[0].size(1);
    const Packing packing = pack(inputs[1], longest);
    const torch::Tensor x = packed_rows(inputs[0], packing);  // (N, in)
    const bool own = x.is_cpu() && directions_[0]->parameters()[0].scalar_type() == torch::kFloat32;
    const Hidden h = own ? by_directions(x, packing) : by_library(x, packing);
    if (options_.last) return {dropout_.apply(h.last.index_select(0, packing.sorted), is_training())};
    return {dropout_.apply(padded_rows(h.all, packing, longest), is_training()), inputs[1]};
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

  Hidden by_library(const torch::Tensor& x, const Packing& packing) const {
    const auto directions = static_cast<std::int64_t>(directions_.size());
    LibraryCall call{
        x,
        torch::tensor(packing.rows),
        at::zeros({directions, packing.rows[0], options_.units}, x.options().requires_grad(false)),
        {},
        is_training()};
    for (const auto& cells : directions_)
      for (const torch::Tensor& weight : cells->parameters()) call.weights.push_back(weight);
    return run_library(*directions_[0], call);
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
