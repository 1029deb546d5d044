#include "data/text_input.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <optional>
#include <utility>

#include "base/error.hpp"
#include "base/text.hpp"

namespace lockstep {

namespace {

using namespace std::string_view_literals;

constexpr std::string_view kMark = "\xef\xbb\xbf";

// The longer before those that they begin with.
constexpr std::array kMarks = {
    std::pair("\xff\xfe\0\0"sv, "UTF-32"),
    std::pair("\0\0\xfe\xff"sv, "UTF-32"),
    std::pair("\xff\xfe"sv, "UTF-16"),
    std::pair("\xfe\xff"sv, "UTF-16"),
};
constexpr std::array kPacked = {
    std::pair("\x1f\x8b\x08"sv, "gunzip <"), std::pair("PK\x03\x04"sv, "unzip -p"),
    std::pair("\xfd\x37zXZ\0"sv, "unxz <"),  std::pair("\x28\xb5\x2f\xfd"sv, "unzstd <"),
    std::pair("BZh91AY&SY"sv, "bunzip2 <"),
};

template <std::size_t N>
const char* begins_with(std::string_view text,
                        const std::array<std::pair<std::string_view, const char*>, N>& known) {
  for (const auto& [bytes, name] : known)
    if (text.starts_with(bytes)) return name;
  return nullptr;
}

// UTF-16 without a mark: of ASCII letters every other byte is 0, and UTF-8 text has hardly any.
const char* utf16_without_mark(std::string_view text) {
  const std::size_t pairs = std::min(text.size(), std::size_t{512}) / 2;
  std::array<std::size_t, 2> zeros{};
  for (std::size_t i = 0; i < 2 * pairs; ++i) zeros[i % 2] += text[i] == '\0';
  if (pairs < 2) return nullptr;
  if (zeros[0] == 0 && zeros[1] > pairs / 2) return "UTF-16LE";
  return zeros[1] == 0 && zeros[0] > pairs / 2 ? "UTF-16BE" : nullptr;
}

// How many of the first bytes are ASCII, at least: eight at a time, since most files are nothing else.
std::size_t leading_ascii(std::string_view text) {
  std::size_t at = 0;
  for (std::uint64_t word = 0; at + sizeof word <= text.size(); at += sizeof word) {
    std::memcpy(&word, text.data() + at, sizeof word);
    if ((word & 0x8080808080808080U) != 0) break;
  }
  return at;
}

// Line by line, as no code point holds a line break.
std::optional<std::size_t> find_invalid_utf8(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    at += leading_ascii(text.substr(at));
    const std::size_t end = std::min(text.find('\n', at), text.size());
    if (const auto invalid = invalid_utf8(text.substr(at, end - at))) return at + *invalid;
    at = std::min(end + 1, text.size());
  }
  return std::nullopt;
}

}  // namespace

void require_plain_text(std::string_view text, const std::string& path) {
  if (const char* tool = begins_with(text, kPacked))
    throw input_error("'{}' holds compressed data where plain text is expected; unpack it: {} '{}'", path,
                      tool, path);
  const char* encoding = begins_with(text, kMarks);
  if (encoding == nullptr) encoding = utf16_without_mark(text);
  if (encoding != nullptr)
    throw input_error("'{}' is {}, not UTF-8; convert it: iconv -f {} -t UTF-8", path, encoding, encoding);
}

std::string_view without_mark(std::string_view text) {
  return text.substr(text.starts_with(kMark) ? kMark.size() : 0);
}

std::string_view take_line(std::string_view& rest) {
  const std::size_t end = std::min(rest.find('\n'), rest.size());
  std::string_view line = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

std::string encoding_note(std::string_view text, const std::string& path, std::int64_t first_line) {
  const auto at = find_invalid_utf8(text);
  if (!at) return {};
  return fmt::format(
      "{}:{}: byte 0x{:02x} is not UTF-8, so the file is most likely Latin-1; its bytes are read as they "
      "are. To convert it: iconv -f ISO-8859-1 -t UTF-8",
      path, first_line + std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(*at), '\n'),
      static_cast<unsigned char>(text[*at]));
}

void refuse_long_text(const std::string& place) {
  throw input_error(
      "{}: a text of more than {} MiB, the most that is read; check that this is a text file whose lines end "
      "with \\n",
      place, kLongestText >> 20);
}

}  // namespace lockstep
