// Augmentation against its definition, pixel by pixel; which change an image gets; resizing.
#include "data/augment.hpp"

#include <cmath>
#include <map>
#include <numeric>

#include "support/catch.hpp"

using namespace lockstep;

namespace {

const ImageShape kShape{2, 5, 7};

std::vector<std::uint8_t> pixels_of(const ImageShape& shape) {
  std::vector<std::uint8_t> pixels(shape.pixels());
  std::iota(pixels.begin(), pixels.end(), std::uint8_t{1});
  return pixels;
}

// The definition: pad with zeros, cut out, mirror, scale.
float expected(const std::vector<std::uint8_t>& pixels, const ImageChange& change, const PixelScale& scale,
               std::size_t c, std::int64_t y, std::int64_t x) {
  const auto height = static_cast<std::int64_t>(kShape.height),
             width = static_cast<std::int64_t>(kShape.width);
  const std::int64_t from_y = y + change.down, from_x = (change.mirrored ? width - 1 - x : x) + change.right;
  const bool inside = from_y >= 0 && from_y < height && from_x >= 0 && from_x < width;
  const auto at = c * kShape.plane() + static_cast<std::size_t>(inside ? from_y * width + from_x : 0);
  return static_cast<float>(inside ? pixels[at] : 0) * scale.scale[c] + scale.shift[c];
}

}  // namespace

TEST_CASE("crop and flip equal the definition for every offset, also beyond the image") {
  const auto pixels = pixels_of(kShape);
  const PixelScale scale{{0.0123F, 2.1F}, {-0.43F, 0.77F}};  // the products round
  std::vector<float> out(kShape.pixels());
  std::vector<std::uint8_t> plain(kShape.pixels());
  for (std::int64_t down = -6; down <= 6; ++down)
    for (std::int64_t right = -8; right <= 8; ++right)
      for (const bool mirrored : {false, true}) {
        CAPTURE(down, right, mirrored);
        const ImageChange change{0, down, right, mirrored};
        std::fill(out.begin(), out.end(), -99.0F);
        crop_flip_normalise(pixels.data(), kShape, change, scale, out.data());
        crop_flip(pixels.data(), kShape, change, plain.data());
        bool same = true;
        for (std::size_t i = 0; i < out.size(); ++i) {
          const std::size_t c = i / kShape.plane(), in_plane = i % kShape.plane();
          const auto y = static_cast<std::int64_t>(in_plane / kShape.width),
                     x = static_cast<std::int64_t>(in_plane % kShape.width);
          same = same && out[i] == expected(pixels, change, scale, c, y, x);
          same = same && static_cast<float>(plain[i]) * scale.scale[c] + scale.shift[c] == out[i];
        }
        CHECK(same);
      }
}

TEST_CASE("a quarter turn and a half turn go counter-clockwise and lose nothing") {
  const ImageShape square{1, 4, 4};
  const auto pixels = pixels_of(square);
  std::vector<std::uint8_t> out(square.pixels());
  rotate_image(pixels.data(), square, 0, out.data());
  CHECK(out == pixels);
  rotate_image(pixels.data(), square, 90, out.data());
  CHECK(out == std::vector<std::uint8_t>{4, 8, 12, 16, 3, 7, 11, 15, 2, 6, 10, 14, 1, 5, 9, 13});
  rotate_image(pixels.data(), square, 180, out.data());
  CHECK(out == std::vector<std::uint8_t>(pixels.rbegin(), pixels.rend()));
}

TEST_CASE("a small turn takes the nearest pixel, and zero from outside") {
  const ImageShape shape{1, 28, 28};
  auto pixels = pixels_of(shape);
  for (auto& pixel : pixels) pixel |= 1;  // none is zero
  std::vector<std::uint8_t> out(shape.pixels());
  for (const double degrees : {-5.0, 3.3, 44.0}) {
    rotate_image(pixels.data(), shape, degrees, out.data());
    const double angle = degrees * 3.14159265358979 / 180;
    int wrong = 0;
    for (int y = 0; y < 28; ++y)
      for (int x = 0; x < 28; ++x) {
        // Where the centre of the pixel was before the turn; rows grow downwards.
        const double dx = x - 13.5, dy = y - 13.5;
        const double from_x = 14 + std::cos(angle) * dx - std::sin(angle) * dy,
                     from_y = 14 + std::sin(angle) * dx + std::cos(angle) * dy;
        const bool inside = from_x >= 0 && from_x < 28 && from_y >= 0 && from_y < 28;
        const int value =
            inside
                ? pixels[static_cast<std::size_t>(static_cast<int>(from_y) * 28 + static_cast<int>(from_x))]
                : 0;
        wrong += out[static_cast<std::size_t>(y * 28 + x)] != value;
      }
    CHECK(wrong <= 2);  // a place on the edge between two pixels may fall to either
  }
}

TEST_CASE("the change of an image follows from seed, epoch and sample alone, and covers what it may") {
  const Augmentation all{2, true, 5};
  std::map<std::int64_t, int> down, right;
  int mirrored = 0;
  double least = 9, most = -9;
  for (std::int64_t id = 0; id < 5000; ++id) {
    const ImageChange change = draw_change(all, 1, 3, id);
    const ImageChange again = draw_change(all, 1, 3, id);
    CHECK((change.down == again.down && change.right == again.right && change.degrees == again.degrees));
    ++down[change.down];
    ++right[change.right];
    mirrored += change.mirrored;
    least = std::min(least, change.degrees);
    most = std::max(most, change.degrees);
  }
  CHECK(down.size() == 5);
  CHECK(right.size() == 5);
  for (const auto& [offset, count] : down) {
    CHECK(std::abs(offset) <= 2);
    CHECK(count == Approx(1000).margin(130));
  }
  CHECK(mirrored == Approx(2500).margin(160));
  CHECK(least == Approx(-5).margin(0.05));
  CHECK(most == Approx(5).margin(0.05));
  int differs = 0;
  for (std::int64_t id = 0; id < 100; ++id) {
    const double degrees = draw_change(all, 1, 3, id).degrees;
    differs += degrees != draw_change(all, 1, 4, id).degrees && degrees != draw_change(all, 2, 3, id).degrees;
  }
  CHECK(differs == 100);
  const ImageChange none = draw_change({}, 1, 3, 4);
  CHECK((none.degrees == 0 && none.down == 0 && none.right == 0 && !none.mirrored));
}

TEST_CASE("resizing interpolates between pixel centres") {
  const std::vector<std::uint8_t> pixels = {0, 100, 40, 20};  // 2 x 2
  std::vector<float> out(16);
  BilinearResize({1, 2, 2}, 4, 4).run(pixels.data(), {{1.0F}, {0.0F}}, out.data());
  // torch.nn.functional.interpolate(..., size=4, mode="bilinear") of the same image.
  const std::vector<float> torch = {0,  25,    75,    100, 10, 27.5F, 62.5F, 80,
                                    30, 32.5F, 37.5F, 40,  40, 35,    25,    20};
  for (std::size_t i = 0; i < 16; ++i) CHECK(out[i] == Approx(torch[i]));
  BilinearResize({1, 2, 2}, 2, 2).run(pixels.data(), {{0.5F}, {1.0F}}, out.data());
  CHECK(std::vector<float>(out.begin(), out.begin() + 4) == std::vector<float>{1, 51, 21, 11});
}
