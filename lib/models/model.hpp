// A model is a named list of layers, so that any model can be split between any two of them. Models know
// nothing of ranks, devices or loss functions.
#pragma once

#include <torch/nn/module.h>
#include <torch/types.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/sample_kind.hpp"
#include "nn/dropout_context.hpp"
#include "nn/layer.hpp"

namespace lockstep {

class Model : public torch::nn::Module {
 public:
  struct Entry {
    std::string name;
    std::shared_ptr<Layer> layer;
  };

  explicit Model(std::string name) : torch::nn::Module(name) {}
  // A part of another model: shares these layers and their dropout context.
  Model(std::string name, std::span<const Entry> layers, std::shared_ptr<DropoutContext> context);
  void append(const std::string& name, std::shared_ptr<Layer> layer);

  // inputs: (B, C, H, W) float for images, (B, T) int64 token ids for text; for a translation model the
  // source (B, T) and the whole target (B, U) with its begin and end. Returns logits (B, classes), or what
  // TaskKind says.
  torch::Tensor forward(Flow inputs);
  torch::Tensor forward(const torch::Tensor& inputs) { return forward(Flow{inputs}); }
  // Everything that the last layer returns: for a model that is part of another.
  Flow flow(Flow inputs);

  void prepare_step();  // of all layers
  const std::vector<Entry>& layers() const { return layers_; }
  std::int64_t parameter_count() const;
  double flops_per_sample() const;  // forward + backward: three times the forward pass

  // What dropout masks depend on; shared with the layers, and set before each training forward pass.
  DropoutContext& dropout_context() { return *dropout_context_; }
  const std::shared_ptr<DropoutContext>& shared_dropout_context() const { return dropout_context_; }

 private:
  std::vector<Entry> layers_;
  std::shared_ptr<DropoutContext> dropout_context_ = std::make_shared<DropoutContext>();
};

// What a model is trained for, and what its forward pass returns.
enum class TaskKind {
  classification,  // logits (B, classes)
  reconstruction,  // images of the shape of the inputs, pixels in [0, 1]
  translation,     // logits (B, U - 1, target vocabulary): of each token of the target after its first
  language_model,  // logits (B, T, vocabulary): of the token after each
};

// What a model must know about the data it is built for.
struct ModelInputs {
  std::vector<std::int64_t> sample_shape;  // (C, H, W), or (T): the longest there is
  std::int64_t vocabulary = 0;             // of text; 0 is padding but for running text
  std::int64_t classes = 0;
  SampleKind kind = SampleKind::images;
  std::int64_t target_length = 0, target_vocabulary = 0;  // pairs: U, and ids of the target below this
};

}  // namespace lockstep
