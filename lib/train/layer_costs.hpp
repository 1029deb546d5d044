// Layer costs: the seconds and bytes of each layer of a model, measured or known, for planning a split.
#pragma once

#include <vector>

#include "launch/world.hpp"
#include "models/model.hpp"
#include "plan/partition.hpp"

namespace lockstep {

struct Setup;

struct LayerMeasurement {
  std::vector<LayerCost> costs;
  bool backward = true;  // measured too; else taken to last twice as long as forward
};

// Seconds and sizes of each layer for one micro-batch, measured here and now on the device of the model, and
// what layers keep from forward to backward. batch: inputs of the model. A model that is slow is passed
// through only forward. Not collective.
LayerMeasurement measure_layers(Model& model, const Flow& batch);
// The same on the first rows of the data, as many as a micro-batch has. The model is whole, and on the device
// afterwards.
LayerMeasurement measure_layers(Setup& setup);

// Of each layer only the size of its parameters.
std::vector<LayerCost> parameter_costs(const Model& model);

// Collective. What the partition that is asked for needs to know, the same on all ranks: where it is auto
// rank 0 measures, else sizes will do.
std::vector<LayerCost> shared_layer_costs(Setup& setup, World& world);

}  // namespace lockstep
