// What the model tests share: small models, random inputs, a plain training loop.
#pragma once

#include <torch/types.h>

#include <string>
#include <utility>
#include <vector>

#include "models/registry.hpp"
#include "support/close_tensors.hpp"

namespace lockstep::test {

inline const ModelInputs kMnist{{1, 28, 28}, 0, 10};
inline const ModelInputs kCifar{{3, 32, 32}, 0, 10};
inline const ModelInputs kNews{{128}, 20000, 4, SampleKind::text};
inline const ModelInputs kReviews{{256}, 21635, 2, SampleKind::text};
inline const ModelInputs kLongNews{{256}, 20000, 4, SampleKind::text};

using Given = std::vector<std::pair<std::string, std::string>>;

inline RunConfig::Model choose(const std::string& name, const std::string& preset = "",
                               const Given& given = {}) {
  RunConfig::Model model{name, preset, {}};
  int line = 5;
  for (const auto& [key, value] : given) model.hyper.push_back({key, value, {"configs/x.yaml", line++}});
  return model;
}

// Inputs with a vocabulary are text with a class unless they say otherwise.
inline std::shared_ptr<Model> make(const std::string& name, const std::string& preset, ModelInputs inputs,
                                   const Given& given = {}, std::uint64_t seed = 42) {
  if (inputs.vocabulary > 0 && inputs.kind == SampleKind::images) inputs.kind = SampleKind::text;
  return make_model(choose(name, preset, given), inputs, seed);
}

// (B, sample_shape...) of a model's kind; text ends in 0 to 5 padding tokens.
inline torch::Tensor random_batch(const ModelInputs& inputs, std::int64_t batch) {
  std::vector<std::int64_t> shape = inputs.sample_shape;
  shape.insert(shape.begin(), batch);
  if (inputs.vocabulary == 0) return torch::randn(shape);
  torch::Tensor tokens = torch::randint(1, inputs.vocabulary, shape, torch::kInt64);
  const torch::Tensor lengths = shape[1] - torch::arange(batch).remainder(6).unsqueeze(1);
  return tokens.masked_fill_(torch::arange(shape[1]).unsqueeze(0) >= lengths, 0);
}

// (B, T) ids: each document the first lengths[b] of random words, then padding.
inline torch::Tensor documents(const std::vector<std::int64_t>& lengths, std::int64_t longest,
                               std::int64_t vocabulary) {
  torch::Tensor tokens =
      torch::randint(1, vocabulary, {static_cast<std::int64_t>(lengths.size()), longest}, torch::kInt64);
  for (std::int64_t b = 0; const std::int64_t length : lengths)
    tokens[b++].narrow(0, length, longest - length).zero_();
  return tokens;
}

}  // namespace lockstep::test
