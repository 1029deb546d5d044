// Augmentation of training images: which change an image gets, a pure function of seed, epoch and sample, and
// the one pass that crops, flips and normalises. No Torch here; compiled with full vectorisation.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace lockstep {

struct ImageShape {
  std::size_t channels = 0, height = 0, width = 0;
  std::size_t plane() const { return height * width; }
  std::size_t pixels() const { return channels * plane(); }
};

// What may happen to an image of the training split; nothing by default.
struct Augmentation {
  std::int64_t crop_padding = 0;  // zero pixels on each side before a random cut of the old size
  bool flip = false;              // left to right, with probability 1/2
  double rotation = 0;            // uniform in +- so many degrees about the centre
  bool any() const { return crop_padding > 0 || flip || rotation > 0; }
};

// What does happen to one image, in this order: turned, cropped, mirrored.
struct ImageChange {
  double degrees = 0;                // counter-clockwise
  std::int64_t down = 0, right = 0;  // pixel (y, x) of the result is (y + down, x + right) of the image
  bool mirrored = false;
};
ImageChange draw_change(const Augmentation& augmentation, std::uint64_t seed, std::int64_t epoch,
                        std::int64_t id);

// Per channel: value = pixel * scale + shift.
struct PixelScale {
  std::vector<float> scale, shift;  // [channels]
};

// (C, H, W) uint8 to float32, moved and mirrored as the change says; pixels from outside the image are 0
// before they are scaled, as with torchvision's RandomCrop of images. Does not rotate.
void crop_flip_normalise(const std::uint8_t* pixels, const ImageShape& shape, const ImageChange& change,
                         const PixelScale& scale, float* out);
// The same, without scaling, to uint8.
void crop_flip(const std::uint8_t* pixels, const ImageShape& shape, const ImageChange& change,
               std::uint8_t* out);

// Turns an image about its centre, nearest neighbour, with 0 where nothing was: the arithmetic, in 16.16
// fixed point, of Pillow's Image.rotate, which torchvision's RandomRotation calls.
void rotate_image(const std::uint8_t* pixels, const ImageShape& shape, double degrees, std::uint8_t* out);

// Bilinear, (C, H, W) uint8 to (C, height, width) float32, then scaled. Pixel centres lie at halves, edges
// are repeated: torch.nn.functional.interpolate(mode="bilinear", align_corners=False).
class BilinearResize {
 public:
  BilinearResize(const ImageShape& from, std::size_t height, std::size_t width);
  void run(const std::uint8_t* pixels, const PixelScale& scale, float* out) const;

 private:
  struct Tap {  // of one row or column of the result
    std::uint32_t first, second;
    float weight;  // of the second
  };
  static std::vector<Tap> taps(std::size_t from, std::size_t to);
  void stretch(const std::uint8_t* row, float* out) const;  // one row to the width of the result

  ImageShape from_;
  std::vector<Tap> rows_, columns_;
};

}  // namespace lockstep
