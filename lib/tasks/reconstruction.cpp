// Reconstruction: mean squared error of each pixel in [0, 1], and PSNR = 10 log10(1 / MSE) in dB.
#include <cmath>
#include <limits>

#include "tasks/image_grid.hpp"
#include "tasks/task.hpp"

namespace lockstep {

namespace {

constexpr std::int64_t kShown = 16;  // images of the grid

class Reconstruction : public Task {
 public:
  std::string metric() const override { return "mse"; }
  bool higher_is_better() const override { return false; }
  double chance() const override { return std::numeric_limits<double>::quiet_NaN(); }
  std::vector<Measure> measures() const override {
    return {{.name = "psnr", .unit = "dB", .about = "reconstruction: 10 log10(1 / MSE)"}};
  }

  torch::Tensor loss_share(const torch::Tensor& output, const StepBatch& batch) const override {
    if (batch.samples == 0) return output.sum() * 0;
    const torch::Tensor images = batch.inputs.at(0);  // (B, C, H, W)
    const torch::Tensor mean =
        at::mse_loss(real_rows(output, batch).to(torch::kFloat32), real_rows(images, batch));
    if (batch.samples == batch.step_terms) return mean;
    return mean * (static_cast<double>(batch.samples) / static_cast<double>(batch.step_terms));
  }

  Tally start_tally(torch::Device device) const override { return zero_tally(1, 1, device); }

  void add(const torch::Tensor& output, const StepBatch& batch, Tally& tally) const override {
    const torch::Tensor mean = at::mse_loss(output.to(torch::kFloat32), batch.inputs.at(0));
    tally.sums += mean * static_cast<double>(batch.samples);
    tally.counts += batch.samples;
  }

  Evaluation finish(const Tally& sum) const override {
    const auto samples = static_cast<double>(*sum.counts.data_ptr<std::int64_t>());
    Evaluation result;
    result.loss = result.metric =
        samples > 0 ? *sum.sums.data_ptr<double>() / samples : std::numeric_limits<double>::quiet_NaN();
    result.more["psnr"] = 10 * std::log10(1 / result.metric);
    return result;
  }

  std::vector<std::string> show(Model& model, const Dataset& split, torch::Device device,
                                const std::string& folder) const override {
    const std::int64_t count = std::min(kShown, split.size());
    Batch batch = split.make_batch(count, /*pinned=*/false);
    std::vector<std::int64_t> ids(static_cast<std::size_t>(count));
    for (std::int64_t i = 0; i < count; ++i) ids[static_cast<std::size_t>(i)] = i;
    split.fetch(ids, 0, batch);
    const torch::Tensor images = batch.used_inputs();
    const torch::Tensor made = model.forward(images.to(device)).to(torch::kFloat32).cpu();
    const std::string path = folder + "/reconstruction.png";
    write_image_grid(path, {images, made});
    return {"inputs (above) and what the model makes of them (below): " + path};
  }
};

}  // namespace

std::unique_ptr<Task> make_reconstruction() { return std::make_unique<Reconstruction>(); }

}  // namespace lockstep
