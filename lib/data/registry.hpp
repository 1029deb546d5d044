// The table of data sets: one row each. Adding one: docs/adding-a-data-set.md.
#pragma once

#include <string>
#include <vector>

#include "data/dataset.hpp"

namespace lockstep {

struct DataSetRow {
  std::string name;  // data.name
  std::string about;
  std::vector<std::string>
      keys;  // the data.* keys it takes, besides name, validation, workers and max_train_rows
  DataSplits (*load)(const RunConfig& config, int threads);
  bool own_validation = false;  // it has a validation split of its own, and data.validation no effect
};

const std::vector<DataSetRow>& data_set_rows();
// Error(bad_input) with the nearest spelling when there is none of that name.
const DataSetRow& find_data_set(const RunConfig& config);

}  // namespace lockstep
