// Data made from the seed alone: the same on every machine and for any number of threads. Learnable well over
// chance, but neither by one pixel nor by one word: every sample also carries the marks of another class.
#pragma once

#include "config/run_config.hpp"
#include "data/encoded_data.hpp"

namespace lockstep {

// Images of config.data.shape: a blend of its class's pattern with another's, shifted by up to two pixels,
// and noise.
EncodedData synthetic_images(const RunConfig& config, int threads);
// Documents of varying length: common words, its class's words, and half as many again of one other class's.
EncodedData synthetic_text(const RunConfig& config, int threads);

}  // namespace lockstep
