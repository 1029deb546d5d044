// The IDX format of MNIST and its kin: big-endian header, then bytes. Only its two uses here: images (magic
// 0x803) and labels (0x801), raw or .gz.
#pragma once

#include <cstdint>
#include <string>

#include "data/encoded_data.hpp"
#include "data/input_file.hpp"

namespace lockstep {

struct IdxImages {
  std::int64_t count = 0, height = 0, width = 0;
  std::shared_ptr<const std::byte> pixels;  // (count, height, width)
};

struct IdxLabels {
  std::int64_t count = 0;
  std::shared_ptr<const std::int32_t> labels;
};

// Error(bad_input) naming the file, and the byte or record, when the magic number is another, the data is
// shorter or longer than the header says, of which no more than one byte is read, a label is not below
// `classes`, or the file holds more than it may.
IdxImages read_idx_images(const std::string& path, MaxBytes max_bytes = std::nullopt);
IdxLabels read_idx_labels(const std::string& path, std::int64_t classes, MaxBytes max_bytes = std::nullopt);

// Images and labels of one split, checked against each other: channels is 1.
EncodedSplit idx_split(const IdxImages& images, const IdxLabels& labels, const std::string& image_path,
                       const std::string& label_path);

}  // namespace lockstep
