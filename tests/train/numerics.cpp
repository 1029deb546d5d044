// How exact the gradients of every model are, and what becomes of a rounding in training.
//
// numerics gradients cpu|cuda [small|full]
//     each parameter's gradient of step 1 in fp32, on the CPU, or on a GPU without and with TF32, against the
//     same in float64 on the CPU
// numerics growth [MODEL...]
//     losses of 25 SGD steps beside float64's: in fp32, on the CPU and on a GPU where there is one, and from
//     weights or inputs that are moved by 1e-7
//
// Exit code 1: a gradient is further off than the bound, or is no number; 77: no GPU, nothing was tried.
#include <fmt/format.h>
#include <torch/cuda.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <numeric>
#include <span>
#include <string_view>

#include "data/registry.hpp"
#include "models/registry.hpp"
#include "support/closeness.hpp"
#include "tasks/task.hpp"
#include "train/setup.hpp"
#include "train/tf32.hpp"

using namespace lockstep;

namespace {

struct Subject {
  std::string label, model, preset, data;
  std::vector<std::int64_t> shape;  // of images
  std::vector<Setting> small;       // hyper-parameters of the small one
  bool drops = false;               // has dropout, which both leave out: masks differ between devices
  bool turns = false;               // the full one has units whose decision lies within the rounding of fp32
};

Setting hyper(const std::string& key, const std::string& value) { return {key, value, {}}; }

const std::vector<Subject>& subjects() {
  static const std::vector<Subject> all = {
      {"mlp", "mlp", "", "synthetic_images", {1, 28, 28}, {}},
      {"cnn_mnist", "cnn", "mnist", "synthetic_images", {1, 28, 28}, {hyper("hidden", "[32]")}},
      {"cnn_cifar10", "cnn", "cifar10", "synthetic_images", {3, 32, 32}, {hyper("hidden", "[32]")}},
      {"vgg11",
       "vgg11",
       "",
       "synthetic_images",
       {3, 32, 32},
       {hyper("channels", "[8, 16, 16]"), hyper("pool_after", "[1, 3]"), hyper("hidden", "[32]"),
        hyper("pooled", "2")},
       true,
       true},
      {"conv_autoencoder", "conv_autoencoder", "", "synthetic_images", {1, 28, 28}, {}},
      {"nbow", "nbow", "", "synthetic_text", {}, {hyper("embedding", "32")}},
      {"text_cnn",
       "text_cnn",
       "",
       "synthetic_text",
       {},
       {hyper("embedding", "32"), hyper("filters", "16")},
       true},
      {"lstm", "lstm", "", "synthetic_text", {}, {hyper("embedding", "32"), hyper("hidden", "24")}, true},
      {"gru", "gru", "", "synthetic_text", {}, {hyper("embedding", "32"), hyper("hidden", "24")}, true},
      {"transformer",
       "transformer",
       "small",
       "synthetic_text",
       {},
       {hyper("embedding", "32"), hyper("feed_forward", "64")},
       true},
      {"seq2seq",
       "seq2seq",
       "",
       "synthetic_pairs",
       {},
       {hyper("embedding", "32"), hyper("hidden", "24")},
       true},
      {"gpt_mini",
       "gpt",
       "mini",
       "synthetic_tokens",
       {},
       {hyper("embedding", "32"), hyper("heads", "2"), hyper("layers", "3")},
       true},
  };
  return all;
}

// At its full size what `sgd, lr 0.05, global_batch 16` trains elsewhere: 2,000 samples, texts of 64 words.
RunConfig configure(const Subject& s, bool small) {
  RunConfig config;
  config.model.name = s.model;
  config.model.preset = s.preset;
  if (small) config.model.hyper = s.small;
  if (s.drops) config.model.hyper.push_back(hyper("dropout", "0"));
  config.data.name = s.data;
  if (s.data == "synthetic_images") config.data.shape = s.shape, config.data.classes = 10;
  if (s.data == "synthetic_text") config.data.vocabulary = 5000, config.data.classes = 4;
  if (s.data == "synthetic_pairs") config.data.vocabulary = 1000;
  if (s.data == "synthetic_tokens") config.data.vocabulary = 256;
  if (s.data != "synthetic_images") config.data.max_length = s.data == "synthetic_pairs" ? 20 : 64;
  if (s.model == "conv_autoencoder") config.data.normalise = false;
  config.data.samples = 2000;
  config.data.test_samples = 64;
  config.data.validation = 0;
  return config;
}

constexpr std::int64_t kBatch = 16;
constexpr int kSteps = 25;
constexpr double kLearningRate = 0.05, kMoved = 1e-7;

// A model, its data and what it computes on, in one precision.
class Twin {
 public:
  Twin(const RunConfig& config, const DataSplits& data, torch::Device device, torch::Dtype dtype)
      : config_(config),
        data_(data),
        device_(device),
        dtype_(dtype),
        task_(make_task(model_task(config.model), data.train->info())),
        model_(make_model(config.model, model_inputs(data.train->info()), config.run.seed)) {
    model_->to(device);
    model_->to(dtype);
    model_->train();
  }

