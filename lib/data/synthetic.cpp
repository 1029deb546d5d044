#include "data/synthetic.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numbers>

#include "base/digest.hpp"
#include "base/error.hpp"
#include "base/machine_memory.hpp"
#include "base/parallel_for.hpp"
#include "base/random.hpp"
#include "data/array_dataset.hpp"
#include "data/sources.hpp"

namespace lockstep {

namespace {

enum Purpose : std::uint64_t { kPattern = 0x706174, kImage = 0x696d67, kDocument = 0x646f63 };

// Writes one sample of a class, drawn from the sample's own stream.
using FillRow = std::function<void(RandomStream&, std::int64_t label, std::byte* out)>;

EncodedSplit fill_split(std::uint64_t seed, Purpose purpose, std::uint64_t split, std::int64_t rows,
                        std::int64_t classes, std::size_t row_bytes, int threads, const FillRow& fill) {
  const auto count = static_cast<std::size_t>(rows);
  const auto inputs = zeroed_bytes(count * row_bytes);
  const auto labels = zeroed_int32(count);
  parallel_for(count, threads, [&](std::size_t begin, std::size_t end) {
    for (std::size_t row = begin; row < end; ++row) {
      RandomStream stream({seed, purpose, split, row});
      const auto label = static_cast<std::int64_t>(stream.below(static_cast<std::uint64_t>(classes)));
      labels.get()[row] = static_cast<std::int32_t>(label);
      fill(stream, label, inputs.get() + row * row_bytes);
    }
  });
  return {rows, inputs, labels};
}

std::int64_t another_class(RandomStream& stream, std::int64_t label, std::int64_t classes) {
  if (classes == 1) return label;
  const auto step = 1 + stream.below(static_cast<std::uint64_t>(classes - 1));
  return (label + static_cast<std::int64_t>(step)) % classes;
}

// Mean 0, variance 1 to within a part in 10^4, in four additions: noise for pixels, where normal() would cost
// 30 ns.
float quick_normal(std::uint64_t bits) {
  const auto sum =
      static_cast<float>((bits & 0xffff) + (bits >> 16 & 0xffff) + (bits >> 32 & 0xffff) + (bits >> 48));
  return (sum - 2.0F * 65535.0F) *
         (1.0F / 37837.2F);  // the deviation of a sum of four uniform 16-bit numbers
}

struct Shape {
  std::int64_t channels, height, width;
  std::size_t pixels() const { return static_cast<std::size_t>(channels * height * width); }
};

// One smooth wave pattern a class, values in [-1, 1]: [classes][channels * height * width].
std::vector<std::vector<float>> class_patterns(std::uint64_t seed, std::int64_t classes, const Shape& shape) {
  std::vector<std::vector<float>> patterns;
  for (std::int64_t label = 0; label < classes; ++label) {
    RandomStream stream({seed, kPattern, static_cast<std::uint64_t>(label)});
    std::vector<float> pattern;
    for (std::int64_t c = 0; c < shape.channels; ++c) {
      const double across = 1 + static_cast<double>(stream.below(3)),
                   down = 1 + static_cast<double>(stream.below(3));
      const double phase_x = stream.uniform(), phase_y = stream.uniform();
      for (std::int64_t y = 0; y < shape.height; ++y)
        for (std::int64_t x = 0; x < shape.width; ++x) {
          const double turn_x = across * static_cast<double>(x) / static_cast<double>(shape.width) + phase_x;
          const double turn_y = down * static_cast<double>(y) / static_cast<double>(shape.height) + phase_y;
          pattern.push_back(static_cast<float>(std::sin(2 * std::numbers::pi * turn_x) *
                                               std::cos(2 * std::numbers::pi * turn_y)));
        }
    }
    patterns.push_back(std::move(pattern));
  }
  return patterns;
}

void draw_image(RandomStream& stream, const std::vector<float>& own, const std::vector<float>& other,
                const Shape& shape, std::uint8_t* out) {
  const auto weight = static_cast<float>(0.6 + 0.3 * stream.uniform());
  const auto shift_y = static_cast<std::int64_t>(stream.below(5)) - 2 + 2 * shape.height;
  const auto shift_x = static_cast<std::int64_t>(stream.below(5)) - 2 + 2 * shape.width;
  for (std::int64_t c = 0; c < shape.channels; ++c)
    for (std::int64_t y = 0; y < shape.height; ++y) {
      const std::int64_t row = (c * shape.height + (y + shift_y) % shape.height) * shape.width;
      for (std::int64_t x = 0; x < shape.width; ++x) {
        const auto from = static_cast<std::size_t>(row + (x + shift_x) % shape.width);
        const float clean = weight * own[from] + (1 - weight) * other[from];
        const float value = 127.5F + 55.0F * clean + 45.0F * quick_normal(stream.next());
        *out++ = static_cast<std::uint8_t>(std::clamp(value, 0.0F, 255.0F));
      }
    }
}

void check_counts(const RunConfig& config) {
  const auto positive = [&](const char* key, std::int64_t value) {
    if (value < 1) throw input_error("{} must be at least 1, not {}", config.place(key), value);
  };
  positive("data.samples", config.data.samples);
  positive("data.test_samples", config.data.test_samples);
  positive("data.classes", config.data.classes);
}

// All that the content follows from.
std::string settings_digest(const RunConfig& config) {
  const auto& data = config.data;
  Digest digest;
  digest.add_value(config.run.seed)
      .add_value(data.samples)
      .add_value(data.test_samples)
      .add_value(data.classes);
  if (data.name == "synthetic_text")
    return digest.add_value(data.max_length).add_value(data.vocabulary).hex();
  for (const std::int64_t extent : data.shape) digest.add_value(extent);
  return digest.hex();
}

}  // namespace

EncodedData synthetic_images(const RunConfig& config, int threads) {
  check_counts(config);
  const auto& data = config.data;
  if (data.shape.size() != 3 || *std::min_element(data.shape.begin(), data.shape.end()) < 1)
    throw input_error("{} must be three positive numbers: [channels, height, width]",
                      config.place("data.shape"));
  const Shape shape{data.shape[0], data.shape[1], data.shape[2]};
  const auto rows = static_cast<double>(data.samples + data.test_samples),
             classes = static_cast<double>(data.classes);
  require_memory(static_cast<double>(shape.pixels()) * (rows + classes * sizeof(float)),
                 machine_memory_bytes(),
                 fmt::format("{}: data.samples, data.test_samples and data.classes of this shape",
                             config.place("data.shape")));
  const auto patterns = class_patterns(config.run.seed, data.classes, shape);
  const FillRow fill = [&](RandomStream& stream, std::int64_t label, std::byte* out) {
    const std::int64_t other = another_class(stream, label, data.classes);
    draw_image(stream, patterns[static_cast<std::size_t>(label)], patterns[static_cast<std::size_t>(other)],
               shape, reinterpret_cast<std::uint8_t*>(out));
  };
  EncodedData encoded;
  encoded.sample_shape = data.shape;
  encoded.classes = data.classes;
  encoded.train =
      fill_split(config.run.seed, kImage, 0, data.samples, data.classes, shape.pixels(), threads, fill);
  encoded.test =
      fill_split(config.run.seed, kImage, 1, data.test_samples, data.classes, shape.pixels(), threads, fill);
  return encoded;
}

EncodedData synthetic_text(const RunConfig& config, int threads) {
  check_counts(config);
  const auto& data = config.data;
  if (data.max_length < 1) throw input_error("{} must be at least 1", config.place("data.max_length"));
  // Ids 1 .. classes * own belong to the classes; the words above them are common to all, small ids the
  // likelier.
  const std::int64_t own =
      std::min<std::int64_t>(50, (data.vocabulary - 1) / (2 * std::max<std::int64_t>(data.classes, 1)));
  if (own < 1)
    throw input_error("{} must be at least {} for {} classes", config.place("data.vocabulary"),
                      2 * data.classes + 1, data.classes);
  const std::int64_t common_first = 1 + own * data.classes, common = data.vocabulary - common_first;
  const FillRow fill = [&](RandomStream& stream, std::int64_t label, std::byte* out) {
    auto* ids = reinterpret_cast<std::int32_t*>(out);
    const std::int64_t other = another_class(stream, label, data.classes);
    const std::int64_t shortest = std::max<std::int64_t>(1, data.max_length / 4);
    const auto length =
        shortest +
        static_cast<std::int64_t>(stream.below(static_cast<std::uint64_t>(data.max_length - shortest + 1)));
    for (std::int64_t i = 0; i < length; ++i) {
      const double kind = stream.uniform();
      const auto of_class = [&](std::int64_t c) {
        return 1 + c * own + static_cast<std::int64_t>(stream.below(static_cast<std::uint64_t>(own)));
      };
      const double u = stream.uniform();
      const auto common_word =
          common_first + static_cast<std::int64_t>(u * u * u * static_cast<double>(common));
      ids[i] = static_cast<std::int32_t>(kind < 0.14   ? of_class(label)
                                         : kind < 0.20 ? of_class(other)
                                                       : common_word);
    }
  };
  EncodedData encoded;
  encoded.text = true;
  encoded.sample_shape = {data.max_length};
  encoded.vocabulary = data.vocabulary;
  encoded.classes = data.classes;
  const std::size_t bytes = encoded.row_bytes();
  require_memory(
      static_cast<double>(bytes) * static_cast<double>(data.samples + data.test_samples),
      machine_memory_bytes(),
      fmt::format("{}: data.samples and data.test_samples of this length", config.place("data.max_length")));
  encoded.train = fill_split(config.run.seed, kDocument, 0, data.samples, data.classes, bytes, threads, fill);
  encoded.test =
      fill_split(config.run.seed, kDocument, 1, data.test_samples, data.classes, bytes, threads, fill);
  return encoded;
}

DataSplits load_synthetic_images(const RunConfig& config, int threads) {
  // The generator's own mean and deviation, to a few percent.
  return split_encoded(synthetic_images(config, threads), config, {{0.5F}, {0.21F}}, settings_digest(config));
}

DataSplits load_synthetic_text(const RunConfig& config, int threads) {
  return split_encoded(synthetic_text(config, threads), config, {}, settings_digest(config));
}

}  // namespace lockstep
