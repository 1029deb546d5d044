// How one type of value is read and written: a codec names what it allows, reads a Value and writes text that
// it reads back to the same value. Private to lib/config.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/names.hpp"
#include "config/run_config.hpp"
#include "config/value.hpp"

namespace lockstep {

template <typename T>
struct Codec {
  std::string allowed;
  std::function<std::optional<T>(const Value&)> read;
  std::function<std::optional<std::string>(const T&)> write;
  bool is_text = false;
  std::vector<std::string> choices = {};
};

// A whole number, of any width.
template <typename T>
Codec<T> whole(T low, T high);

// A finite number; the bounds are a description and a test so that the one cannot lack the other.
struct RealBounds {
  std::string text;  // "from 0 to 1"
  std::function<bool(double)> holds;
};
RealBounds from_to_below(double low, double high);  // low <= x < high
RealBounds between(double low, double high);        // low < x < high
RealBounds from_to(double low, double high);        // low <= x <= high
RealBounds zero_or_from_to(double low, double high);
Codec<double> real(const RealBounds& bounds);

Codec<bool> boolean();
Codec<std::string> text(std::string allowed);          // never empty; an empty member has no value
Codec<std::string> text_or_none(std::string allowed);  // the same; "no", "off" and "false" mean "none"
Codec<std::vector<double>> real_list();
Codec<std::vector<std::int64_t>> image_shape();   // [channels, height, width]
Codec<std::vector<std::string>> language_pair();  // [from, to], two names of letters, digits, - and _
Codec<Partition> partition();

// An optional member: no value when absent.
template <typename T>
Codec<std::optional<T>> maybe(Codec<T> codec) {
  return {codec.allowed,
          [read = codec.read](const Value& v) -> std::optional<std::optional<T>> {
            auto value = read(v);
            return value ? std::optional<std::optional<T>>(std::move(value)) : std::nullopt;
          },
          [write = codec.write](const std::optional<T>& v) { return v ? write(*v) : std::nullopt; }};
}

// An optional member whose absence is written "auto".
template <typename T>
Codec<std::optional<T>> auto_or(Codec<T> codec) {
  return {"auto or " + codec.allowed,
          [read = codec.read](const Value& v) -> std::optional<std::optional<T>> {
            if (v.form == Value::Form::scalar && v.text() == "auto") return std::optional<T>();
            auto value = read(v);
            return value ? std::optional<std::optional<T>>(std::move(value)) : std::nullopt;
          },
          [write = codec.write](const std::optional<T>& v) {
            return v ? write(*v) : std::optional<std::string>("auto");
          }};
}

std::string any_of(const std::vector<std::string>& words);  // "a, b or c"

template <typename E>
Codec<E> one_of(std::vector<std::pair<std::string, E>> names) {
  std::vector<std::string> words;
  for (const auto& [word, value] : names) words.push_back(word);
  const auto read = [names](const Value& v) -> std::optional<E> {
    if (v.form == Value::Form::scalar)
      for (const auto& [word, value] : names)
        if (word == v.text()) return value;
    return std::nullopt;
  };
  const auto write = [names](const E& v) -> std::optional<std::string> {
    for (const auto& [word, value] : names)
      if (value == v) return word;
    return std::nullopt;
  };
  return {any_of(words), read, write, false, words};
}

// An enum that has a table of names.
template <typename E>
Codec<E> one_of(std::optional<E> left_out = {}) {
  std::vector<std::pair<std::string, E>> names;
  for (const auto& [name, value] : kNames<E>)
    if (value != left_out) names.emplace_back(name, value);
  return one_of(std::move(names));
}

}  // namespace lockstep
