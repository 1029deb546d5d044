#include "data/array_dataset.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "base/digest.hpp"
#include "base/error.hpp"
#include "base/random.hpp"
#include "data/convert.hpp"
#include "data/fetch_checks.hpp"
#include "data/row_dataset.hpp"

namespace lockstep {

namespace {

constexpr std::uint64_t kSplitPurpose = 0x73706c6974;  // "split"

std::size_t product(const std::vector<std::int64_t>& extents) {
  return static_cast<std::size_t>(
      std::accumulate(extents.begin(), extents.end(), std::int64_t{1}, std::multiplies<>()));
}

class ImageDataset final : public RowDataset {
 public:
  ImageDataset(std::shared_ptr<const DatasetInfo> about, EncodedSplit split, std::vector<std::int64_t> rows,
               const Normalisation& normalisation)
      : RowDataset(about, std::move(split), std::move(rows), product(about->sample_shape)),
        sample_(product(about->sample_shape)),
        channels_(static_cast<std::size_t>(about->sample_shape.at(0))) {
    for (std::size_t c = 0; c < channels_; ++c) {
      const std::size_t entry = normalisation.mean.size() == 1 ? 0 : c;
      const float deviation = normalisation.deviation.at(entry);
      scale_.push_back(1.0F / (255.0F * deviation));
      shift_.push_back(-normalisation.mean.at(entry) / deviation);
    }
  }

 private:
  void write_sample(std::int64_t id, std::int64_t, std::size_t slot, Batch& out) const override {
    const auto* pixels = reinterpret_cast<const std::uint8_t*>(stored(id));
    float* values = out.inputs.data_ptr<float>() + slot * sample_;
    const std::size_t plane = sample_ / channels_;
    for (std::size_t c = 0; c < channels_; ++c)
      normalise_pixels(pixels + c * plane, plane, scale_[c], shift_[c], values + c * plane);
  }

  std::size_t sample_, channels_;
  std::vector<float> scale_, shift_;  // [channels]
};

class TextDataset final : public RowDataset {
 public:
  TextDataset(std::shared_ptr<const DatasetInfo> about, EncodedSplit split, std::vector<std::int64_t> rows)
      : RowDataset(about, std::move(split), std::move(rows),
                   product(about->sample_shape) * sizeof(std::int32_t)) {
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

DatasetInfo describe(const EncodedData& data, const RunConfig& config, const std::string& source_digest) {
  DatasetInfo info;
  info.name = config.data.name;
  info.kind = data.text ? SampleKind::text : SampleKind::images;
  info.sample_shape = data.sample_shape;
  info.vocabulary = data.vocabulary;
  info.classes = data.classes;
  info.class_names = data.class_names;
  Digest digest;
  digest.add(source_digest)
      .add(config.data.name)
      .add_value(config.data.max_train_rows)
      .add_value(config.data.validation);
  if (config.data.validation > 0) digest.add_value(config.run.seed);
  info.digest = digest.hex();
  return info;
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

std::shared_ptr<const Dataset> array_dataset(std::shared_ptr<const DatasetInfo> info, EncodedSplit split,
                                             std::vector<std::int64_t> rows,
                                             const Normalisation& normalisation) {
  if (info->kind == SampleKind::images)
    return std::make_shared<ImageDataset>(std::move(info), std::move(split), std::move(rows), normalisation);
  return std::make_shared<TextDataset>(std::move(info), std::move(split), std::move(rows));
}

DataSplits split_encoded(const EncodedData& data, const RunConfig& config, const Normalisation& normalisation,
                         const std::string& source_digest) {
  const auto info = std::make_shared<const DatasetInfo>(describe(data, config, source_digest));
  RowSplit rows =
      split_rows(data.train.rows, config.data.max_train_rows, config.data.validation, config.run.seed);
  DataSplits splits;
  splits.train = array_dataset(info, data.train, std::move(rows.train), normalisation);
  if (!rows.validation.empty())
    splits.validation = array_dataset(info, data.train, std::move(rows.validation), normalisation);
  splits.test = array_dataset(info, data.test, all_rows(data.test.rows), normalisation);
  return splits;
}

}  // namespace lockstep
