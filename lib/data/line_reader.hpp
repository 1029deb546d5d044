// Lines of a text file, raw or .gz, one after the other, in memory of a few megabytes however large it is.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "data/input_file.hpp"

namespace lockstep {

class LineReader {
 public:
  // Error(bad_input) of MappedFile.
  LineReader(const std::string& path, MaxBytes max_bytes);

  // The next line without its end, \n or \r\n, valid until the next call; false at the end of the file. A
  // byte order mark is no part of the first. Error(bad_input): those of ByteReader and require_plain_text, a
  // line of more than kLongestText.
  bool next(std::string_view& line);
  std::int64_t number() const { return number_; }  // of that line, from 1

 private:
  void refill();

  MappedFile file_;
  ByteReader bytes_;
  std::vector<char> buffer_;
  std::size_t begin_ = 0, end_ = 0;
  std::int64_t number_ = 0;
  bool ended_ = false;
};

}  // namespace lockstep
