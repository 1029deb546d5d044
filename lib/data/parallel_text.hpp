// Parallel text: two files, a sentence a line, line k of one being the translation of line k of the other.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "data/input_file.hpp"

namespace lockstep {

struct SentenceFile {
  std::string path;
  std::shared_ptr<const std::string> content;
  std::vector<std::string_view> lines;  // of content
};

// notes: gets a line about bytes that are not UTF-8. Error(bad_input) naming file and line.
SentenceFile read_sentences(const std::string& path, MaxBytes max_bytes, std::vector<std::string>& notes);

// Error(bad_input) naming both files when one has more lines than the other.
void require_parallel(const SentenceFile& source, const SentenceFile& target);

}  // namespace lockstep
