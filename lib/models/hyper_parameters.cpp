#include "models/hyper_parameters.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>
#include <utility>

#include "base/error.hpp"
#include "base/suggestions.hpp"

namespace lockstep {

namespace {

std::string_view trimmed(std::string_view text) {
  const auto begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

template <typename Number>
std::optional<Number> parse_number(std::string_view text) {
  text = trimmed(text);
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// "[250, 100]" or "[]"; a lone number is a list of one.
std::optional<std::vector<std::int64_t>> parse_list(std::string_view text) {
  text = trimmed(text);
  if (!text.empty() && text.front() == '[') {
    if (text.back() != ']' || text.size() < 2) return std::nullopt;
    text = trimmed(text.substr(1, text.size() - 2));
    if (text.empty()) return std::vector<std::int64_t>{};
  }
  std::vector<std::int64_t> values;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t comma = std::min(text.find(',', begin), text.size());
    const auto value = parse_number<std::int64_t>(text.substr(begin, comma - begin));
    if (!value) return std::nullopt;
    values.push_back(*value);
    begin = comma + 1;
  }
  return values;
}

std::optional<bool> parse_boolean(std::string_view text) {
  text = trimmed(text);
  if (text == "true" || text == "yes" || text == "on") return true;
  if (text == "false" || text == "no" || text == "off") return false;
  return std::nullopt;
}

constexpr std::size_t kMostEntries = 1024;  // of a list

bool in_range(const HyperParameter& known, double value) {
  return value >= known.least && value < known.below;
}

// The value as it will be shown and stored, or nothing when it has the wrong type or lies out of range.
std::optional<std::string> normalised(const HyperParameter& known, const std::string& text) {
  using Kind = HyperParameter::Kind;
  if (known.kind == Kind::integer) {
    const auto value = parse_number<std::int64_t>(text);
    if (value && in_range(known, static_cast<double>(*value))) return fmt::format("{}", *value);
  } else if (known.kind == Kind::integers) {
    const auto values = parse_list(text);
    const auto good = [&](std::int64_t value) { return in_range(known, static_cast<double>(value)); };
    if (values && values->size() <= kMostEntries && std::all_of(values->begin(), values->end(), good))
      return fmt::format("[{}]", fmt::join(*values, ", "));
  } else if (known.kind == Kind::real) {
    const auto value = parse_number<double>(text);
    if (value && in_range(known, *value)) return fmt::format("{}", *value);
  } else if (known.kind == Kind::boolean) {
    if (const auto value = parse_boolean(text)) return std::string(*value ? "true" : "false");
  } else if (std::find(known.choices.begin(), known.choices.end(), trimmed(text)) != known.choices.end()) {
    return std::string(trimmed(text));
  }
  return std::nullopt;
}

std::string range_text(const HyperParameter& known) {
  if (known.kind == HyperParameter::Kind::real)
    return fmt::format("at least {} and below {}", known.least, known.below);
  return fmt::format("from {:.0f} to {:.0f}", known.least, known.below - 1);
}

std::string expectation(const HyperParameter& known) {
  using Kind = HyperParameter::Kind;
  switch (known.kind) {
    case Kind::integer:
      return "a whole number " + range_text(known);
    case Kind::integers:
      return fmt::format("a list of at most {} whole numbers, each {}", kMostEntries, range_text(known));
    case Kind::real:
      return "a number, " + range_text(known);
    case Kind::boolean:
      return "true or false";
    case Kind::choice:
      return fmt::format("one of {}", fmt::join(known.choices, ", "));
  }
  return {};
}

std::string prefix(const Location& where) { return where.file.empty() ? "" : where.text() + ": "; }

}  // namespace

HyperParameters::HyperParameters(std::string model, std::vector<HyperParameter> known, std::size_t preset,
                                 const std::vector<Setting>& given)
    : model_(std::move(model)), known_(std::move(known)) {
  std::vector<std::string> names{"model.name", "model.preset"};
  for (const HyperParameter& entry : known_) {
    values_[entry.key] = {
        entry.key, entry.defaults.size() == 1 ? entry.defaults[0] : entry.defaults.at(preset), {}};
    names.push_back("model." + entry.key);
  }
  for (const Setting& setting : given) {
    const auto entry =
        std::find_if(known_.begin(), known_.end(), [&](const auto& k) { return k.key == setting.key; });
    if (entry == known_.end()) {
      throw input_error("{}unknown key 'model.{}'{}", prefix(setting.where), setting.key,
                        did_you_mean("model." + setting.key, names));
    }
    const auto value = normalised(*entry, setting.value);
    if (!value) {
      throw input_error("{}'model.{}' of model '{}' must be {}; it is '{}'", prefix(setting.where),
                        setting.key, model_, expectation(*entry), setting.value);
    }
    values_[setting.key] = {setting.key, *value, setting.where};
  }
}

std::int64_t HyperParameters::integer(const std::string& key) const {
  return parse_number<std::int64_t>(values_.at(key).value).value();
}

std::vector<std::int64_t> HyperParameters::integers(const std::string& key) const {
  return parse_list(values_.at(key).value).value();
}

double HyperParameters::real(const std::string& key) const {
  return parse_number<double>(values_.at(key).value).value();
}

bool HyperParameters::boolean(const std::string& key) const {
  return parse_boolean(values_.at(key).value).value();
}

const std::string& HyperParameters::choice(const std::string& key) const { return values_.at(key).value; }

std::string HyperParameters::place(const std::string& key) const {
  return fmt::format("{}'model.{}'", prefix(values_.at(key).where), key);
}

std::vector<Setting> HyperParameters::resolved() const {
  std::vector<Setting> settings;
  for (const HyperParameter& entry : known_) settings.push_back(values_.at(entry.key));
  return settings;
}

}  // namespace lockstep
