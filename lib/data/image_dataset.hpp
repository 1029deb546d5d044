// Datasets of images: normalised as they are fetched, and those of the training split augmented.
#pragma once

#include <memory>
#include <vector>

#include "data/augment.hpp"
#include "data/dataset.hpp"
#include "data/encoded_data.hpp"

namespace lockstep {

struct ImageSettings {
  ImageShape stored;  // of the encoded rows; info().sample_shape may be another: then images are resized
  PixelScale scale;
  Augmentation augmentation;
  std::uint64_t seed = 0;  // what the augmentation follows from, with epoch and sample id
};

// The dataset whose sample i is row rows[i] of the split, turned, cropped, mirrored, resized and scaled, in
// this order.
std::shared_ptr<const Dataset> image_dataset(std::shared_ptr<const DatasetInfo> info, EncodedSplit split,
                                             std::vector<std::int64_t> rows, ImageSettings settings);

}  // namespace lockstep
