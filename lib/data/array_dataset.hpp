// Datasets over encoded rows in memory. Also draws the validation split.
#pragma once

#include <memory>
#include <vector>

#include "data/dataset.hpp"
#include "data/encoded_data.hpp"

namespace lockstep {

// Per channel, on pixels in [0, 1]: (x - mean) / deviation. One entry serves every channel.
struct Normalisation {
  std::vector<float> mean, deviation;
};

// Rows of a training file, ascending: those trained on and those held out. A pure function of its arguments.
struct RowSplit {
  std::vector<std::int64_t> train, validation;
};
// validation: share in [0, 1), rounded to the nearest row; at least one row stays on either side where the
// share is positive. max_rows 0: all rows; else at most this many. Error(bad_input) when nothing is
// left to train on.
RowSplit split_rows(std::int64_t rows, std::int64_t max_rows, double validation, std::uint64_t seed);

// Train, validation and test of encoded data; source_digest identifies the content. Images of the training
// split are augmented as the configuration says, those of the others are not.
DataSplits split_encoded(const EncodedData& data, const RunConfig& config, const Normalisation& normalisation,
                         const std::string& source_digest);

}  // namespace lockstep
