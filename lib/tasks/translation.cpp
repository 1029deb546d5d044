// Translation: mean negative log-likelihood of the target's words, perplexity, and BLEU of greedy decoding.
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <limits>

#include "base/error.hpp"
#include "base/special_tokens.hpp"
#include "models/generate.hpp"
#include "tasks/bleu.hpp"
#include "tasks/task.hpp"
#include "tasks/token_loss.hpp"

namespace lockstep {

namespace {

constexpr std::int64_t kTokens = 0;  // counts[0]; after it the BLEU counts
constexpr std::int64_t kLongest = 50;
constexpr std::int64_t kShown = 3;

// ASCII and the two-byte letters of Latin-1, as the tokenizer lowers them: the model knows no capitals, so
// BLEU is that of sacrebleu's --lowercase.
std::string lower(const std::string& text) {
  std::string out = text;
  for (std::size_t i = 0; i < out.size(); ++i) {
    const auto c = static_cast<unsigned char>(out[i]);
    if (c < 0x80) out[i] = static_cast<char>(std::tolower(c));
    if (c == 0xc3 && i + 1 < out.size()) {
      const auto next = static_cast<unsigned char>(out[++i]);
      if (next >= 0x80 && next <= 0x9e && next != 0x97) out[i] = static_cast<char>(next + 0x20);
    }
  }
  return out;
}

class Translation : public Task {
 public:
  explicit Translation(const DatasetInfo& info)
      : vocabulary_(info.target_vocabulary), words_(info.target_words) {}

  std::string metric() const override { return "perplexity"; }
  bool higher_is_better() const override { return false; }
  double chance() const override { return static_cast<double>(vocabulary_); }
  bool reads_terms() const override { return true; }
  std::vector<Measure> measures() const override {
    return {{.name = "bleu",
             .unit = "1",
             .about = "translation: BLEU of greedy decoding, 0 to 100",
             .splits = {Split::test}}};
  }

  Flow inputs(const torch::Tensor& source, const torch::Tensor& target) const override {
    return {source, target};
  }

  torch::Tensor loss_share(const torch::Tensor& logits, const StepBatch& batch) const override {
    if (batch.samples == 0) return logits.sum() * 0;
    if constexpr (token_loss::kBuilt) {
      if (token_loss::takes(logits)) {
        const std::int64_t real = batch.samples * (batch.targets.size(1) - 1);
        const double scale = batch.terms.defined() ? 1.0 : 1.0 / static_cast<double>(batch.step_terms);
        const torch::Tensor sum =
            token_loss::share(logits, predicted(batch.targets), {scale, real, kPaddingToken});
        return batch.terms.defined() ? sum / batch.terms : sum;
      }
    }
    const torch::Tensor sum =
        negative_log_likelihood(real_rows(logits, batch), real_rows(batch.targets, batch));
    return batch.terms.defined() ? sum / batch.terms : sum / static_cast<double>(batch.step_terms);
  }

  Tally start_tally(torch::Device device) const override {
    return zero_tally(1, 1 + 2 * static_cast<std::int64_t>(kBleuOrder) + 2, device);
  }

  void add(const torch::Tensor& logits, const StepBatch& batch, Tally& tally) const override {
    tally.sums += negative_log_likelihood(logits, batch.targets);
    tally.counts[kTokens] += predicted(batch.targets).ne(kPaddingToken).sum();
  }

  void add_generated(Model& model, const StepBatch& batch, const Dataset& split,
                     std::span<const std::int64_t> ids, Tally& tally) const override {
    auto* generator = dynamic_cast<SequenceGenerator*>(&model);
    if (!generator || !words_) return;
    const torch::Tensor made = generator->greedy(batch.inputs.at(0), kLongest).cpu();
    BleuCounts sum;
    for (std::size_t i = 0; i < ids.size(); ++i)
      sum += count_bleu(sentence(made[static_cast<std::int64_t>(i)]), lower(split.target_text(ids[i])));
    std::vector<std::int64_t> values{0};
    values.insert(values.end(), sum.matches.begin(), sum.matches.end());
    values.insert(values.end(), sum.ngrams.begin(), sum.ngrams.end());
    values.insert(values.end(), {sum.hypothesis_length, sum.reference_length});
    tally.counts += torch::tensor(values, torch::kInt64).to(tally.counts.device());
  }

  Evaluation finish(const Tally& sum) const override {
    const auto* counts = sum.counts.data_ptr<std::int64_t>();
    Evaluation result;
    result.loss = counts[kTokens] > 0 ? *sum.sums.data_ptr<double>() / static_cast<double>(counts[kTokens])
                                      : std::numeric_limits<double>::quiet_NaN();
    result.metric = std::exp(result.loss);
    BleuCounts corpus;
    const auto* next = counts + 1;
    for (std::int64_t& matches : corpus.matches) matches = *next++;
    for (std::int64_t& ngrams : corpus.ngrams) ngrams = *next++;
    corpus.hypothesis_length = next[0];
    corpus.reference_length = next[1];
    if (corpus.reference_length > 0) result.more["bleu"] = bleu(corpus);
    return result;
  }

  std::vector<std::string> show(Model& model, const Dataset& split, torch::Device device,
                                const std::string&) const override {
    auto* generator = dynamic_cast<SequenceGenerator*>(&model);
    if (!generator || !words_) return {};
    const std::int64_t count = std::min(kShown, split.size());
    Batch batch = split.make_batch(count, /*pinned=*/false);
    std::vector<std::int64_t> ids;
    for (std::int64_t i = 0; i < count; ++i) ids.push_back(i * (split.size() / count));
    split.fetch(ids, 0, batch);
    const torch::Tensor made = generator->greedy(batch.used_inputs().to(device), kLongest).cpu();
    std::vector<std::string> lines;
    for (std::int64_t i = 0; i < count; ++i) {
      const std::int64_t id = ids[static_cast<std::size_t>(i)];
      lines.push_back("source: " + split.source_text(id));
      lines.push_back("meant:  " + split.target_text(id));
      lines.push_back("said:   " + sentence(made[i]));
    }
    return lines;
  }

 private:
  static torch::Tensor predicted(const torch::Tensor& targets) {
    return targets.narrow(1, 1, targets.size(1) - 1);  // (B, U - 1): all but the begin
  }

  // Summed over the words and the end of each sentence; padding counts for nothing.
  static torch::Tensor negative_log_likelihood(const torch::Tensor& logits, const torch::Tensor& targets) {
    return at::cross_entropy_loss(logits.flatten(0, 1).to(torch::kFloat32), predicted(targets).flatten(), {},
                                  at::Reduction::Sum, kPaddingToken);
  }

  // ids (L) up to the end token, as text.
  std::string sentence(const torch::Tensor& ids) const {
    std::string text;
    for (std::int64_t i = 0; i < ids.size(0); ++i) {
      const std::int64_t id = ids.data_ptr<std::int64_t>()[i];
      if (id == kEndToken || id == kPaddingToken) break;
      if (id == kBeginToken) continue;
      text += (text.empty() ? "" : " ") + (*words_)[static_cast<std::size_t>(id)];
    }
    return text;
  }

  std::int64_t vocabulary_;
  std::shared_ptr<const std::vector<std::string>> words_;  // null: tokens that stand for no words
};

}  // namespace

std::unique_ptr<Task> make_translation(const DatasetInfo& info) {
  return std::make_unique<Translation>(info);
}

}  // namespace lockstep
