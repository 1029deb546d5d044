#include "data/pair_dataset.hpp"

#include <algorithm>
#include <utility>

#include "base/special_tokens.hpp"
#include "data/convert.hpp"
#include "data/fetch_checks.hpp"

namespace lockstep {

namespace {

// A row of `room` ids: the tokens, then padding.
void write_row(std::span<const std::int32_t> tokens, std::int64_t room, std::size_t slot, at::Tensor& out) {
  check_length(static_cast<std::int64_t>(tokens.size()), room, out);
  std::int64_t* row = out.data_ptr<std::int64_t>() + slot * static_cast<std::size_t>(room);
  widen_tokens(tokens.data(), tokens.size(), row);
  std::fill(row + tokens.size(), row + room, kPaddingToken);
}

class PairDataset final : public Dataset {
 public:
  PairDataset(std::shared_ptr<const DatasetInfo> info, std::shared_ptr<const PairSplit> split,
              std::vector<std::int64_t> rows)
      : info_(std::move(info)), split_(std::move(split)), rows_(std::move(rows)) {}

  const DatasetInfo& info() const override { return *info_; }
  std::int64_t size() const override { return static_cast<std::int64_t>(rows_.size()); }
  Lengths lengths_of(std::int64_t id) const override {
    return {static_cast<std::int64_t>(tokens(split_->source, id).size()),
            static_cast<std::int64_t>(tokens(split_->target, id).size())};
  }
  // Each target token but the first is predicted.
  std::int64_t loss_terms(std::int64_t id) const override { return lengths_of(id).target - 1; }
  std::string source_text(std::int64_t id) const override {
    return text(split_->source, info_->words.get(), id);
  }
  std::string target_text(std::int64_t id) const override {
    return text(split_->target, info_->target_words.get(), id);
  }

  void fetch(std::span<const std::int64_t> ids, std::int64_t, Batch& out) const override {
    check_capacity(ids, out);
    for (std::size_t i = 0; i < ids.size(); ++i) {
      check_id(ids[i], *this);
      write_row(tokens(split_->source, ids[i]), out.lengths.input, i, out.inputs);
      write_row(tokens(split_->target, ids[i]), out.lengths.target, i, out.targets);
    }
    out.size = static_cast<std::int64_t>(ids.size());
  }

 private:
  std::int64_t row(std::int64_t id) const { return rows_[static_cast<std::size_t>(id)]; }
  std::span<const std::int32_t> tokens(const Sentences& side, std::int64_t id) const {
    return side.rows.row(row(id));
  }
  std::string text(const Sentences& side, const std::vector<std::string>* words, std::int64_t id) const {
    check_id(id, *this);
    if (!side.texts.empty()) return std::string(side.texts[static_cast<std::size_t>(row(id))]);
    std::string joined;
    const auto sentence = tokens(side, id);
    for (const std::int32_t token : sentence.subspan(1, sentence.size() - 2))
      joined += (joined.empty() ? "" : " ") + words->at(static_cast<std::size_t>(token));
    return joined;
  }

  std::shared_ptr<const DatasetInfo> info_;
  std::shared_ptr<const PairSplit> split_;
  std::vector<std::int64_t> rows_;
};

}  // namespace

std::int64_t TokenRows::longest() const {
  std::size_t most = 0;
  for (std::size_t i = 1; i < ends.size(); ++i) most = std::max(most, ends[i] - ends[i - 1]);
  return static_cast<std::int64_t>(most);
}

std::shared_ptr<const Dataset> pair_dataset(std::shared_ptr<const DatasetInfo> info,
                                            std::shared_ptr<const PairSplit> split,
                                            std::vector<std::int64_t> rows) {
  return std::make_shared<PairDataset>(std::move(info), std::move(split), std::move(rows));
}

}  // namespace lockstep
