#include "analysis/render/json_text.hpp"

#include <fmt/format.h>

#include <cmath>

#include "analysis/render/escape.hpp"

namespace lockstep {

void JsonText::separate() {
  if (after_key_) {
    after_key_ = false;
    return;
  }
  if (!first_) out_ += ',';
  if (depth_ > 0) out_ += '\n' + std::string(static_cast<std::size_t>(2 * depth_), ' ');
  first_ = false;
}

JsonText& JsonText::open(char bracket) {
  separate();
  out_ += bracket;
  ++depth_;
  first_ = true;
  return *this;
}

JsonText& JsonText::close(char bracket) {
  --depth_;
  if (!first_) out_ += '\n' + std::string(static_cast<std::size_t>(2 * depth_), ' ');
  out_ += bracket;
  first_ = false;
  return *this;
}

JsonText& JsonText::raw(const std::string& value) {
  separate();
  out_ += value;
  return *this;
}

JsonText& JsonText::key(const std::string& name) {
  raw(json_quoted(name) + ": ");
  after_key_ = true;
  return *this;
}

JsonText& JsonText::text(const std::string& value) { return raw(json_quoted(value)); }
JsonText& JsonText::number(double value) {
  return raw(std::isfinite(value) ? fmt::format("{:.9g}", value) : "null");
}
JsonText& JsonText::integer(std::int64_t value) { return raw(std::to_string(value)); }
JsonText& JsonText::boolean(bool value) { return raw(value ? "true" : "false"); }
JsonText& JsonText::null() { return raw("null"); }

}  // namespace lockstep
