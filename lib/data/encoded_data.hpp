// A data set as it lies in memory and in the cache: every sample a row of fixed size. Knows nothing of
// tensors, nor of how rows are split into training and validation.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace lockstep {

// Images: uint8 pixels, channel by channel. Text: int32 token ids, padded with 0.
struct EncodedSplit {
  std::int64_t rows = 0;
  std::shared_ptr<const std::byte> inputs;     // rows * row_bytes
  std::shared_ptr<const std::int32_t> labels;  // rows, 0-based
};

struct EncodedData {
  bool text = false;
  std::vector<std::int64_t> sample_shape;  // (C, H, W), or (T)
  std::int64_t vocabulary = 0;
  std::int64_t classes = 0;
  std::vector<std::string> class_names;
  std::vector<std::string> words;  // of each id, where a vocabulary was counted
  EncodedSplit train, test;

  std::size_t row_bytes() const {
    std::size_t bytes = text ? sizeof(std::int32_t) : 1;
    for (const std::int64_t extent : sample_shape) bytes *= static_cast<std::size_t>(extent);
    return bytes;
  }
};

// Zeroed memory that the kernel provides page by page, so that threads which fill it also place it.
// Error(bad_input) when the machine has not so much.
std::shared_ptr<std::byte> zeroed_bytes(std::size_t bytes);
std::shared_ptr<std::int32_t> zeroed_int32(std::size_t count);

}  // namespace lockstep
