#include "data/encoded_data.hpp"

#include <cstdlib>
#include <new>

#include "base/machine_memory.hpp"

namespace lockstep {

std::shared_ptr<std::byte> zeroed_bytes(std::size_t bytes) {
  require_memory(static_cast<double>(bytes), machine_memory_bytes(), "the rows of the data set");
  void* memory = std::calloc(bytes + 1, 1);
  if (memory == nullptr) throw std::bad_alloc();
  return {static_cast<std::byte*>(memory), [](std::byte* p) { std::free(p); }};
}

std::shared_ptr<std::int32_t> zeroed_int32(std::size_t count) {
  const auto bytes = zeroed_bytes(count * sizeof(std::int32_t));
  return {bytes, reinterpret_cast<std::int32_t*>(bytes.get())};
}

}  // namespace lockstep
