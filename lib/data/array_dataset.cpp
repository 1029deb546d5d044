#include "data/array_dataset.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "base/digest.hpp"
#include "base/error.hpp"
#include "base/random.hpp"
#include "data/convert.hpp"

namespace lockstep {

namespace {

constexpr std::uint64_t kSplitPurpose = 0x73706c6974;  // "split"

std::size_t product(const std::vector<std::int64_t>& extents) {
  return static_cast<std::size_t>(
      std::accumulate(extents.begin(), extents.end(), std::int64_t{1}, std::multiplies<>()));
}

class ArrayDataset : public Dataset {
 public:
  ArrayDataset(std::shared_ptr<const DatasetInfo> info, EncodedSplit split, std::vector<std::int64_t> rows)
      : info_(std::move(info)),
        split_(std::move(split)),
        rows_(std::move(rows)),
        sample_(product(info_->sample_shape)),
        row_bytes_(sample_ * (info_->kind == SampleKind::text ? sizeof(std::int32_t) : 1)) {}

  const DatasetInfo& info() const override { return *info_; }
  std::int64_t size() const override { return static_cast<std::int64_t>(rows_.size()); }

  void fetch(std::span<const std::int64_t> ids, std::int64_t, Batch& out) const override {
    // Shuffled rows lie anywhere in memory: asking for them a few ahead hides most of the wait.
    constexpr std::size_t kAhead = 6;
    if (static_cast<std::int64_t>(ids.size()) > out.targets.size(0))
      throw run_error("a batch of {} samples was asked for, but it holds {}", ids.size(),
                      out.targets.size(0));
    auto* targets = out.targets.data_ptr<std::int64_t>();
    for (std::size_t i = 0; i < ids.size(); ++i) {
      if (ids[i] < 0 || ids[i] >= size())
        throw run_error("sample {} of '{}' was asked for, but there are {}", ids[i], info_->name, size());
      if (i + kAhead < ids.size()) prefetch(ids[i + kAhead]);
      const auto row = static_cast<std::size_t>(rows_[static_cast<std::size_t>(ids[i])]);
      targets[i] = split_.labels.get()[row];
      write_row(row, i, out);
    }
    out.size = static_cast<std::int64_t>(ids.size());
  }

 protected:
  std::size_t sample() const { return sample_; }  // elements of a sample
  const std::byte* stored() const { return split_.inputs.get(); }

 private:
  void prefetch(std::int64_t id) const {
    constexpr std::size_t kLine = 64, kMost = 8192;
    if (id < 0 || id >= size()) return;  // reported when its turn comes
    const auto row = static_cast<std::size_t>(rows_[static_cast<std::size_t>(id)]);
    const std::byte* start = split_.inputs.get() + row * row_bytes_;
    for (std::size_t at = 0; at < std::min(row_bytes_, kMost); at += kLine) __builtin_prefetch(start + at);
    __builtin_prefetch(split_.labels.get() + row);
  }

  virtual void write_row(std::size_t row, std::size_t slot, Batch& out) const = 0;

  std::shared_ptr<const DatasetInfo> info_;
  EncodedSplit split_;
  std::vector<std::int64_t> rows_;
  std::size_t sample_, row_bytes_;
};

class ImageDataset final : public ArrayDataset {
 public:
  ImageDataset(std::shared_ptr<const DatasetInfo> info, EncodedSplit split, std::vector<std::int64_t> rows,
               const Normalisation& normalisation)
      : ArrayDataset(std::move(info), std::move(split), std::move(rows)),
        channels_(static_cast<std::size_t>(this->info().sample_shape.at(0))) {
    for (std::size_t c = 0; c < channels_; ++c) {
      const std::size_t entry = normalisation.mean.size() == 1 ? 0 : c;
      const float deviation = normalisation.deviation.at(entry);
      scale_.push_back(1.0F / (255.0F * deviation));
      shift_.push_back(-normalisation.mean.at(entry) / deviation);
    }
  }

 private:
  void write_row(std::size_t row, std::size_t slot, Batch& out) const override {
    const auto* pixels = reinterpret_cast<const std::uint8_t*>(stored()) + row * sample();
    float* values = out.inputs.data_ptr<float>() + slot * sample();
    const std::size_t plane = sample() / channels_;
    for (std::size_t c = 0; c < channels_; ++c)
      normalise_pixels(pixels + c * plane, plane, scale_[c], shift_[c], values + c * plane);
  }

  std::size_t channels_;
  std::vector<float> scale_, shift_;  // [channels]
};

class TextDataset final : public ArrayDataset {
  using ArrayDataset::ArrayDataset;
  void write_row(std::size_t row, std::size_t slot, Batch& out) const override {
    const auto* ids = reinterpret_cast<const std::int32_t*>(stored()) + row * sample();
    widen_tokens(ids, sample(), out.inputs.data_ptr<std::int64_t>() + slot * sample());
  }
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
