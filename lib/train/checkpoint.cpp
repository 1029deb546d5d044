#include "train/checkpoint.hpp"

#include <torch/serialize/input-archive.h>
#include <torch/serialize/output-archive.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <sstream>
#include <utility>

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

// written: keys so far. What every part has (the optimizer's kind) is taken from the first.
void add_part(const std::string& part, torch::serialize::OutputArchive& archive,
              std::set<std::string>& written) {
  if (part.empty()) return;
  torch::serialize::InputArchive read;
  read.load_from(part.data(), part.size());
  for (const std::string& key : read.keys()) {
    if (key.find('/') == std::string::npos || !written.insert(key).second) continue;
    c10::IValue value;
    read.read(key, value);
    if (value.isTensor())
      archive.write(key, value.toTensor(), /*is_buffer=*/key.rfind("buffer/", 0) == 0);
    else
      archive.write(key, value);
  }
}

}  // namespace

std::string checkpoint_part(const Model& model, const FlatOptimizer& optimizer, const Aliases& aliases) {
  torch::serialize::OutputArchive archive;
  for (const auto& p : model.named_parameters())
    if (aliases.count(p.key()) == 0) archive.write("parameter/" + p.key(), p.value());
  for (const auto& b : model.named_buffers())
    archive.write("buffer/" + b.key(), b.value(), /*is_buffer=*/true);
  optimizer.save(archive, aliases);
  std::ostringstream bytes;
  archive.save_to(bytes);
  return std::move(bytes).str();
}

void save_checkpoint(const std::string& folder, std::int64_t epochs_done, std::int64_t keep,
                     const std::vector<std::string>& parts) {
  const fs::path path = fs::path(folder) / fmt::format("epoch_{:06}{}", epochs_done, kExtension);
  const fs::path unfinished = path.string() + ".partial";
  try {
    fs::create_directories(folder);
    torch::serialize::OutputArchive archive;
    std::set<std::string> written;
    for (const std::string& part : parts) add_part(part, archive, written);
    archive.write("epochs_done", c10::IValue(epochs_done));
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

std::int64_t load_checkpoint(const std::string& path, Model& model, FlatOptimizer& optimizer,
                             const Aliases& aliases) {
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
    for (const auto& p : model.named_parameters()) {
      const auto alias = aliases.find(p.key());
      restore("parameter/" + (alias == aliases.end() ? p.key() : alias->second), p.value());
    }
    for (const auto& b : model.named_buffers()) restore("buffer/" + b.key(), b.value());
    c10::IValue epochs_done;
    archive.read("epochs_done", epochs_done);
    optimizer.load(archive, aliases);
    return epochs_done.toInt();
  } catch (const std::exception&) {
    throw input_error("{}: damaged, or a checkpoint of another model or optimizer", path);
  }
}

}  // namespace lockstep
