// Bag of words for text: the mean of the embeddings of a document's tokens, then a linear layer. Nearly all
// parameters are the embedding's, and almost nothing is computed: the extreme of a communication-bound model.
#include "models/zoo.hpp"
#include "nn/dense.hpp"
#include "nn/embedding.hpp"

namespace lockstep {

namespace {

// tokens (B, T) int64 -> (B, E).
class MeanEmbedding : public Layer {
 public:
  MeanEmbedding(std::int64_t vocabulary, std::int64_t width, std::int64_t length)
      : additions_(static_cast<double>(width * length)),
        embedding_(register_module("embedding", word_embedding(vocabulary, width))) {}

  Flow forward(Flow inputs) override { return {mean_embedding(embedding_->weight, inputs[0])}; }

  // No products, but the sum over the longest document's tokens: otherwise nothing would be left to count.
  double forward_flops() const override { return additions_; }

 private:
  double additions_;
  torch::nn::Embedding embedding_;
};

std::shared_ptr<Model> build_nbow(const HyperParameters& hyper, const ModelInputs& inputs) {
  const std::int64_t width = hyper.integer("embedding");
  auto model = std::make_shared<Model>("nbow");
  model->append("embedding",
                std::make_shared<MeanEmbedding>(inputs.vocabulary, width, inputs.sample_shape[0]));
  model->append("head", std::make_shared<DenseLayer>(width, inputs.classes, Activation::none));
  return model;
}

}  // namespace

ModelRow nbow() {
  using Kind = HyperParameter::Kind;
  return {"nbow", "Bag of words for text: mean of the embeddings, linear",           SampleKind::text,
          {},     {{"embedding", Kind::integer, {"300"}, "Width of the embedding"}}, build_nbow};
}

}  // namespace lockstep
