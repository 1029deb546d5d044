// The names of an enum's values in files, folders and on the command line: one table per enum.
#pragma once

#include <iterator>
#include <optional>
#include <string_view>

namespace lockstep {

template <typename E>
struct Named {
  const char* name;
  E value;
};

// The table of an enum: specialised beside it, an array of Named<E> with every value once.
template <typename E>
inline constexpr auto kNames = nullptr;

template <typename E>
constexpr const char* name_of(E value) requires(std::size(kNames<E>) > 0) {
  for (const auto& [name, known] : kNames<E>)
    if (known == value) return name;
  return "";
}

// Nothing if no value of E has this name.
template <typename E>
constexpr std::optional<E> named(std::string_view text) {
  for (const auto& [name, value] : kNames<E>)
    if (text == name) return value;
  return std::nullopt;
}

}  // namespace lockstep
