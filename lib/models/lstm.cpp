// Bidirectional LSTM for text; padding is packed away, never read.
#include "models/recurrent.hpp"
#include "models/zoo.hpp"

namespace lockstep {

namespace {

std::shared_ptr<Model> build_lstm(const HyperParameters& hyper, const ModelInputs& inputs) {
  return build_recurrent("lstm", CellKind::lstm, hyper, inputs);
}

}  // namespace

ModelRow lstm() {
  return {"lstm",     "Bidirectional LSTM for text", SampleKind::text,   {}, recurrent_keys(),
          build_lstm, TaskKind::classification,      {.first_of_two = 1}};
}

}  // namespace lockstep
