// Datasets of sentence pairs: token ids of any length, stored one after the other, padded as they are
// fetched.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "data/dataset.hpp"

namespace lockstep {

// Rows of tokens without padding.
struct TokenRows {
  std::vector<std::int32_t> tokens;
  std::vector<std::size_t> ends = {0};  // ends[i + 1]: one behind the last token of row i

  std::int64_t rows() const { return static_cast<std::int64_t>(ends.size()) - 1; }
  std::span<const std::int32_t> row(std::int64_t i) const {
    const auto at = static_cast<std::size_t>(i);
    return std::span(tokens).subspan(ends[at], ends[at + 1] - ends[at]);
  }
  void end_row() { ends.push_back(tokens.size()); }
  std::int64_t longest() const;
};

// One side of a split: <bos> words <eos>.
struct Sentences {
  TokenRows rows;
  std::shared_ptr<const std::string> content;  // of the file, which the texts are views of
  std::vector<std::string_view> texts;  // as they stand in the file; empty: they are the words of the tokens
};

struct PairSplit {
  Sentences source, target;
};

// The dataset whose sample i is row rows[i] of the split.
std::shared_ptr<const Dataset> pair_dataset(std::shared_ptr<const DatasetInfo> info,
                                            std::shared_ptr<const PairSplit> split,
                                            std::vector<std::int64_t> rows);

}  // namespace lockstep
