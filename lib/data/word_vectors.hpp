// Word vectors in the text format of GloVe: a word and its numbers a line, between single spaces, raw or .gz.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace lockstep {

struct WordVectors {
  std::int64_t width = 0;         // numbers of a vector
  std::int64_t found = 0;         // words that the file has
  std::vector<float> values;      // (words, width), row by row; zeros where the file has none
  std::vector<std::uint8_t> has;  // (words): whether the file has one
};

// The vectors of the given words; of a word that comes twice, the first. Error(bad_input) naming file and
// line: nothing to read, another number of columns than the first line, a number that is none, a first line
// of counts. Words with spaces in them (as in the file of 840 billion tokens) are read over.
WordVectors read_word_vectors(const std::string& path, const std::vector<std::string>& words);

}  // namespace lockstep
