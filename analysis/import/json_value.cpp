#include "analysis/import/json_value.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string_view>
#include <utility>

#include "base/error.hpp"

namespace lockstep {

namespace {

constexpr int kDeepest = 64;

void append_utf8(std::string& out, std::uint32_t code) {
  const auto put = [&](std::uint32_t byte) { out += static_cast<char>(static_cast<unsigned char>(byte)); };
  if (code < 0x80) return put(code);
  if (code < 0x800) {
    put(0xC0U | code >> 6U);
  } else if (code < 0x10000) {
    put(0xE0U | code >> 12U);
    put(0x80U | (code >> 6U & 0x3FU));
  } else {
    put(0xF0U | code >> 18U);
    put(0x80U | (code >> 12U & 0x3FU));
    put(0x80U | (code >> 6U & 0x3FU));
  }
  put(0x80U | (code & 0x3FU));
}

class Parser {
 public:
  Parser(const std::string& text, const std::string& source) : text_(text), source_(source) {}

  JsonValue document() {
    JsonValue value = any(0);
    skip_space();
    if (at_ < text_.size()) fail("something follows the value");
    return value;
  }

 private:
  [[noreturn]] void fail(const char* what) const {
    const auto line =
        1 + std::count(text_.begin(),
                       text_.begin() + static_cast<std::ptrdiff_t>(std::min(at_, text_.size())), '\n');
    throw input_error("{}:{}: not JSON: {}", source_, line, what);
  }

  void skip_space() {
    while (at_ < text_.size() && std::string_view(" \t\r\n").find(text_[at_]) != std::string_view::npos)
      ++at_;
  }

  bool take(std::string_view word) {
    if (std::string_view(text_).substr(at_, word.size()) != word) return false;
    at_ += word.size();
    return true;
  }

  JsonValue any(int depth) {
    if (depth > kDeepest) fail("it is nested too deeply");
    skip_space();
    JsonValue value;
    if (take("{")) return object(depth);
    if (take("[")) return list(depth);
    if (take("\"")) {
      value.kind = JsonValue::Kind::text;
      value.text = rest_of_string();
      return value;
    }
    if (take("null")) return value;
    value.kind = JsonValue::Kind::boolean;
    if (take("true"))
      value.number = 1;
    else if (!take("false"))
      value = number();
    return value;
  }

  JsonValue number() {
    JsonValue value;
    value.kind = JsonValue::Kind::number;
    if (take("NaN"))
      value.number = NAN;
    else if (take("Infinity"))
      value.number = INFINITY;
    else if (take("-Infinity"))
      value.number = -INFINITY;
    else {
      const char* begin = text_.data() + at_;
      const auto [end, error] = std::from_chars(begin, text_.data() + text_.size(), value.number);
      if (error == std::errc::invalid_argument) fail("a value was expected");
      at_ += static_cast<std::size_t>(end - begin);
    }
    return value;
  }

  JsonValue list(int depth) {
    JsonValue value;
    value.kind = JsonValue::Kind::list;
    skip_space();
    if (take("]")) return value;
    while (true) {
      value.items.push_back(any(depth + 1));
      skip_space();
      if (take("]")) return value;
      if (!take(",")) fail("',' or ']' was expected");
    }
  }

  JsonValue object(int depth) {
    JsonValue value;
    value.kind = JsonValue::Kind::object;
    skip_space();
    if (take("}")) return value;
    while (true) {
      skip_space();
      if (!take("\"")) fail("a name in double quotes was expected");
      std::string name = rest_of_string();
      skip_space();
      if (!take(":")) fail("':' was expected");
      value.members.push_back({std::move(name), any(depth + 1)});
      skip_space();
      if (take("}")) return value;
      if (!take(",")) fail("',' or '}' was expected");
    }
  }

  std::uint32_t hex4() {
    std::uint32_t code = 0;
    const char* begin = text_.data() + std::min(at_, text_.size());
    const char* stop = text_.data() + std::min(at_ + 4, text_.size());
    const auto [end, error] = std::from_chars(begin, stop, code, 16);
    if (error != std::errc() || end - begin != 4) fail("four hexadecimal digits were expected");
    at_ += 4;
    return code;
  }

  void escape(std::string& out) {
    constexpr std::string_view kLetters = "\"\\/bfnrt", kMeant = "\"\\/\b\f\n\r\t";
    if (at_ >= text_.size()) fail("the text ends in a string");
    if (const std::size_t letter = kLetters.find(text_[at_]); letter != std::string_view::npos) {
      out += kMeant[letter];
      ++at_;
      return;
    }
    if (!take("u")) fail("an unknown escape");
    std::uint32_t code = hex4();
    if (code >= 0xD800 && code < 0xDC00 && take("\\u")) {
      const std::uint32_t low = hex4();
      code = low >= 0xDC00 && low < 0xE000 ? 0x10000 + ((code - 0xD800) << 10U) + (low - 0xDC00) : 0xFFFD;
    }
    append_utf8(out, code >= 0xD800 && code < 0xE000 ? 0xFFFD : code);
  }

  std::string rest_of_string() {
    std::string out;
    while (true) {
      if (at_ >= text_.size()) fail("the text ends in a string");
      const char c = text_[at_++];
      if (c == '"') return out;
      if (static_cast<unsigned char>(c) < 0x20) fail("a control character in a string");
      if (c == '\\')
        escape(out);
      else
        out += c;
    }
  }

  const std::string& text_;
  const std::string& source_;
  std::size_t at_ = 0;
};

}  // namespace

const JsonValue* JsonValue::find(const std::string& name) const {
  for (const auto& [key, value] : members)
    if (key == name) return &value;
  return nullptr;
}

JsonValue parse_json(const std::string& text, const std::string& source) {
  return Parser(text, source).document();
}

}  // namespace lockstep
