// What the readers of text share: a byte order mark is no text, other encodings and packed files are named,
// and no text is longer than a limit. Bytes are otherwise kept as they are. The rules are in
// docs/data-files.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace lockstep {

// Of a field, a line or a document. What is longer is no text but a mistake, or made to fill the machine.
inline constexpr std::size_t kLongestText = std::size_t{16} << 20;

// Error(bad_input) that names the file and the command that converts it, when `text`, its beginning, is
// UTF-16, UTF-32 or packed.
void require_plain_text(std::string_view text, const std::string& path);

// Without the byte order mark that UTF-8 files of Windows begin with.
std::string_view without_mark(std::string_view text);

// The first line of `rest`, which is not empty, and takes it away. Only \n ends a line, and a \r before it
// belongs to the end; so do not U+2028, \v and \f.
std::string_view take_line(std::string_view& rest);

// For people: that bytes of the file are not UTF-8, where the first is, and the command that converts it.
// Empty when all of it is UTF-8. first_line: the line of the file that `text` begins with.
std::string encoding_note(std::string_view text, const std::string& path, std::int64_t first_line = 1);

// "x:3: ..." of a text that is longer than kLongestText.
[[noreturn]] void refuse_long_text(const std::string& place);

}  // namespace lockstep
