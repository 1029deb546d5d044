// Text is UTF-8 everywhere inside; what comes from outside (file names, arguments, other people's files) may
// be any bytes, and is checked or made so here.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace lockstep {

// Bytes of the well-formed UTF-8 sequence that begins at `at`; 0: there is none.
std::size_t utf8_length(std::string_view text, std::size_t at);

// Where the first byte stands that belongs to no well-formed sequence; nothing when all of it is UTF-8.
std::optional<std::size_t> invalid_utf8(std::string_view text);

// Every byte that is no part of UTF-8 becomes U+FFFD.
std::string valid_utf8(std::string_view text);

// Whether a terminal would obey it or a reader be misled by it: control characters, separators of lines, and
// what turns the direction of writing.
bool steers(char32_t code_point);

// Valid UTF-8, with what steers as "\n", "\x1b", "\u202e": what a message quotes stays on its line, moves no
// cursor, and reads as it is.
std::string printable(std::string_view text);

// The code point at `at`, where a well-formed sequence begins.
char32_t code_point(std::string_view text, std::size_t at);

// UTF-16 without its byte order mark; nothing when it is damaged (an odd byte, half of a pair).
std::optional<std::string> utf8_of_utf16(std::string_view bytes, bool big_endian);

// Line and column, from 1, of the byte at `at`; a column is a byte.
struct TextPlace {
  std::size_t line, column;
};
TextPlace place_in(std::string_view text, std::size_t at);

}  // namespace lockstep
