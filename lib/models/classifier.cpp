#include "models/classifier.hpp"

#include <fmt/format.h>

#include <utility>

#include "nn/dense.hpp"

namespace lockstep {

void append_classifier(Model& model, std::int64_t in, const std::vector<std::int64_t>& hidden,
                       std::int64_t classes, double dropout) {
  for (std::size_t i = 0; i < hidden.size(); ++i) {
    std::optional<Dropout> drop;
    if (dropout > 0) drop.emplace(dropout, static_cast<std::uint32_t>(i), model.shared_dropout_context());
    model.append(fmt::format("hidden{}", i + 1),
                 std::make_shared<DenseLayer>(in, hidden[i], Activation::relu, std::move(drop)));
    in = hidden[i];
  }
  model.append("output", std::make_shared<DenseLayer>(in, classes, Activation::none));
}

}  // namespace lockstep
