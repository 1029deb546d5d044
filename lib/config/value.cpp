#include "config/value.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <string_view>

namespace lockstep {

std::string Value::text() const {
  if (form != Form::list) return items.empty() ? "" : items.front();
  std::string joined;
  for (const std::string& item : items) joined += (joined.empty() ? "" : ", ") + yaml_scalar(item);
  return "[" + joined + "]";
}

std::string Value::shown() const {
  switch (form) {
    case Form::empty:
      return "empty";
    case Form::map:
      return "a map";
    case Form::nested:
      return "a nested list";
    case Form::list:
      return "the list " + text();
    case Form::scalar:
      break;
  }
  return quoted ? fmt::format("the text \"{}\"", text()) : fmt::format("'{}'", text());
}

namespace {

bool is_plain(const std::string& text) {
  const auto harmless = [](unsigned char c) {
    return std::isalnum(c) || std::string_view("_./+-").find(static_cast<char>(c)) != std::string_view::npos;
  };
  const auto first = [](unsigned char c) { return std::isalnum(c) || c == '_' || c == '/' || c == '.'; };
  const bool reads_as_null = text == "null" || text == "Null" || text == "NULL";
  return !text.empty() && !reads_as_null && first(static_cast<unsigned char>(text.front())) &&
         text != "..." && std::all_of(text.begin(), text.end(), harmless);
}

}  // namespace

std::string yaml_scalar(const std::string& text) {
  if (is_plain(text)) return text;
  std::string quoted = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      quoted += '\\';
      quoted += c;
    } else if (byte < 0x20 || byte == 0x7f) {
      quoted += fmt::format("\\x{:02x}", byte);
    } else {
      quoted += c;
    }
  }
  return quoted + "\"";
}

}  // namespace lockstep
