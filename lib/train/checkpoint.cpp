#include "train/checkpoint.hpp"

#include <torch/serialize/input-archive.h>
#include <torch/serialize/output-archive.h>

#include <algorithm>
#include <filesystem>
#include <vector>

#include "base/error.hpp"

namespace lockstep {

namespace fs = std::filesystem;

namespace {

constexpr const char* kExtension = ".pt";

std::vector<fs::path> checkpoints_in(const fs::path& folder) {
  std::vector<fs::path> found;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error))
    if (entry.path().extension() == kExtension) found.push_back(entry.path());
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace

void save_checkpoint(const std::string& folder, std::int64_t epochs_done, std::int64_t keep,
                     const Model& model, const FlatOptimizer& optimizer) {
  const fs::path path = fs::path(folder) / fmt::format("epoch_{:06}{}", epochs_done, kExtension);
  const fs::path unfinished = path.string() + ".partial";
  try {
    fs::create_directories(folder);
    torch::serialize::OutputArchive archive;
    for (const auto& p : model.named_parameters()) archive.write("parameter/" + p.key(), p.value());
    for (const auto& b : model.named_buffers())
      archive.write("buffer/" + b.key(), b.value(), /*is_buffer=*/true);
    archive.write("epochs_done", c10::IValue(epochs_done));
    optimizer.save(archive);
    archive.save_to(unfinished.string());
    fs::rename(unfinished, path);
  } catch (const std::exception& error) {
    std::error_code ignored;
    fs::remove(unfinished, ignored);
    throw run_error("{}: cannot write the checkpoint", path.string());
  }
  std::vector<fs::path> all = checkpoints_in(folder);
  for (std::size_t i = 0; i + static_cast<std::size_t>(keep) < all.size(); ++i) fs::remove(all[i]);
}

std::string find_checkpoint(const std::string& run_folder) {
  const std::vector<fs::path> all = checkpoints_in(fs::path(run_folder) / "checkpoint");
  if (all.empty())
    throw input_error(
        "{}: no checkpoint to resume from; set checkpoint.every_epochs in the run that shall be resumed",
        run_folder);
  return all.back().string();
}

std::int64_t load_checkpoint(const std::string& path, Model& model, FlatOptimizer& optimizer) {
  const torch::NoGradGuard no_grad;
  try {
    torch::serialize::InputArchive archive;
    archive.load_from(path, torch::kCPU);
    const auto restore = [&](const std::string& key, torch::Tensor into) {
      torch::Tensor value;
      archive.read(key, value);
      if (!value.sizes().equals(into.sizes())) throw run_error("{} has another shape", key);
      into.copy_(value);
    };
    for (const auto& p : model.named_parameters()) restore("parameter/" + p.key(), p.value());
    for (const auto& b : model.named_buffers()) restore("buffer/" + b.key(), b.value());
    c10::IValue epochs_done;
    archive.read("epochs_done", epochs_done);
    optimizer.load(archive);
    return epochs_done.toInt();
  } catch (const std::exception&) {
    throw input_error("{}: damaged, or a checkpoint of another model or optimizer", path);
  }
}

}  // namespace lockstep
