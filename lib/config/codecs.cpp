#include "config/codecs.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <string_view>

namespace lockstep {

namespace {

// The whole of `text` as a number; no quotes, no spaces, no remainder. YAML allows a leading plus.
template <typename T>
std::optional<T> parse_number(std::string_view text) {
  if (text.size() > 1 && text[0] == '+' && text[1] != '-') text.remove_prefix(1);
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

template <typename T>
std::optional<T> parse_scalar(const Value& v) {
  if (v.form != Value::Form::scalar || v.quoted) return std::nullopt;
  return parse_number<T>(v.text());
}

template <typename T>
std::optional<std::vector<T>> parse_list(const Value& v, bool (*allowed)(T)) {
  if (v.form != Value::Form::list) return std::nullopt;
  std::vector<T> values;
  for (const std::string& item : v.items) {
    const auto value = parse_number<T>(item);
    if (!value || !allowed(*value)) return std::nullopt;
    values.push_back(*value);
  }
  return values;
}

std::string write_list(const std::vector<std::int64_t>& values) {
  return fmt::format("[{}]", fmt::join(values, ", "));
}

std::string write_list(const std::vector<double>& values) {
  std::vector<std::string> texts;
  for (const double value : values) texts.push_back(yaml_number(value));
  return fmt::format("[{}]", fmt::join(texts, ", "));
}

// "yes", "Off" and the like, as YAML 1.1 reads them.
std::optional<bool> yaml_1_1_boolean(const std::string& word) {
  std::string lower;
  for (const char c : word) lower += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  if (lower == "yes" || lower == "on" || lower == "true") return true;
  if (lower == "no" || lower == "off" || lower == "false") return false;
  return std::nullopt;
}

}  // namespace

template <typename T>
Codec<T> whole(T low, T high) {
  return {fmt::format("a whole number from {} to {}", low, high),
          [low, high](const Value& v) -> std::optional<T> {
            const auto value = parse_scalar<T>(v);
            return value && *value >= low && *value <= high ? value : std::nullopt;
          },
          [](const T& v) -> std::optional<std::string> { return fmt::format("{}", v); }};
}
template Codec<int> whole(int, int);
template Codec<std::int64_t> whole(std::int64_t, std::int64_t);
template Codec<std::uint64_t> whole(std::uint64_t, std::uint64_t);

RealBounds from_to_below(double low, double high) {
  return {fmt::format(">= {} and < {}", low, high), [low, high](double x) { return x >= low && x < high; }};
}
RealBounds between(double low, double high) {
  return {fmt::format("> {} and < {}", low, high), [low, high](double x) { return x > low && x < high; }};
}
RealBounds from_to(double low, double high) {
  return {fmt::format("from {} to {}", low, high), [low, high](double x) { return x >= low && x <= high; }};
}

RealBounds zero_or_from_to(double low, double high) {
  return {fmt::format("0, or from {} to {}", low, high),
          [low, high](double x) { return x == 0 || (x >= low && x <= high); }};
}

Codec<double> real(const RealBounds& bounds) {
  return {"a number " + bounds.text,
          [holds = bounds.holds](const Value& v) -> std::optional<double> {
            const auto value = parse_scalar<double>(v);
            return value && std::isfinite(*value) && holds(*value) ? value : std::nullopt;
          },
          [](const double& v) -> std::optional<std::string> { return yaml_number(v); }};
}

Codec<bool> boolean() {
  return {"true or false",
          [](const Value& v) -> std::optional<bool> {
            if (v.form != Value::Form::scalar || v.quoted) return std::nullopt;
            if (v.text() == "true") return true;
            return v.text() == "false" ? std::optional<bool>(false) : std::nullopt;
          },
          [](const bool& v) -> std::optional<std::string> { return v ? "true" : "false"; }};
}

Codec<std::string> text(std::string allowed) {
  return {std::move(allowed),
          [](const Value& v) -> std::optional<std::string> {
            // What a library is told of a text ends at a zero byte.
            const bool usable = v.form == Value::Form::scalar && !v.text().empty() &&
                                v.text().find('\0') == std::string::npos;
            return usable ? std::optional<std::string>(v.text()) : std::nullopt;
          },
          [](const std::string& v) { return v.empty() ? std::nullopt : std::optional<std::string>(v); },
          true};
}

Codec<std::string> text_or_none(std::string allowed) {
  Codec<std::string> codec = text(std::move(allowed));
  codec.read = [as_text = codec.read](const Value& v) -> std::optional<std::string> {
    const std::optional<bool> word = v.quoted ? std::nullopt : yaml_1_1_boolean(v.text());
    if (word) return *word ? std::nullopt : std::optional<std::string>("none");
    return as_text(v);
  };
  return codec;
}

Codec<std::vector<double>> real_list() {
  constexpr double kMost = 1e30;
  return {fmt::format("a list of numbers from {} to {}", -kMost, kMost),
          [](const Value& v) { return parse_list<double>(v, [](double x) { return std::abs(x) <= kMost; }); },
          [](const std::vector<double>& v) -> std::optional<std::string> { return write_list(v); }};
}

Codec<std::vector<std::int64_t>> image_shape() {
  constexpr std::int64_t kMost = 65536;
  return {fmt::format("a list of three whole numbers from 1 to {}", kMost),
          [](const Value& v) {
            auto values = parse_list<std::int64_t>(v, [](std::int64_t x) { return x >= 1 && x <= kMost; });
            if (values && values->size() != 3) values.reset();
            return values;
          },
          [](const std::vector<std::int64_t>& v) -> std::optional<std::string> { return write_list(v); }};
}

Codec<Partition> partition() {
  using Kind = Partition::Kind;
  static const std::vector<std::pair<std::string, Kind>> words = {
      {"published", Kind::published}, {"even", Kind::even}, {"auto", Kind::automatic}};
  return {"published, even, auto or a list of layers per stage",
          [](const Value& v) -> std::optional<Partition> {
            if (v.form == Value::Form::scalar)
              for (const auto& [word, kind] : words)
                if (word == v.text()) return Partition{kind, {}};
            if (v.form != Value::Form::list) return std::nullopt;
            auto layers = parse_list<std::int64_t>(v, [](std::int64_t x) { return x >= 1 && x <= 65536; });
            if (!layers || layers->empty()) return std::nullopt;
            return Partition{Kind::layers, std::move(*layers)};
          },
          [](const Partition& p) -> std::optional<std::string> {
            for (const auto& [word, kind] : words)
              if (kind == p.kind) return word;
            return write_list(p.layers);
          }};
}

Codec<std::vector<std::string>> language_pair() {
  const auto is_name = [](const std::string& word) {
    return !word.empty() && std::all_of(word.begin(), word.end(), [](unsigned char c) {
      return std::isalnum(c) != 0 || c == '-' || c == '_';
    });
  };
  return {"a list of two different languages, [from, to]",
          [is_name](const Value& v) -> std::optional<std::vector<std::string>> {
            if (v.form != Value::Form::list || v.items.size() != 2 || v.items[0] == v.items[1])
              return std::nullopt;
            if (!is_name(v.items[0]) || !is_name(v.items[1])) return std::nullopt;
            return v.items;
          },
          [](const std::vector<std::string>& v) -> std::optional<std::string> { return yaml_list(v); }};
}

std::string any_of(const std::vector<std::string>& words) {
  std::string joined;
  for (std::size_t i = 0; i < words.size(); ++i)
    joined += (i == 0 ? "" : i + 1 == words.size() ? " or " : ", ") + words[i];
  return joined;
}

}  // namespace lockstep
