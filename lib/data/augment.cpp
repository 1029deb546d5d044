#include "data/augment.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numbers>
#include <utility>

#include "base/random.hpp"
#include "base/vector_clones.hpp"

namespace lockstep {

namespace {

constexpr std::uint64_t kAugmentPurpose = 0x6175676d656e74;  // "augment"

// Of a line of `size` pixels read from `offset` on: which of its places lie within the image.
struct Within {
  std::size_t begin, end;
};
Within within(std::int64_t offset, std::size_t size) {
  const auto length = static_cast<std::int64_t>(size);
  const std::int64_t begin = std::clamp<std::int64_t>(-offset, 0, length);
  return {static_cast<std::size_t>(begin),
          static_cast<std::size_t>(std::clamp<std::int64_t>(length - offset, begin, length))};
}

struct Scaled {
  float scale, shift;
  float operator()(std::uint8_t pixel) const { return static_cast<float>(pixel) * scale + shift; }
};
struct Unscaled {
  std::uint8_t operator()(std::uint8_t pixel) const { return pixel; }
};

// One row: `count` pixels from `from`, forwards or mirrored.
template <typename T, typename Convert>
[[gnu::always_inline]] inline void copy_row(const std::uint8_t* __restrict from, std::size_t count,
                                            bool mirrored, Convert convert, T* __restrict to) {
  if (mirrored) {
    for (std::size_t i = 0; i < count; ++i) to[i] = convert(from[count - 1 - i]);
  } else {
    for (std::size_t i = 0; i < count; ++i) to[i] = convert(from[i]);
  }
}

template <typename T, typename Convert>
[[gnu::always_inline]] inline void crop_flip_plane(const std::uint8_t* pixels, const ImageShape& shape,
                                                   const ImageChange& change, Convert convert, T* out) {
  const Within rows = within(change.down, shape.height), columns = within(change.right, shape.width);
  const std::size_t width = shape.width, count = columns.end - columns.begin;
  const std::size_t first = change.mirrored ? width - columns.end : columns.begin;
  const T outside = convert(0);
  std::fill(out, out + rows.begin * width, outside);
  for (std::size_t y = rows.begin; y < rows.end; ++y) {
    T* row = out + y * width;
    const auto from_y = static_cast<std::size_t>(static_cast<std::int64_t>(y) + change.down);
    const auto from_x = static_cast<std::size_t>(static_cast<std::int64_t>(columns.begin) + change.right);
    std::fill(row, row + first, outside);
    copy_row(pixels + from_y * width + from_x, count, change.mirrored, convert, row + first);
    std::fill(row + first + count, row + width, outside);
  }
  std::fill(out + rows.end * width, out + shape.plane(), outside);
}

LOCKSTEP_CLONES void blend_rows(const float* __restrict above, const float* __restrict below, float weight,
                                Scaled scaled, std::size_t count, float* __restrict out) {
  for (std::size_t i = 0; i < count; ++i)
    out[i] = (above[i] + (below[i] - above[i]) * weight) * scaled.scale + scaled.shift;
}

std::int64_t offset_up_to(RandomStream& stream, std::int64_t padding) {
  return static_cast<std::int64_t>(stream.below(static_cast<std::uint64_t>(2 * padding + 1))) - padding;
}

std::int64_t fixed_point(double value) { return static_cast<std::int64_t>(std::floor(value * 65536 + 0.5)); }

}  // namespace

ImageChange draw_change(const Augmentation& augmentation, std::uint64_t seed, std::int64_t epoch,
                        std::int64_t id) {
  RandomStream stream(
      {seed, kAugmentPurpose, static_cast<std::uint64_t>(epoch), static_cast<std::uint64_t>(id)});
  ImageChange change;
  if (augmentation.rotation > 0) change.degrees = augmentation.rotation * (2 * stream.uniform() - 1);
  if (augmentation.crop_padding > 0) {
    change.down = offset_up_to(stream, augmentation.crop_padding);
    change.right = offset_up_to(stream, augmentation.crop_padding);
  }
  if (augmentation.flip) change.mirrored = stream.below(2) == 1;
  return change;
}

LOCKSTEP_CLONES void crop_flip_normalise(const std::uint8_t* pixels, const ImageShape& shape,
                                         const ImageChange& change, const PixelScale& scale, float* out) {
  for (std::size_t c = 0; c < shape.channels; ++c)
    crop_flip_plane(pixels + c * shape.plane(), shape, change, Scaled{scale.scale[c], scale.shift[c]},
                    out + c * shape.plane());
}

void crop_flip(const std::uint8_t* pixels, const ImageShape& shape, const ImageChange& change,
               std::uint8_t* out) {
  for (std::size_t c = 0; c < shape.channels; ++c)
    crop_flip_plane(pixels + c * shape.plane(), shape, change, Unscaled{}, out + c * shape.plane());
}

void rotate_image(const std::uint8_t* pixels, const ImageShape& shape, double degrees, std::uint8_t* out) {
  const double angle = -degrees * std::numbers::pi / 180;
  const double cosine = std::cos(angle), sine = std::sin(angle);
  const double centre_x = static_cast<double>(shape.width) / 2,
               centre_y = static_cast<double>(shape.height) / 2;
  const double start_x = centre_x - cosine * centre_x - sine * centre_y + (cosine + sine) / 2;
  const double start_y = centre_y + sine * centre_x - cosine * centre_y + (cosine - sine) / 2;
  const std::int64_t step_c = fixed_point(cosine), step_s = fixed_point(sine);
  std::int64_t row_x = fixed_point(start_x), row_y = fixed_point(start_y);
  std::memset(out, 0, shape.pixels());
  for (std::size_t y = 0; y < shape.height; ++y, row_x += step_s, row_y += step_c) {
    std::int64_t at_x = row_x, at_y = row_y;
    for (std::size_t x = 0; x < shape.width; ++x, at_x += step_c, at_y -= step_s) {
      const auto from_x = static_cast<std::size_t>(at_x >> 16), from_y = static_cast<std::size_t>(at_y >> 16);
      if (from_x >= shape.width || from_y >= shape.height) continue;  // negative ones wrap to large ones
      for (std::size_t c = 0; c < shape.pixels(); c += shape.plane())
        out[c + y * shape.width + x] = pixels[c + from_y * shape.width + from_x];
    }
  }
}

BilinearResize::BilinearResize(const ImageShape& from, std::size_t height, std::size_t width)
    : from_(from), rows_(taps(from.height, height)), columns_(taps(from.width, width)) {}

std::vector<BilinearResize::Tap> BilinearResize::taps(std::size_t from, std::size_t to) {
  std::vector<Tap> taps;
  for (std::size_t i = 0; i < to; ++i) {
    const double centre =
        (static_cast<double>(i) + 0.5) * static_cast<double>(from) / static_cast<double>(to) - 0.5;
    const double at = std::clamp(centre, 0.0, static_cast<double>(from - 1));
    const auto first = static_cast<std::uint32_t>(at);
    const auto last = static_cast<std::uint32_t>(from - 1);
    taps.push_back({first, std::min(first + 1, last), static_cast<float>(at - first)});
  }
  return taps;
}

void BilinearResize::stretch(const std::uint8_t* row, float* out) const {
  for (const Tap& x : columns_) {
    const float left = row[x.first], right = row[x.second];
    *out++ = left + (right - left) * x.weight;
  }
}

void BilinearResize::run(const std::uint8_t* pixels, const PixelScale& scale, float* out) const {
  // The two stretched rows between which a row of the result lies. A thread keeps its memory.
  thread_local std::vector<float> memory;
  const std::size_t width = columns_.size();
  if (memory.size() < 2 * width) memory.resize(2 * width);
  for (std::size_t c = 0; c < from_.channels; ++c) {
    const std::uint8_t* plane = pixels + c * from_.plane();
    float *above = memory.data(), *below = above + width;
    std::int64_t above_row = -1, below_row = -1;
    for (const Tap& y : rows_) {
      if (above_row != y.first) {
        std::swap(above, below);
        std::swap(above_row, below_row);
      }
      if (above_row != y.first) stretch(plane + y.first * from_.width, above);
      if (below_row != y.second) stretch(plane + y.second * from_.width, below);
      above_row = y.first;
      below_row = y.second;
      blend_rows(above, below, y.weight, {scale.scale[c], scale.shift[c]}, width, out);
      out += width;
    }
  }
}

}  // namespace lockstep
