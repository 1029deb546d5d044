#include "data/image_dataset.hpp"

#include <optional>
#include <utility>

#include "data/convert.hpp"
#include "data/row_dataset.hpp"

namespace lockstep {

namespace {

// Memory for one image between two of its changes. One a thread, as fetch is called by several; it grows to
// the largest image once.
std::uint8_t* scratch(std::size_t which, std::size_t bytes) {
  thread_local std::vector<std::uint8_t> memory[2];
  if (memory[which].size() < bytes) memory[which].resize(bytes);
  return memory[which].data();
}

class ImageDataset final : public RowDataset {
 public:
  ImageDataset(const std::shared_ptr<const DatasetInfo>& about, EncodedSplit split,
               std::vector<std::int64_t> rows, ImageSettings settings)
      : RowDataset(about, std::move(split), std::move(rows), settings.stored.pixels()),
        settings_(std::move(settings)) {
    const auto height = static_cast<std::size_t>(about->sample_shape.at(1)),
               width = static_cast<std::size_t>(about->sample_shape.at(2));
    sample_ = settings_.stored.channels * height * width;
    if (height != settings_.stored.height || width != settings_.stored.width)
      resize_.emplace(settings_.stored, height, width);
  }

 private:
  void write_sample(std::int64_t id, std::int64_t epoch, std::size_t slot, Batch& out) const override {
    const auto* pixels = reinterpret_cast<const std::uint8_t*>(stored(id));
    float* values = out.inputs.data_ptr<float>() + slot * sample_;
    if (!settings_.augmentation.any() && !resize_) return normalise(pixels, values);
    const ImageShape& shape = settings_.stored;
    const ImageChange change = draw_change(settings_.augmentation, settings_.seed, epoch, id);
    if (change.degrees != 0) {
      std::uint8_t* turned = scratch(0, shape.pixels());
      rotate_image(pixels, shape, change.degrees, turned);
      pixels = turned;
    }
    if (!resize_) return crop_flip_normalise(pixels, shape, change, settings_.scale, values);
    if (settings_.augmentation.any()) {
      std::uint8_t* moved = scratch(1, shape.pixels());
      crop_flip(pixels, shape, change, moved);
      pixels = moved;
    }
    resize_->run(pixels, settings_.scale, values);
  }

  void normalise(const std::uint8_t* pixels, float* values) const {
    const std::size_t plane = settings_.stored.plane();
    for (std::size_t c = 0; c < settings_.stored.channels; ++c)
      normalise_pixels(pixels + c * plane, plane, settings_.scale.scale[c], settings_.scale.shift[c],
                       values + c * plane);
  }

  ImageSettings settings_;
  std::size_t sample_ = 0;  // elements
  std::optional<BilinearResize> resize_;
};

}  // namespace

std::shared_ptr<const Dataset> image_dataset(std::shared_ptr<const DatasetInfo> info, EncodedSplit split,
                                             std::vector<std::int64_t> rows, ImageSettings settings) {
  return std::make_shared<ImageDataset>(info, std::move(split), std::move(rows), std::move(settings));
}

}  // namespace lockstep
