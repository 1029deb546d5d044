// Language modelling: mean negative log-likelihood of each next token; bits per byte where tokens are bytes.
#include <fmt/format.h>

#include <cmath>
#include <limits>
#include <numbers>

#include "models/generate.hpp"
#include "tasks/task.hpp"
#include "tasks/token_loss.hpp"

namespace lockstep {

namespace {

constexpr std::int64_t kByteTokens = 256, kPrompt = 32, kContinuation = 128;
constexpr double kTemperature = 0.8;

// Unprintable bytes as in C, so that a line of the log stays one line.
std::string printable(const torch::Tensor& bytes) {
  std::string text;
  const torch::Tensor host = bytes.flatten().cpu();
  for (std::int64_t i = 0; i < host.numel(); ++i) {
    const auto c = static_cast<unsigned char>(host.data_ptr<std::int64_t>()[i]);
    if (c == '\n')
      text += "\\n";
    else if (c < 0x20 || c == 0x7f)
      text += fmt::format("\\x{:02x}", c);
    else
      text += static_cast<char>(c);
  }
  return text;
}

class LanguageModel : public Task {
 public:
  explicit LanguageModel(const DatasetInfo& info)
      : vocabulary_(info.vocabulary), bytes_(info.vocabulary == kByteTokens) {}

  std::string metric() const override { return bytes_ ? "bits_per_byte" : "perplexity"; }
  bool higher_is_better() const override { return false; }
  double chance() const override {
    return bytes_ ? std::log2(static_cast<double>(vocabulary_)) : static_cast<double>(vocabulary_);
  }
  std::vector<Measure> measures() const override {
    if (!bytes_) return {};
    return {{.name = "perplexity",
             .unit = "1",
             .about = "exp of the mean loss of a token",
             .higher_is_better = false}};
  }

  torch::Tensor loss_share(const torch::Tensor& logits, const StepBatch& batch) const override {
    if (batch.samples == 0) return logits.sum() * 0;
    if constexpr (token_loss::kBuilt) {
      if (token_loss::takes(logits)) {
        const std::int64_t real = batch.samples * batch.targets.size(1);
        return token_loss::share(logits, batch.targets,
                                 {.scale = 1.0 / static_cast<double>(batch.step_terms),
                                  .real_rows = real,
                                  .mark = batch.after_loss});
      }
    }
    const torch::Tensor rows = real_rows(logits, batch), targets = real_rows(batch.targets, batch);
    const torch::Tensor mean =
        at::cross_entropy_loss(rows.flatten(0, 1).to(torch::kFloat32), targets.flatten());
    if (targets.numel() == batch.step_terms) return mean;
    return mean * (static_cast<double>(targets.numel()) / static_cast<double>(batch.step_terms));
  }

  Tally start_tally(torch::Device device) const override { return zero_tally(1, 1, device); }

  void add(const torch::Tensor& logits, const StepBatch& batch, Tally& tally) const override {
    tally.sums += at::cross_entropy_loss(logits.flatten(0, 1).to(torch::kFloat32), batch.targets.flatten(),
                                         {}, at::Reduction::Sum);
    tally.counts += batch.targets.numel();
  }

  Evaluation finish(const Tally& sum) const override {
    const auto tokens = static_cast<double>(*sum.counts.data_ptr<std::int64_t>());
    Evaluation result;
    result.loss =
        tokens > 0 ? *sum.sums.data_ptr<double>() / tokens : std::numeric_limits<double>::quiet_NaN();
    const double perplexity = std::exp(result.loss);
    result.metric = bytes_ ? result.loss / std::numbers::ln2 : perplexity;
    if (bytes_) result.more["perplexity"] = perplexity;
    return result;
  }

  std::vector<std::string> show(Model& model, const Dataset& split, torch::Device device,
                                const std::string&) const override {
    auto* generator = dynamic_cast<TokenGenerator*>(&model);
    if (!generator || !bytes_) return {};  // made-up tokens say nothing to a reader
    Batch batch = split.make_batch(1, /*pinned=*/false);
    const std::int64_t first = 0;
    split.fetch({&first, 1}, 0, batch);
    const torch::Tensor all = batch.used_inputs();
    const torch::Tensor prompt = all.narrow(1, 0, std::min(kPrompt, all.size(1)));
    const torch::Tensor made =
        generator->generate(prompt.to(device), kContinuation, kTemperature, /*seed=*/0);
    return {"prompt: " + printable(prompt),
            "goes on: " + printable(made.narrow(1, prompt.size(1), made.size(1) - prompt.size(1)))};
  }

 private:
  std::int64_t vocabulary_;
  bool bytes_;
};

}  // namespace

std::unique_ptr<Task> make_language_model(const DatasetInfo& info) {
  return std::make_unique<LanguageModel>(info);
}

}  // namespace lockstep
