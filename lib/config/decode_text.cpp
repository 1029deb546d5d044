#include "config/decode_text.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "base/text.hpp"

namespace lockstep {

namespace {

using namespace std::string_view_literals;

constexpr std::string_view kUtf8Mark = "\xEF\xBB\xBF"sv, kLittleMark = "\xFF\xFE"sv, kBigMark = "\xFE\xFF"sv;

void refuse_utf32(const std::string& path, std::string_view bytes) {
  if (bytes.starts_with("\xFF\xFE\0\0"sv) || bytes.starts_with("\0\0\xFE\xFF"sv))
    throw input_error("{}: is UTF-32; save it as UTF-8", path);
}

// A configuration begins with ASCII: a zero byte in the first character tells UTF-16, and which one.
void refuse_unmarked_utf16(const std::string& path, std::string_view bytes) {
  if (bytes.size() < 2 || (bytes[0] == '\0') == (bytes[1] == '\0')) return;
  throw input_error("{}: is UTF-16 ({}-endian, without a byte order mark); save it as UTF-8", path,
                    bytes[0] == '\0' ? "big" : "little");
}

std::string from_utf16(const std::string& path, std::string_view bytes, bool big_endian) {
  const auto text = utf8_of_utf16(bytes.substr(2), big_endian);
  if (!text) throw input_error("{}: starts like UTF-16 but is damaged; save it as UTF-8", path);
  return *text;
}

void check_characters(const std::string& path, std::string_view text) {
  if (const auto at = invalid_utf8(text)) {
    const TextPlace place = place_in(text, *at);
    throw input_error("{}:{}:{}: the byte 0x{:02x} is not UTF-8; save the file as UTF-8 (it may be Latin-1)",
                      path, place.line, place.column, static_cast<unsigned char>(text[*at]));
  }
  if (const auto at = control_character(text)) {
    const TextPlace place = place_in(text, *at);
    throw input_error("{}:{}:{}: contains the control character {}; remove it", path, place.line,
                      place.column, printable(text.substr(*at, 1)));
  }
}

}  // namespace

std::optional<std::size_t> control_character(std::string_view text) {
  const auto found = std::find_if(text.begin(), text.end(), [](char byte) {
    const auto c = static_cast<unsigned char>(byte);
    return (c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7F;
  });
  if (found == text.end()) return {};
  return static_cast<std::size_t>(found - text.begin());
}

std::string decode_text(const std::string& path, const std::string& bytes) {
  refuse_utf32(path, bytes);
  std::string text = bytes;
  if (bytes.starts_with(kUtf8Mark))
    text = bytes.substr(kUtf8Mark.size());
  else if (bytes.starts_with(kLittleMark) || bytes.starts_with(kBigMark))
    text = from_utf16(path, bytes, bytes.starts_with(kBigMark));
  else
    refuse_unmarked_utf16(path, bytes);
  check_characters(path, text);
  return text;
}

}  // namespace lockstep
