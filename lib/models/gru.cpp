// Bidirectional GRU for text; padding is packed away, never read.
#include "models/recurrent.hpp"
#include "models/zoo.hpp"

namespace lockstep {

namespace {

std::shared_ptr<Model> build_gru(const HyperParameters& hyper, const ModelInputs& inputs) {
  return build_recurrent("gru", CellKind::gru, hyper, inputs);
}

}  // namespace

ModelRow gru() {
  return {"gru",     "Bidirectional GRU for text", SampleKind::text,   {}, recurrent_keys(),
          build_gru, TaskKind::classification,     {.first_of_two = 1}};
}

}  // namespace lockstep
