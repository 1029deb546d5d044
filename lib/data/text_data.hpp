// Labelled texts to encoded rows: tokens are written straight to where training reads them.
#pragma once

#include <functional>

#include "base/digest.hpp"
#include "config/run_config.hpp"
#include "data/csv.hpp"
#include "data/encoded_data.hpp"
#include "data/tokenizer.hpp"
#include "data/vocabulary.hpp"

namespace lockstep {

// Texts and the class of each, from 0.
struct LabelledTexts : TextRows {
  std::function<std::int32_t(std::int64_t row)> label;
};

// The rows of a table that must outlive them; the fields of a row are joined by one space.
LabelledTexts labelled_texts(const CsvTable& table);

// int32 (rows, max_length), padded with 0, and labels. In parallel; the result does not depend on `threads`.
EncodedSplit encode_texts(const LabelledTexts& texts, const TextEncoder& encoder, std::int64_t max_length,
                          int threads);

// Both splits by the tokenizer of the configuration, whose vocabulary is counted from the rows of `train`
// that are trained on: words that only held-out rows use are unknown, as words of the test split are. Classes
// are the caller's.
EncodedData encode_labelled(const RunConfig& config, const LabelledTexts& train, const LabelledTexts& test,
                            int threads);
// What encode_labelled reads of the configuration, for the digest of the data.
void add_text_keys(const RunConfig& config, Digest& digest);
// Error(bad_input) when they contradict each other.
void check_text_keys(const RunConfig& config);

}  // namespace lockstep
