#include "data/token_dataset.hpp"

#include <utility>

#include "base/digest.hpp"
#include "data/array_dataset.hpp"
#include "data/convert.hpp"
#include "data/fetch_checks.hpp"

namespace lockstep {

namespace {

class TokenDataset final : public Dataset {
 public:
  TokenDataset(std::shared_ptr<const DatasetInfo> info, RunningText text, std::vector<std::int64_t> windows)
      : info_(std::move(info)),
        text_(std::move(text)),
        windows_(std::move(windows)),
        length_(info_->sample_shape.at(0)) {}

  const DatasetInfo& info() const override { return *info_; }
  std::int64_t size() const override { return static_cast<std::int64_t>(windows_.size()); }
  Lengths lengths_of(std::int64_t) const override { return {length_, length_}; }
  std::int64_t loss_terms(std::int64_t) const override { return length_; }

  void fetch(std::span<const std::int64_t> ids, std::int64_t, Batch& out) const override {
    check_capacity(ids, out);
    check_length(length_, out.lengths.input, out.inputs);
    check_length(length_, out.lengths.target, out.targets);
    for (std::size_t i = 0; i < ids.size(); ++i) {
      check_id(ids[i], *this);
      const auto begin = static_cast<std::size_t>(windows_[static_cast<std::size_t>(ids[i])] * length_);
      write(begin, out.inputs.data_ptr<std::int64_t>() + i * static_cast<std::size_t>(length_));
      write(begin + 1, out.targets.data_ptr<std::int64_t>() + i * static_cast<std::size_t>(length_));
    }
    out.size = static_cast<std::int64_t>(ids.size());
  }

 private:
  void write(std::size_t begin, std::int64_t* out) const {
    const std::byte* first = text_.bytes.get() + begin * text_.token_bytes;
    const auto count = static_cast<std::size_t>(length_);
    if (text_.token_bytes == 1)
      widen_bytes(reinterpret_cast<const std::uint8_t*>(first), count, out);
    else
      widen_tokens(reinterpret_cast<const std::int32_t*>(first), count, out);
  }

  std::shared_ptr<const DatasetInfo> info_;
  RunningText text_;
  std::vector<std::int64_t> windows_;
  std::int64_t length_;
};

}  // namespace

std::shared_ptr<const Dataset> token_dataset(std::shared_ptr<const DatasetInfo> info, RunningText text,
                                             std::vector<std::int64_t> windows) {
  return std::make_shared<TokenDataset>(std::move(info), std::move(text), std::move(windows));
}

DataSplits split_running_text(const RunConfig& config, const RunningText& train, const RunningText& test,
                              std::int64_t vocabulary, const std::string& digest) {
  const auto& data = config.data;
  auto info = std::make_shared<DatasetInfo>();
  info->name = data.name;
  info->kind = SampleKind::tokens;
  info->sample_shape = info->target_shape = {data.max_length};
  info->vocabulary = vocabulary;
  Digest all;
  all.add(digest).add(data.name).add_value(data.max_length).add_value(data.max_train_rows);
  all.add_value(data.validation);
  if (data.validation > 0) all.add_value(config.run.seed);
  info->digest = all.hex();
  RowSplit windows =
      split_rows(train.windows(data.max_length), data.max_train_rows, data.validation, config.run.seed);
  DataSplits splits;
  splits.train = token_dataset(info, train, std::move(windows.train));
  if (!windows.validation.empty())
    splits.validation = token_dataset(info, train, std::move(windows.validation));
  splits.test = token_dataset(info, test, split_rows(test.windows(data.max_length), 0, 0, 0).train);
  return splits;
}

}  // namespace lockstep
