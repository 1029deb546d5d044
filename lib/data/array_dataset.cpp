#include "data/array_dataset.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <utility>

#include "base/digest.hpp"
#include "base/error.hpp"
#include "base/random.hpp"
#include "data/convert.hpp"
#include "data/fetch_checks.hpp"
#include "data/image_dataset.hpp"
#include "data/row_dataset.hpp"

namespace lockstep {

namespace {

constexpr std::uint64_t kSplitPurpose = 0x73706c6974;  // "split"

class TextDataset final : public RowDataset {
 public:
  TextDataset(std::shared_ptr<const DatasetInfo> about, EncodedSplit split, std::vector<std::int64_t> rows)
      : RowDataset(about, std::move(split), std::move(rows),
                   static_cast<std::size_t>(about->sample_shape.at(0)) * sizeof(std::int32_t)) {
    lengths_.reserve(static_cast<std::size_t>(size()));
    for (std::int64_t id = 0; id < size(); ++id) {
      std::int64_t length = about->sample_shape.at(0);
      while (length > 0 && tokens(id)[length - 1] == 0) --length;
      lengths_.push_back(static_cast<std::int32_t>(length));
    }
  }
  Lengths lengths_of(std::int64_t id) const override { return {lengths_[static_cast<std::size_t>(id)], 0}; }

 private:
  const std::int32_t* tokens(std::int64_t id) const {
    return reinterpret_cast<const std::int32_t*>(stored(id));
  }
  void write_sample(std::int64_t id, std::int64_t, std::size_t slot, Batch& out) const override {
    const std::int64_t length = out.lengths.input;
    check_length(lengths_[static_cast<std::size_t>(id)], length, out.inputs);
    widen_tokens(tokens(id), static_cast<std::size_t>(length),
                 out.inputs.data_ptr<std::int64_t>() + slot * static_cast<std::size_t>(length));
  }

  std::vector<std::int32_t> lengths_;  // tokens of each sample without its padding
};

std::vector<std::int64_t> all_rows(std::int64_t count) {
  std::vector<std::int64_t> rows(static_cast<std::size_t>(count));
  std::iota(rows.begin(), rows.end(), 0);
  return rows;
}

void check_image_keys(const RunConfig& config, const std::vector<std::int64_t>& shape) {
  const std::int64_t smallest = std::min(shape.at(1), shape.at(2));
  if (config.data.crop_padding >= smallest)
    throw input_error("{} is {}, but the images are {} x {}: it must be smaller",
                      config.place("data.crop_padding"), config.data.crop_padding, shape[1], shape[2]);
}

// What images go through on their way into a batch is part of what is trained on.
void add_image_keys(const RunConfig::Data& data, Digest& digest) {
  digest.add_value(data.normalise).add_value(data.resize).add_value(data.crop_padding);
  digest.add_value(data.flip).add_value(data.rotation);
}

DatasetInfo describe(const EncodedData& data, const RunConfig& config, const std::string& source_digest) {
  DatasetInfo info;
  info.name = config.data.name;
  info.kind = data.text ? SampleKind::text : SampleKind::images;
  info.sample_shape = data.sample_shape;
  if (!data.text && config.data.resize > 0)
    info.sample_shape = {data.sample_shape.at(0), config.data.resize, config.data.resize};
  info.vocabulary = data.vocabulary;
  info.classes = data.classes;
  info.class_names = data.class_names;
  if (!data.words.empty()) info.words = std::make_shared<const std::vector<std::string>>(data.words);
  Digest digest;
  digest.add(source_digest)
      .add(config.data.name)
      .add_value(config.data.max_train_rows)
      .add_value(config.data.validation);
  if (config.data.validation > 0) digest.add_value(config.run.seed);
  if (!data.text) add_image_keys(config.data, digest);
  info.digest = digest.hex();
  return info;
}

PixelScale pixel_scale(const Normalisation& normalisation, std::int64_t channels, bool normalise) {
  PixelScale pixels;
  for (std::size_t c = 0; c < static_cast<std::size_t>(channels); ++c) {
    const std::size_t entry = normalisation.mean.size() == 1 ? 0 : c;
    const float mean = normalise ? normalisation.mean.at(entry) : 0,
                deviation = normalise ? normalisation.deviation.at(entry) : 1;
    pixels.scale.push_back(1.0F / (255.0F * deviation));
    pixels.shift.push_back(-mean / deviation);
  }
  return pixels;
}

ImageSettings image_settings(const EncodedData& data, const RunConfig& config,
                             const Normalisation& normalisation) {
  check_image_keys(config, data.sample_shape);
  const auto extent = [&](std::size_t axis) { return static_cast<std::size_t>(data.sample_shape.at(axis)); };
  return {{extent(0), extent(1), extent(2)},
          pixel_scale(normalisation, data.sample_shape[0], config.data.normalise),
          {config.data.crop_padding, config.data.flip, config.data.rotation},
          config.run.seed};
}

}  // namespace

RowSplit split_rows(std::int64_t rows, std::int64_t max_rows, double validation, std::uint64_t seed) {
  const std::int64_t used = max_rows > 0 ? std::min(rows, max_rows) : rows;
  if (validation <= 0) return {all_rows(used), {}};
  if (used < 2)
    throw input_error("data.validation {} leaves nothing to train on: there is {} row; set it to 0",
                      validation, used);
  const auto wanted = static_cast<std::int64_t>(std::llround(validation * static_cast<double>(used)));
  const std::int64_t held_out = std::clamp<std::int64_t>(wanted, 1, used - 1);
  auto order = random_permutation(used, RandomStream({seed, kSplitPurpose}));
  const auto cut = order.begin() + held_out;
  RowSplit split{{cut, order.end()}, {order.begin(), cut}};
  std::sort(split.train.begin(), split.train.end());
  std::sort(split.validation.begin(), split.validation.end());
  return split;
}

DataSplits split_encoded(const EncodedData& data, const RunConfig& config, const Normalisation& normalisation,
                         const std::string& source_digest) {
  using Made = std::shared_ptr<const Dataset>;
  std::function<Made(const EncodedSplit&, std::vector<std::int64_t>, bool)> make;
  const auto info = std::make_shared<const DatasetInfo>(describe(data, config, source_digest));
  if (data.text) {
    make = [&](const EncodedSplit& split, std::vector<std::int64_t> rows, bool) -> Made {
      return std::make_shared<TextDataset>(info, split, std::move(rows));
    };
  } else {
    make = [&, settings = image_settings(data, config, normalisation)](
               const EncodedSplit& split, std::vector<std::int64_t> rows, bool augmented) {
      ImageSettings own = settings;
      if (!augmented) own.augmentation = {};
      return image_dataset(info, split, std::move(rows), std::move(own));
    };
  }
  RowSplit rows =
      split_rows(data.train.rows, config.data.max_train_rows, config.data.validation, config.run.seed);
  DataSplits splits;
  splits.train = make(data.train, std::move(rows.train), true);
  if (!rows.validation.empty()) splits.validation = make(data.train, std::move(rows.validation), false);
  splits.test = make(data.test, all_rows(data.test.rows), false);
  return splits;
}

}  // namespace lockstep
