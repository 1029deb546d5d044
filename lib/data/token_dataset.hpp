// Datasets of running text: the text is stored once, and a sample is a window of it with the tokens that
// follow each of its own.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "data/dataset.hpp"

namespace lockstep {

// `count` tokens of one or four bytes each; `bytes` keeps them alive.
struct RunningText {
  std::shared_ptr<const std::byte> bytes;
  std::size_t token_bytes = 1;
  std::int64_t count = 0;

  // Windows of `length` tokens that follow one another and have a token after them.
  std::int64_t windows(std::int64_t length) const { return count > 0 ? (count - 1) / length : 0; }
};

// Sample i begins at token windows[i] * T, where T is info->sample_shape[0]; it has T tokens and T targets,
// each the token after.
std::shared_ptr<const Dataset> token_dataset(std::shared_ptr<const DatasetInfo> info, RunningText text,
                                             std::vector<std::int64_t> windows);

// Train, validation (of the training text's windows, by seed) and test. digest identifies both texts.
DataSplits split_running_text(const RunConfig& config, const RunningText& train, const RunningText& test,
                              std::int64_t vocabulary, const std::string& digest);

}  // namespace lockstep
