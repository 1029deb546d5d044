#include "data/parallel_text.hpp"

#include <utility>

#include "base/error.hpp"
#include "data/text_input.hpp"

namespace lockstep {

namespace {

void check_line(const SentenceFile& file, std::string_view line) {
  const auto place = [&] { return fmt::format("{}:{}", file.path, file.lines.size()); };
  if (line.size() > kLongestText) refuse_long_text(place());
  if (line.find_first_not_of(" \t\r\v\f") == std::string_view::npos)
    throw input_error("{}: the line is empty; take it out of the files of both languages", place());
}

}  // namespace

SentenceFile read_sentences(const std::string& path, MaxBytes max_bytes, std::vector<std::string>& notes) {
  SentenceFile file{path, std::make_shared<const std::string>(read_whole(path, max_bytes)), {}};
  require_plain_text(*file.content, file.path);
  for (std::string_view rest = without_mark(*file.content); !rest.empty();) {
    file.lines.push_back(take_line(rest));
    check_line(file, file.lines.back());
  }
  if (file.lines.empty()) throw input_error("'{}' is empty; fetch it again", file.path);
  if (file.lines.size() == 1 && file.lines[0].find('\r') != std::string_view::npos)
    throw input_error("'{}' ends its lines with only carriage returns; convert it: tr '\\r' '\\n'",
                      file.path);
  if (std::string note = encoding_note(*file.content, file.path); !note.empty())
    notes.push_back(std::move(note));
  return file;
}

void require_parallel(const SentenceFile& source, const SentenceFile& target) {
  if (source.lines.size() != target.lines.size())
    throw input_error(
        "'{}' has {} lines, but '{}' has {}; line k of one must be the translation of line k "
        "of the other",
        source.path, source.lines.size(), target.path, target.lines.size());
}

}  // namespace lockstep
