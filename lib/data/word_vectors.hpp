// Word vectors in the text formats of GloVe, word2vec and fastText: a word and its numbers a line, between
// single spaces or tabs, raw or .gz; a first line of two counts may stand before them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/input_file.hpp"

namespace lockstep {

struct WordVectors {
  std::int64_t width = 0;          // numbers of a vector
  std::int64_t found = 0;          // words that the file has
  std::vector<float> values;       // (words, width), row by row; zeros where the file has none
  std::vector<std::uint8_t> has;   // (words): whether the file has one
  std::vector<std::string> notes;  // what the user should know though nothing failed
};

struct VectorRules {
  std::int64_t width = 0;  // what is wanted; 0: any. Of another width nothing but the width is read.
  MaxBytes max_bytes;
};

// The vectors of the given words; of a word that comes twice, the first. A word with spaces in it (as in the
// file of 840 billion tokens) is read over, also in the first line. Numbers too small for a float are 0.
// Error(bad_input) naming file and line: nothing to read, another number of columns than the first line, a
// number that is none, is not finite or too large, and those of LineReader.
WordVectors read_word_vectors(const std::string& path, const std::vector<std::string>& words,
                              const VectorRules& rules = {});

}  // namespace lockstep
