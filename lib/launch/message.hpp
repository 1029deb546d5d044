// What the control plane sends: values as bytes, exactly. Between programs of one build on machines of one
// kind: numbers travel as they lie in memory.
#pragma once

#include <concepts>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/error.hpp"

namespace lockstep {

// A struct that holds strings or vectors says which members travel, in a static member function:
//   struct Seat {
//     std::string host, device;
//     static auto fields(auto& seat) {
//       auto& [host, device] = seat;  // does not compile when a member is forgotten
//       return std::tie(host, device);
//     }
//   };
template <typename T>
concept HasFields = requires(T& value) {
  T::fields(value);
};

// What lies in memory as it travels: numbers, and structs of them.
template <typename T>
concept Plain = std::is_trivially_copyable_v<T> && !HasFields<T> && !std::is_pointer_v<T> &&
                !std::is_convertible_v<const T&, std::string_view>;

// One overload of put and take for each kind of value; anything else does not compile.
class MessageWriter {
 public:
  template <HasFields T>
  void put(const T& value) {
    std::apply([this](const auto&... field) { (put(field), ...); }, T::fields(value));
  }
  template <Plain T>
  void put(const T& value) {
    append(&value, sizeof value);
  }
  void put(const std::string& text) {
    put(text.size());
    append(text.data(), text.size());
  }
  template <typename T>
  void put(const std::vector<T>& values) {
    put(values.size());
    if constexpr (Plain<T>)
      append(values.data(), values.size() * sizeof(T));
    else
      for (const T& value : values) put(value);
  }
  template <typename T>
  void put(const std::optional<T>& value) {
    put(value.has_value());
    if (value) put(*value);
  }
  template <typename A, typename B>
  void put(const std::pair<A, B>& both) {
    put(both.first);
    put(both.second);
  }

  std::string bytes() && { return std::move(bytes_); }

 private:
  void append(const void* from, std::size_t count) { bytes_.append(static_cast<const char*>(from), count); }
  std::string bytes_;
};

class MessageReader {
 public:
  // bytes outlive it.
  explicit MessageReader(std::string_view bytes) : rest_(bytes) {}

  template <HasFields T>
  void take(T& value) {
    std::apply([this](auto&... field) { (take(field), ...); }, T::fields(value));
  }
  template <Plain T>
  void take(T& value) {
    std::memcpy(&value, next(1, sizeof value), sizeof value);
  }
  void take(std::string& text) {
    const auto size = taken<std::size_t>();
    text.assign(next(size, 1), size);
  }
  template <typename T>
  void take(std::vector<T>& values) {
    const auto size = taken<std::size_t>();
    if constexpr (Plain<T>) {
      const char* const from = next(size, sizeof(T));
      values.resize(size);
      if (size > 0) std::memcpy(values.data(), from, size * sizeof(T));
    } else {
      for (std::size_t i = 0; i < size; ++i) take(values.emplace_back());
    }
  }
  template <typename T>
  void take(std::optional<T>& value) {
    if (taken<bool>()) take(value.emplace());
  }
  template <typename A, typename B>
  void take(std::pair<A, B>& both) {
    take(both.first);
    take(both.second);
  }

  void require_end() const {
    if (!rest_.empty()) throw run_error("a message of another rank is longer than it should be");
  }

 private:
  template <typename T>
  T taken() {
    T value{};
    take(value);
    return value;
  }
  const char* next(std::size_t count, std::size_t size) {
    if (count > rest_.size() / size)
      throw run_error("a message of another rank is shorter than it should be");
    const char* const begin = rest_.data();
    rest_.remove_prefix(count * size);
    return begin;
  }
  std::string_view rest_;
};

template <typename T>
concept Sendable = requires(MessageWriter& writer, MessageReader& reader, T& value) {
  writer.put(std::as_const(value));
  reader.take(value);
}
&&!std::is_array_v<T>;

template <Sendable T>
std::string to_message(const T& value) {
  MessageWriter writer;
  writer.put(value);
  return std::move(writer).bytes();
}

// Error when the bytes are not those of a T.
template <Sendable T>
T from_message(std::string_view bytes) {
  T value{};
  MessageReader reader(bytes);
  reader.take(value);
  reader.require_end();
  return value;
}

}  // namespace lockstep
