// Decoder-only language model as GPT-2 (Radford et al. 2019): learned positions, pre-LN decoder layers with
// GELU in the tanh approximation, final layer norm, and a head that shares the embedding's weight. Token 0 is
// an ordinary token; nothing is padded.
#include <fmt/format.h>

#include <utility>

#include "base/error.hpp"
#include "models/generate.hpp"
#include "models/zoo.hpp"
#include "nn/decoder_layer.hpp"
#include "nn/embedding.hpp"
#include "nn/fused.hpp"
#include "nn/linear_function.hpp"
#include "nn/sampling.hpp"

namespace lockstep {

namespace {

torch::Tensor normal_weight(std::int64_t rows, std::int64_t columns) {
  return torch::empty({rows, columns}).normal_(0, 0.02);
}

// tokens (B, T) int64 -> [x (B, T, E)]; T up to the context.
class TokenEmbedding : public Layer {
 public:
  TokenEmbedding(std::int64_t vocabulary, const EncoderOptions& options, Dropout dropout)
      : dropout_(std::move(dropout)),
        weight_(register_parameter("weight", normal_weight(vocabulary, options.width))),
        positions_(register_parameter("positions", normal_weight(options.length, options.width))) {}

  Flow forward(Flow inputs) override {
    const torch::Tensor& tokens = inputs[0];
    if constexpr (fused::kBuilt)
      if (fused::takes(tokens, weight_))
        return {fused::look_up(tokens, weight_, positions_, is_training() ? dropout_.p() : 0)};
    const torch::Tensor x = look_up_rows(weight_, tokens) + positions_.narrow(0, 0, tokens.size(1));
    return {dropout_.apply(x, is_training())};
  }

  double forward_flops() const override { return 0; }  // a look-up has no products
  const torch::Tensor& weight() const { return weight_; }

 private:
  Dropout dropout_;
  torch::Tensor weight_, positions_;  // (V, E), (context, E)
};

// [x (B, T, E)], or as a decoder layer leaves it -> [logits (B, T, V)].
class LanguageHead : public Layer {
 public:
  // sizes: those of the decoder layers; weight: the embedding's, (V, E).
  LanguageHead(const EncoderOptions& sizes, torch::Tensor weight)
      : length_(sizes.length),
        dropout_(sizes.dropout),
        norm_(register_module("norm", torch::nn::LayerNorm(torch::nn::LayerNormOptions({sizes.width})))),
        weight_(std::move(weight)) {}

  Flow forward(Flow inputs) override {
    if constexpr (fused::kBuilt)
      if (fused::takes(inputs[0], weight_))
        return {fused::head(fused::norm(inputs, is_training() ? dropout_ : 0, norm_).normed, weight_)};
    return {fast_linear(norm_->forward(inputs[0]), weight_, {})};
  }

  double forward_flops() const override {
    return 2.0 * static_cast<double>(length_) * static_cast<double>(weight_.numel());
  }

  torch::Tensor tied_weight() const override { return tied_ ? weight_ : torch::Tensor(); }

  void own_tied_weight() override {
    if (!std::exchange(tied_, false)) return;
    weight_ = register_parameter("weight", weight_.detach().clone());
  }

 private:
  std::int64_t length_;
  double dropout_;  // of the last decoder layer's branch
  torch::nn::LayerNorm norm_;
  torch::Tensor weight_;
  bool tied_ = true;
};

class Gpt : public Model, public TokenGenerator {
 public:
  explicit Gpt(std::int64_t context) : Model("gpt"), context_(context) {}

  torch::Tensor generate(const torch::Tensor& prompt, std::int64_t count, double temperature,
                         std::uint64_t seed) override {
    const InferenceGuard guard(*this);
    RandomStream stream{seed};
    torch::Tensor text = at::empty({1, prompt.size(1) + count}, prompt.options());
    text.narrow(1, 0, prompt.size(1)).copy_(prompt);
    for (std::int64_t end = prompt.size(1); end < text.size(1); ++end) {
      const std::int64_t read = std::min(end, context_);
      const torch::Tensor logits = forward(text.narrow(1, end - read, read));  // (1, read, V)
      text.select(1, end).fill_(sample_token(logits[0][read - 1], temperature, stream));
    }
    return text;
  }

 private:
  std::int64_t context_;
};

void check(const HyperParameters& hyper, const ModelInputs& inputs) {
  const std::int64_t width = hyper.integer("embedding"), heads = hyper.integer("heads");
  if (width % heads != 0) {
    throw input_error("{}: {} heads do not divide an embedding of {}; take a divisor", hyper.place("heads"),
                      heads, width);
  }
  if (hyper.integer("context") < inputs.sample_shape[0]) {
    throw input_error(
        "{}: a context of {} is shorter than the data's {} tokens; raise it, or lower "
        "'data.max_length'",
        hyper.place("context"), hyper.integer("context"), inputs.sample_shape[0]);
  }
}

std::shared_ptr<Model> build_gpt(const HyperParameters& hyper, const ModelInputs& inputs) {
  check(hyper, inputs);
  const std::int64_t context = hyper.integer("context"), width = hyper.integer("embedding");
  const EncoderOptions sizes{inputs.sample_shape[0], width, hyper.integer("heads"), 4 * width,
                             hyper.real("dropout")};
  EncoderOptions table = sizes;
  table.length = context;
  const DecoderOptions options{sizes, hyper.integer("layers"), hyper.boolean("recompute")};
  auto model = std::make_shared<Gpt>(context);
  const auto& dropout = model->shared_dropout_context();
  std::uint32_t site = 0;
  auto embedding =
      std::make_shared<TokenEmbedding>(inputs.vocabulary, table, Dropout(sizes.dropout, site++, dropout));
  model->append("embedding", embedding);
  for (std::int64_t i = 0; i < options.layers; ++i, site += 4) {
    model->append(fmt::format("decoder{}", i + 1), std::make_shared<DecoderLayer>(options, site, dropout));
  }
  model->append("head", std::make_shared<LanguageHead>(sizes, embedding->weight()));
  return model;
}

}  // namespace

ModelRow gpt() {
  using Kind = HyperParameter::Kind;
  return {"gpt",
          "Decoder-only language model (GPT-2)",
          SampleKind::tokens,
          {"mini", "gpt2_124m"},
          {{"embedding", Kind::integer, {"128", "768"}, "Width of the embedding and of the decoder"},
           {"heads", Kind::integer, {"4", "12"}, "Attention heads; a divisor of embedding"},
           {"layers", Kind::integer, {"4", "12"}, "Decoder layers", 1, 1025},
           {"context", Kind::integer, {"128", "1024"}, "Learned positions; at least the data's length"},
           {"dropout", Kind::real, {"0.1"}, "Share of activations that training zeroes", 0, 1},
           {"recompute",
            Kind::boolean,
            {"false"},
            "Keep only each decoder layer's input and recompute the rest in the backward pass"}},
          build_gpt,
          TaskKind::language_model,
          {.blocks = "decoder"}};
}

}  // namespace lockstep
