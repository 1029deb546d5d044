#include "analysis/import/json_file.hpp"

#include <algorithm>
#include <string_view>

#include "base/error.hpp"

namespace lockstep {

namespace {

constexpr int kDeepest = 64;

// Outside of strings, and on the same lines as before.
std::string without_non_finite(std::string_view text) {
  std::string out;
  out.reserve(text.size() + 16);
  bool quoted = false;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t taken = 1;
    if (!quoted)
      for (const std::string_view word : {"NaN", "-Infinity", "Infinity"})
        if (text.substr(at, word.size()) == word) taken = word.size();
    if (taken > 1) {
      out += "null";
    } else {
      if (text[at] == '"') quoted = !quoted;
      if (quoted && text[at] == '\\') taken = std::min<std::size_t>(2, text.size() - at);
      out += text.substr(at, taken);
    }
    at += taken;
  }
  return out;
}

// Without the number of the exception and the place, which is said as the file's line.
std::string reason_of(const Json::parse_error& error) {
  const std::string what = error.what();
  const std::size_t end = what.find(": ");
  return end == std::string::npos ? what : what.substr(end + 2);
}

}  // namespace

Json parse_json(const std::string& text, const std::string& source) {
  const std::string json = without_non_finite(text);
  const auto refuse_deep = [&](int depth, Json::parse_event_t, Json&) {
    if (depth > kDeepest) throw input_error("{}: not JSON that is read here: nested too deeply", source);
    return true;
  };
  try {
    return Json::parse(json, refuse_deep);
  } catch (const Json::parse_error& error) {
    const std::size_t read = std::min(error.byte, json.size());
    const auto line = 1 + std::count(json.begin(), json.begin() + static_cast<std::ptrdiff_t>(read), '\n');
    throw input_error("{}:{}: not JSON: {}", source, line, reason_of(error));
  }
}

}  // namespace lockstep
