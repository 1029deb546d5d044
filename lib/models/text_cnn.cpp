// Convolutional network for text (Kim 2014): embedding, convolutions over 3, 5 and 7 words, ReLU, maximum
// over time, dropout, linear.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/error.hpp"
#include "models/zoo.hpp"
#include "nn/dense.hpp"
#include "nn/dropout.hpp"
#include "nn/text_embedding.hpp"
#include "nn/window_maximum.hpp"

namespace lockstep {

namespace {

struct ConvolutionOptions {
  std::vector<std::int64_t> kernels;
  std::int64_t filters, width, length;
};

// [x (B, T, E), lengths (B)] -> (B, kernels * filters), with dropout.
class WindowLayer : public Layer {
 public:
  WindowLayer(ConvolutionOptions options, Dropout dropout)
      : options_(std::move(options)), dropout_(std::move(dropout)) {
    for (const std::int64_t kernel : options_.kernels) add(kernel);
  }

  Flow forward(Flow inputs) override {
    std::vector<torch::Tensor> largest;
    for (const auto& [weight, bias] : convolutions_)
      largest.push_back(window_maximum(inputs[0], inputs[1], weight, bias));
    return {dropout_.apply(at::cat(largest, 1), is_training())};
  }

  double forward_flops() const override {  // of a document of the greatest length
    double places = 0;
    for (const std::int64_t kernel : options_.kernels) places += static_cast<double>(kernel);
    return 2 * places * static_cast<double>(options_.length * options_.width * options_.filters);
  }

 private:
  // Drawn as torch::nn::Conv1d draws them: uniform within 1 / sqrt(E kernel). The weight is (kernel, filters,
  // E), each place of a filter a row.
  void add(std::int64_t kernel) {
    const double bound = 1 / std::sqrt(static_cast<double>(options_.width * kernel));
    // Copies: register_parameter returns a reference that its next call leaves dangling.
    const torch::Tensor weight = register_parameter(fmt::format("weight{}", kernel),
                                                    torch::empty({kernel, options_.filters, options_.width}));
    const torch::Tensor bias =
        register_parameter(fmt::format("bias{}", kernel), torch::empty({options_.filters}));
    convolutions_.emplace_back(weight, bias);
    const torch::NoGradGuard no_grad;
    weight.uniform_(-bound, bound);
    bias.uniform_(-bound, bound);
  }

  ConvolutionOptions options_;
  Dropout dropout_;
  std::vector<std::pair<torch::Tensor, torch::Tensor>> convolutions_;
};

void check_kernels(const HyperParameters& hyper) {
  std::vector<std::int64_t> kernels = hyper.integers("kernels");
  std::sort(kernels.begin(), kernels.end());
  if (kernels.empty() || std::adjacent_find(kernels.begin(), kernels.end()) != kernels.end())
    throw input_error("{}: give at least one width, and none twice", hyper.place("kernels"));
}

std::shared_ptr<Model> build_text_cnn(const HyperParameters& hyper, const ModelInputs& inputs) {
  check_kernels(hyper);
  const ConvolutionOptions options{hyper.integers("kernels"), hyper.integer("filters"),
                                   hyper.integer("embedding"), inputs.sample_shape[0]};
  auto model = std::make_shared<Model>("text_cnn");
  const auto& context = model->shared_dropout_context();
  model->append("embedding",
                std::make_shared<TextEmbedding>(inputs.vocabulary, options.width, Dropout(0, 0, context)));
  model->append("windows",
                std::make_shared<WindowLayer>(options, Dropout(hyper.real("dropout"), 1, context)));
  const auto features = static_cast<std::int64_t>(options.kernels.size()) * options.filters;
  model->append("head", std::make_shared<DenseLayer>(features, inputs.classes, Activation::none));
  return model;
}

}  // namespace

ModelRow text_cnn() {
  using Kind = HyperParameter::Kind;
  return {"text_cnn",
          "Convolutional network for text",
          SampleKind::text,
          {},
          {{"embedding", Kind::integer, {"300"}, "Width of the embedding"},
           {"kernels", Kind::integers, {"[3, 5, 7]"}, "Words that the filters of each convolution span"},
           {"filters", Kind::integer, {"100"}, "Filters of each convolution"},
           {"dropout", Kind::real, {"0.25"}, "Share of the head's inputs that training zeroes", 0, 1}},
          build_text_cnn,
          TaskKind::classification,
          {.first_of_two = 1}};  // embedding | rest
}

}  // namespace lockstep
