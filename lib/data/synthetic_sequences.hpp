// Sequences made from the seed alone, the same on every machine and for any number of threads, and learnable
// well over chance.
#pragma once

#include "config/run_config.hpp"
#include "data/pair_dataset.hpp"
#include "data/token_dataset.hpp"

namespace lockstep {

// Running text of data.samples (test: data.test_samples) windows of data.max_length tokens. After a token
// comes the first of its two usual successors three times in four, the second once in eight, else any token.
RunningText synthetic_tokens(const RunConfig& config, bool test, int threads);

// Sentences of 1 to data.max_length - 2 words, small ids the likelier, and, as target, the same words in
// reverse order. Both between <bos> and <eos>.
PairSplit synthetic_pairs(const RunConfig& config, bool test);

}  // namespace lockstep