  Model& model() { return *model_; }
  void move_inputs() { moved_ = true; }

  // Leaves the gradients of the mean loss over batch number `step`, and returns that loss.
  double backward(int step) {
    model_->zero_grad();
    StepBatch batch = batch_of(step);
    model_->dropout_context() = {1, step, 0};
    const torch::Tensor loss = loss_of(model_->forward(batch.inputs), batch);
    loss.backward();
    return loss.item<double>();
  }

  void update() {
    const torch::NoGradGuard no_grad;
    for (torch::Tensor& p : model_->parameters())
      if (p.grad().defined()) p.sub_(p.grad(), kLearningRate);
  }

 private:
  StepBatch batch_of(int step) {
    Batch rows = data_.train->make_batch(kBatch, /*pinned=*/false);
    std::vector<std::int64_t> ids(kBatch);
    std::iota(ids.begin(), ids.end(), kBatch * step);
    data_.train->fetch(ids, 0, rows);
    StepBatch batch;
    batch.targets = rows.used_targets().to(device_);
    batch.inputs = task_->inputs(rows.used_inputs().to(device_), batch.targets);
    for (torch::Tensor& input : batch.inputs) {
      if (!input.is_floating_point()) continue;
      input = input.to(dtype_);
      if (moved_) input = input + kMoved * direction(input);
    }
    batch.samples = batch.step_samples = kBatch;
    for (const std::int64_t id : ids) batch.step_terms += data_.train->loss_terms(id);
    return batch;
  }

  static torch::Tensor direction(const torch::Tensor& like) {
    at::Generator generator = at::detail::createCPUGenerator(7);
    return at::randn(like.sizes(), generator).to(like.options());
  }

  // The task's own takes the loss in fp32: for float64 it is written down here once more.
  torch::Tensor loss_of(const torch::Tensor& output, const StepBatch& batch) const {
    if (dtype_ == torch::kFloat32) return task_->loss_share(output, batch);
    const TaskKind kind = model_task(config_.model);
    if (kind == TaskKind::reconstruction) return at::mse_loss(output, batch.inputs[0]);
    if (kind == TaskKind::classification) return at::cross_entropy_loss(output, batch.targets);
    if (kind == TaskKind::language_model)
      return at::cross_entropy_loss(output.flatten(0, 1), batch.targets.flatten());
    const torch::Tensor words = batch.targets.narrow(1, 1, batch.targets.size(1) - 1);
    return at::cross_entropy_loss(output.flatten(0, 1), words.flatten(), {}, at::Reduction::Mean,
                                  /*ignore_index=*/0);
  }

