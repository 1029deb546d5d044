#include "config/value.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <set>
#include <string_view>

#include "base/text.hpp"

namespace lockstep {

namespace {

// Words that a reader of YAML 1.1 or 1.2 takes for something else than text, whatever their case.
bool is_reserved(const std::string& text) {
  static const std::set<std::string> words = {"null", "true", "false", "yes",  "no",  "on",
                                              "off",  "y",    "n",     ".inf", ".nan"};
  std::string lower;
  for (const char c : text) lower += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return words.contains(lower);
}

// 12, 012, 0x1F, 1e-3, 1_000, 2026-01-31: what may be a number or a date to some reader, and more than that.
bool may_be_number(const std::string& text) {
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  std::string_view number = text;
  if (!number.empty() && (number[0] == '+' || number[0] == '-')) number.remove_prefix(1);
  const std::size_t first = number.starts_with('.') ? 1 : 0;
  if (number.size() <= first || !digit(number[first])) return false;
  const bool prefixed = number.size() > 1 && number[0] == '0' &&
                        std::string_view("xXoObB").find(number[1]) != std::string::npos;
  return prefixed || number.find_first_not_of("0123456789_.eE+-") == std::string::npos;
}

bool is_plain(const std::string& text) {
  const auto harmless = [](unsigned char c) {
    return (c < 0x80 && std::isalnum(c)) ||
           std::string_view("_./+-").find(static_cast<char>(c)) != std::string_view::npos;
  };
  const auto first = [](unsigned char c) {
    return (c < 0x80 && std::isalnum(c)) || c == '_' || c == '/' || c == '.';
  };
  return !text.empty() && first(static_cast<unsigned char>(text.front())) &&
         std::all_of(text.begin(), text.end(), harmless) &&
         text.find_first_not_of('.') != std::string::npos && !is_reserved(text) && !may_be_number(text);
}

// Whether a reader may take the character for a line break, drop it or refuse it. Everything else stands for
// itself.
bool needs_escape(char32_t c) {
  const bool unprintable = c < 0x20 || (c >= 0x7F && c < 0xA0) || c == 0xFEFF || c == 0xFFFE || c == 0xFFFF;
  return unprintable || c == 0x2028 || c == 0x2029 || c == '"' || c == '\\';
}

std::string escape(char32_t c) {
  if (c == '"' || c == '\\') return {'\\', static_cast<char>(c)};
  const auto number = static_cast<unsigned>(c);
  return c < 0x100 ? fmt::format("\\x{:02x}", number) : fmt::format("\\u{:04x}", number);
}

template <typename Written>
std::string list_of(const std::vector<std::string>& items, const Written& written) {
  std::string joined;
  for (const std::string& item : items) joined += (joined.empty() ? "" : ", ") + written(item);
  return "[" + joined + "]";
}

}  // namespace

std::string Value::text() const {
  if (form != Form::list) return items.empty() ? "" : items.front();
  return list_of(items,
                 [](const std::string& item) { return may_be_number(item) ? item : yaml_scalar(item); });
}

std::string Value::shown() const {
  switch (form) {
    case Form::empty:
      return "empty";
    case Form::map:
      return "a map";
    case Form::nested:
      return "a list of lists, maps or empty items";
    case Form::list:
      return "the list " + text();
    case Form::scalar:
      break;
  }
  return quoted ? fmt::format("the text \"{}\"", text()) : fmt::format("'{}'", text());
}

std::string yaml_scalar(const std::string& text) {
  if (is_plain(text)) return text;
  std::string quoted = "\"";
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = std::max<std::size_t>(utf8_length(text, at), 1);
    const char32_t c = code_point(text, at);
    quoted += needs_escape(c) ? escape(c) : text.substr(at, length);
    at += length;
  }
  return quoted + "\"";
}

std::string yaml_list(const std::vector<std::string>& items) { return list_of(items, yaml_scalar); }

std::string yaml_number(double value) {
  std::string text = fmt::format("{}", value == 0 ? 0.0 : value);  // no minus before a zero
  const std::size_t exponent = text.find('e');
  if (exponent != std::string::npos && text.find('.') == std::string::npos) text.insert(exponent, ".0");
  return text;
}

}  // namespace lockstep
