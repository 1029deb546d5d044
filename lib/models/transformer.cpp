// Transformer encoder for text classification: embedding and sinusoidal positions, encoder layers, pooling,
// linear. Token 0 is padding: never attended to, never pooled.
#include <fmt/format.h>
#include <torch/nn/modules/embedding.h>

#include <cmath>
#include <limits>
#include <utility>

#include "base/error.hpp"
#include "models/zoo.hpp"
#include "nn/embedding.hpp"
#include "nn/encoder_layer.hpp"

namespace lockstep {

namespace {

// PE(t, 2i) = sin(t / 10000^(2i / E)), PE(t, 2i + 1) = cos of the same (Vaswani et al. 2017, section 3.5):
// (T, E).
torch::Tensor sinusoidal_positions(std::int64_t length, std::int64_t width) {
  const torch::Tensor place = torch::arange(length, torch::kFloat64).unsqueeze(1);  // (T, 1)
  const torch::Tensor even = torch::arange(0, width, 2, torch::kFloat64);           // (ceil(E / 2))
  const torch::Tensor angle = place * torch::exp(even * (-std::log(10000.0) / static_cast<double>(width)));
  const torch::Tensor both = torch::stack({angle.sin(), angle.cos()}, 2).flatten(1);  // (T, 2 ceil(E / 2))
  return both.narrow(1, 0, width).to(torch::kFloat32).contiguous();
}

// tokens (B, T) int64 -> [x (B, T, E), bias (B, 1, 1, T): 0 at real tokens, -inf at padding].
class EmbeddingLayer : public Layer {
 public:
  EmbeddingLayer(std::int64_t vocabulary, const EncoderOptions& options, Dropout dropout)
      : dropout_(std::move(dropout)),
        embedding_(register_module("embedding", torch::nn::Embedding(vocabulary, options.width))),
        positions_(register_buffer("positions", sinusoidal_positions(options.length, options.width))) {}

  Flow forward(Flow inputs) override {
    const torch::Tensor& tokens = inputs[0];
    const torch::Tensor x =
        look_up_rows(embedding_->weight, tokens) + positions_.narrow(0, 0, tokens.size(1));
    return {dropout_.apply(x, is_training()), attention_bias(tokens)};
  }

  double forward_flops() const override { return 0; }  // a look-up has no products

 private:
  // The first position of a sample without any token counts as real: a softmax over nothing is not a number.
  torch::Tensor attention_bias(const torch::Tensor& tokens) const {
    torch::Tensor padding = tokens == 0;  // (B, T)
    torch::Tensor first = padding.select(1, 0);
    first.logical_and_(padding.all(1).logical_not_());
    torch::Tensor bias = torch::zeros(tokens.sizes(), positions_.options());
    bias.masked_fill_(padding, -std::numeric_limits<float>::infinity());
    return bias.unsqueeze(1).unsqueeze(1);
  }

  Dropout dropout_;
  torch::nn::Embedding embedding_;
  torch::Tensor positions_;
};

// [x (B, T, E), bias (B, 1, 1, T)] -> [logits (B, classes)].
class PoolingHead : public Layer {
 public:
  PoolingHead(std::int64_t width, std::int64_t classes, bool mean)
      : mean_(mean), linear_(register_module("linear", torch::nn::Linear(width, classes))) {}

  Flow forward(Flow inputs) override {
    const torch::Tensor& x = inputs[0];
    return {linear_->forward(mean_ ? mean_of_tokens(x, inputs[1]) : x.select(1, 0))};
  }

  double forward_flops() const override {
    return 2.0 * static_cast<double>(linear_->options.in_features() * linear_->options.out_features());
  }

 private:
  static torch::Tensor mean_of_tokens(const torch::Tensor& x, const torch::Tensor& bias) {
    torch::Tensor weight = bias.flatten(1).exp();  // (B, T): 1 or 0
    weight = (weight / weight.sum(1, true)).to(x.scalar_type());
    return at::bmm(weight.unsqueeze(1), x).squeeze(1);  // (B, E)
  }

  bool mean_;
  torch::nn::Linear linear_;
};

std::shared_ptr<Model> build_transformer(const HyperParameters& hyper, const ModelInputs& inputs) {
  const EncoderOptions options{inputs.sample_shape[0], hyper.integer("embedding"), hyper.integer("heads"),
                               hyper.integer("feed_forward"), hyper.real("dropout")};
  if (options.width % options.heads != 0) {
    throw input_error("{}: {} heads do not divide an embedding of {}; take a divisor", hyper.place("heads"),
                      options.heads, options.width);
  }
  auto model = std::make_shared<Model>("transformer");
  const auto& context = model->shared_dropout_context();
  std::uint32_t site = 0;
  model->append("embedding", std::make_shared<EmbeddingLayer>(inputs.vocabulary, options,
                                                              Dropout(options.dropout, site++, context)));
  for (std::int64_t i = 0; i < hyper.integer("layers"); ++i, site += 4) {
    model->append(fmt::format("encoder{}", i + 1), std::make_shared<EncoderLayer>(options, site, context));
  }
  model->append("head", std::make_shared<PoolingHead>(options.width, inputs.classes,
                                                      hyper.choice("pooling") == "mean"));
  return model;
}

}  // namespace

ModelRow transformer() {
  using Kind = HyperParameter::Kind;
  return {"transformer",
          "Transformer encoder for text",
          SampleKind::text,
          {"small", "large"},
          {{"embedding", Kind::integer, {"128", "256"}, "Width of the embedding and of the encoder"},
           {"heads", Kind::integer, {"4", "8"}, "Attention heads; a divisor of embedding"},
           {"layers", Kind::integer, {"2", "4"}, "Encoder layers", 1, 1025},
           {"feed_forward", Kind::integer, {"256", "1024"}, "Width of the feed-forward blocks"},
           {"dropout", Kind::real, {"0.1"}, "Share of activations that training zeroes", 0, 1},
           {"pooling",
            Kind::choice,
            {"mean"},
            "What the head reads: mean over real tokens, or the first token",
            0,
            0,
            {"mean", "cls"}}},
          build_transformer,
          TaskKind::classification,
          {.blocks = "encoder"}};
}

}  // namespace lockstep