  const RunConfig& config_;
  const DataSplits& data_;
  torch::Device device_;
  torch::Dtype dtype_;
  std::unique_ptr<Task> task_;
  std::shared_ptr<Model> model_;
  bool moved_ = false;
};

// Norm of the difference by the norm of the reference; infinite where either is no number.
double relative_error(const torch::Tensor& gradient, const torch::Tensor& reference) {
  const torch::Tensor here = gradient.to(torch::kCPU, torch::kFloat64);
  const double error = (here - reference).norm().item<double>(), size = reference.norm().item<double>();
  if (!std::isfinite(error) || !std::isfinite(size)) return std::numeric_limits<double>::infinity();
  return size > 0 ? error / size : error;
}

struct Worst {
  double error = 0;
  std::string parameter;
  int parameters = 0;
};

// A parameter whose gradient vanishes in exact arithmetic (the bias before a normalisation) has a relative
// error of any size: it is measured by the largest gradient of the model.
Worst worst_of(Model& model, Model& exact, bool each) {
  double largest = 0;
  for (const torch::Tensor& p : exact.parameters())
    largest = test::larger(largest, p.grad().norm().item<double>());
  const auto gradients = model.named_parameters();
  Worst worst;
  for (const auto& item : exact.named_parameters()) {
    const torch::Tensor& reference = item.value().grad();
    const torch::Tensor& gradient = gradients[item.key()].grad();
    double error = std::numeric_limits<double>::infinity();
    if (gradient.defined() && reference.defined()) error = relative_error(gradient, reference);
    const double share = reference.norm().item<double>() / largest;
    if (share < 1e-7 && std::isfinite(error)) error *= share;
    if (each)
      std::printf("    %-44s %8.1e  of a gradient of %.1e\n", item.key().c_str(), error, share * largest);
    ++worst.parameters;
    if (error >= worst.error) worst.error = error, worst.parameter = item.key();
  }
  return worst;
}

// fp32 keeps 24 bits, 6e-8. A gradient is a chain of some ten products whose sums have up to 10^5 terms:
// their roundings add up to some 1e-6 of it, ten times that where terms cancel. Besides, a ReLU or a pooled
// window whose decision lies within the rounding turns: a share e of the units, which changes the gradient
// before them by sqrt(e) of it. Of the models only vgg11 in full has such units in fp32: one of its 65,536 hidden units
// changes a gradient by 4e-3 already, ten by 1.3e-2. TF32 keeps 11 bits, 5e-4: e is 1e-3, 3 % a layer. Full models in
// TF32 are shown and not judged: nobody has a bound for how many of their units turn.
constexpr double kBound = 1e-4, kBoundTurning = 1.3e-2, kBoundTf32 = 0.1;

struct Setup32 {
  const char* name;
  torch::Device device;
  bool tf32;
  double bound;
};

// Whether it is good.
bool compare_gradients_of(const Subject& subject, const Setup32& s, const RunConfig& config,
                          const DataSplits& data, Twin& exact, double exact_loss) {
  allow_tf32(s.tf32);
  Twin single(config, data, s.device, torch::kFloat32);
  const double loss = single.backward(0);
  const Worst worst = worst_of(single.model(), exact.model(), false);
  const bool good = worst.error < s.bound && std::isfinite(loss) && worst.parameters > 0;
  std::printf("%-17s %-14s %8.1e (%s, of %d), loss %.7f, off by %.1e; bound %.0e: %s\n",
              subject.label.c_str(), s.name, worst.error, worst.parameter.c_str(), worst.parameters, loss,
              std::abs(loss - exact_loss), s.bound, good ? "good" : "FAILED");
  if (!good) worst_of(single.model(), exact.model(), true);
  return good;
}

// How many are not good.
int compare_gradients_of(const Subject& subject, std::span<const Setup32> setups, bool small) {
  const RunConfig config = configure(subject, small);
  const DataSplits data = load_data(config, 1);
  Twin exact(config, data, torch::kCPU, torch::kFloat64);
  const double exact_loss = exact.backward(0);
  int failed = 0;
  for (Setup32 s : setups) {
    if (subject.turns && !small) s.bound = std::max(s.bound, kBoundTurning);
    failed += compare_gradients_of(subject, s, config, data, exact, exact_loss) ? 0 : 1;
  }
  return failed;
}

int compare_gradients(std::span<const Setup32> setups, bool small) {
  int failed = 0;
  std::printf("largest |g - g64| / |g64| of a parameter's gradient, step 1, %s models, batch %d\n",
              small ? "small" : "full", static_cast<int>(kBatch));
  for (const Subject& subject : subjects()) {
    try {
      failed += compare_gradients_of(subject, setups, small);
    } catch (const std::exception& error) {  // the other models still have their turn
      const std::string_view text = error.what();
      std::printf("%-17s FAILED: %.*s\n", subject.label.c_str(),
                  static_cast<int>(std::min(text.find('\n'), text.size())), text.data());
      ++failed;
    }
    std::fflush(stdout);
  }
  return failed == 0 ? 0 : 1;
}

std::vector<double> losses(Twin& twin) {
  std::vector<double> all;
  for (int step = 0; step < kSteps; ++step) {
    all.push_back(twin.backward(step));
    twin.update();
  }
  return all;
}

enum class Start { as_it_is, moved_inputs, moved_weights };

void move_start(Twin& twin, Start start) {
  if (start == Start::moved_inputs) twin.move_inputs();
  if (start != Start::moved_weights) return;
  const torch::NoGradGuard no_grad;
  at::Generator generator = at::detail::createCPUGenerator(7);
  for (torch::Tensor& p : twin.model().parameters())
    p.mul_(1 + kMoved * at::randn(p.sizes(), generator).to(p.options()));
}

std::string gaps(const std::vector<double>& a, const std::vector<double>& b) {
  std::string text;
  double largest = 0;
  for (int step = 0; step < kSteps; ++step) {
    const auto i = static_cast<std::size_t>(step);
    const double gap = test::difference(a[i], b[i]);
    largest = test::larger(largest, gap);
    if (step == 0 || step == 4 || step == 9 || step == 14 || step == 19) text += fmt::format(" {:.0e}", gap);
  }
  return fmt::format("{:.1e} at most; steps 1, 5, 10, 15, 20:{}", largest, text);
}

void show_growth(const Subject& subject) {
  const RunConfig config = configure(subject, false);
  const DataSplits data = load_data(config, 1);
  const bool has_gpu = torch::cuda::is_available();
  const torch::Device gpu(torch::kCUDA, 0), cpu(torch::kCPU), exact_on = has_gpu ? gpu : cpu;
  const auto run = [&](torch::Device device, torch::Dtype dtype, Start start, bool tf32 = false) {
    allow_tf32(tf32);
    Twin twin(config, data, device, dtype);
    move_start(twin, start);
    return losses(twin);
  };
  const std::vector<double> exact = run(exact_on, torch::kFloat64, Start::as_it_is);
  std::printf(
      "%s: %d SGD steps, lr %g, loss from %.4f to %.4f (largest %.4f); losses differ from float64's by\n",
      subject.label.c_str(), kSteps, kLearningRate, exact.front(), exact.back(),
      *std::max_element(exact.begin(), exact.end()));
  const auto line = [&](const char* what, const std::vector<double>& there) {
    std::printf("  %-28s %s\n", what, gaps(there, exact).c_str());
    std::fflush(stdout);
  };
  line("float64, weights moved", run(exact_on, torch::kFloat64, Start::moved_weights));
  if (subject.data == "synthetic_images")  // words cannot be moved
    line("float64, inputs moved", run(exact_on, torch::kFloat64, Start::moved_inputs));
  line("CPU fp32", run(cpu, torch::kFloat32, Start::as_it_is));
  line("CPU fp32, weights moved", run(cpu, torch::kFloat32, Start::moved_weights));
  if (!has_gpu) return;
  line("GPU fp32", run(gpu, torch::kFloat32, Start::as_it_is));
  line("GPU fp32, weights moved", run(gpu, torch::kFloat32, Start::moved_weights));
  line("GPU fp32 with TF32", run(gpu, torch::kFloat32, Start::as_it_is, /*tf32=*/true));
}

int usage() {
  std::fputs("usage: numerics gradients cpu|cuda [small|full] | numerics growth [MODEL...]\n", stderr);
  return 2;
}

int gradients(std::string_view device, bool small) {
  if (device == "cpu")
    return compare_gradients(std::vector<Setup32>{{"CPU fp32", torch::kCPU, false, kBound}}, small);
  if (device != "cuda") return usage();
  if (!torch::cuda::is_available()) {
    std::puts("skipped: no CUDA device is visible to this process");
    return 77;
  }
  const torch::Device gpu(torch::kCUDA, 0);
  const double bound_tf32 = small ? kBoundTf32 : std::numeric_limits<double>::infinity();
  return compare_gradients(
      std::vector<Setup32>{{"GPU fp32", gpu, false, kBound}, {"GPU fp32 tf32", gpu, true, bound_tf32}},
      small);
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string_view> words(argv + 1, argv + argc);
  if (words.size() >= 2 && words[0] == "gradients")
    return gradients(words[1], words.size() < 3 || words[2] == "small");
  if (words.empty() || words[0] != "growth") return usage();
  for (const Subject& subject : subjects())
    if (words.size() == 1 || std::find(words.begin() + 1, words.end(), subject.label) != words.end())
      show_growth(subject);
  return 0;
}
