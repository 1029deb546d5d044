// A table of numbers in memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace lockstep {

// Row-major [rows, columns].
template <typename T>
struct Matrix {
  std::int64_t rows = 0, columns = 0;
  std::vector<T> values;
  Matrix() = default;
  Matrix(std::int64_t r, std::int64_t c, T fill = T{})
      : rows(r), columns(c), values(static_cast<std::size_t>(r * c), fill) {}
  T& at(std::int64_t r, std::int64_t c) { return values[static_cast<std::size_t>(r * columns + c)]; }
  const T& at(std::int64_t r, std::int64_t c) const {
    return values[static_cast<std::size_t>(r * columns + c)];
  }
};

}  // namespace lockstep
