#include "train/checkpoint.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <iterator>
#include <optional>
#include <utility>

#include "base/error.hpp"
#include "base/provenance.hpp"
#include "train/tensor_types.hpp"

namespace lockstep {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kPrefix = "epoch_", kStep = "_step_", kExtension = ".safetensors";
constexpr const char* kArchiveExtension = ".pt";  // of earlier versions
// The first has neither the ranks' state nor checkpoints within an epoch.
constexpr std::string_view kFormats[] = {"1", "2"};
constexpr std::string_view kSettingKey = "config:";  // and the setting's key
constexpr const char *kOverlapKey = "chosen_overlap", *kBucketKey = "chosen_bucket_mb";
constexpr std::string_view kReasonKey = "invalid:";  // and a number, from 0
// Tensors that are not of model and optimizer.
constexpr std::string_view kBeside[] = {"rank/", "epoch/"};

// A tensor of this rank under its name in a checkpoint.
struct NamedValues {
  std::string name;
  torch::Tensor values;
  bool copy;  // of a tied weight: read, but not written
};

NamedValues of_parameter(const std::string& kind, const std::string& parameter, const torch::Tensor& values,
                         const Aliases& aliases) {
  const auto alias = aliases.find(parameter);
  const bool copy = alias != aliases.end();
  return {kind + '/' + (copy ? alias->second : parameter), values, copy};
}

NamedValues named(const FlatOptimizer::Moment& moment, const Aliases& aliases) {
  return of_parameter("optimizer/" + moment.name, moment.parameter, moment.values, aliases);
}

std::vector<NamedValues> named_values(const Model& model, const Aliases& aliases) {
  std::vector<NamedValues> all;
  for (const auto& p : model.named_parameters())
    all.push_back(of_parameter("parameter", p.key(), p.value(), aliases));
  for (const auto& b : model.named_buffers()) all.push_back({"buffer/" + b.key(), b.value(), false});
  return all;
}

std::optional<std::int64_t> whole_number(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || error != std::errc() || end != text.data() + text.size() || number < 0) return {};
  return number;
}

std::optional<double> positive_number(std::string_view text) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return {};
  return std::isfinite(number) && number > 0 ? std::optional(number) : std::nullopt;
}

// Whole epochs, and steps where it lies within one.
using Place = std::pair<std::int64_t, std::int64_t>;

std::string name_of(const CheckpointFacts& facts) {
  std::string name = fmt::format("{}{:06}", kPrefix, facts.epochs_done);
  if (facts.within_epoch) name += fmt::format("{}{:08}", kStep, facts.steps_done);
  return name.append(kExtension);
}

std::optional<Place> place_of(std::string_view name) {
  if (!name.starts_with(kPrefix) || !name.ends_with(kExtension)) return {};
  name = name.substr(kPrefix.size(), name.size() - kPrefix.size() - kExtension.size());
  const std::size_t step = name.find(kStep);
  const auto epochs = whole_number(name.substr(0, step));
  const auto steps =
      step == name.npos ? std::optional<std::int64_t>(0) : whole_number(name.substr(step + kStep.size()));
  if (!epochs || !steps) return {};
  return Place(*epochs, *steps);
}

// The files in a folder that this program named, oldest first.
std::vector<std::pair<Place, fs::path>> checkpoints_in(const fs::path& folder) {
  std::vector<std::pair<Place, fs::path>> found;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error))
    if (const auto place = place_of(entry.path().filename().string()))
      found.emplace_back(*place, entry.path());
  std::sort(found.begin(), found.end());
  return found;
}

bool has_archives(const fs::path& folder) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error))
    if (entry.path().extension() == kArchiveExtension) return true;
  return false;
}

// What to do about a checkpoint that cannot be used.
std::string way_on(const fs::path& damaged) {
  std::string before;
  for (const auto& [place, path] : checkpoints_in(damaged.parent_path())) {
    if (path.filename() == damaged.filename()) break;
    before = path.string();
  }
  if (before.empty()) return "; there is no earlier one: start again, without --resume";
  return "; continue from the previous one with --resume " + before;
}

TensorTexts texts_of(const CheckpointFacts& facts) {
  TensorTexts texts = {{"lockstep_checkpoint", std::string(std::end(kFormats)[-1])},
                       {"program", plain_text(provenance().version)},
                       {"run", facts.run},
                       {"epochs_done", std::to_string(facts.epochs_done)},
                       {"steps_done", std::to_string(facts.steps_done)},
                       {"total_steps", std::to_string(facts.total_steps)},
                       {"global_batch", std::to_string(facts.global_batch)},
                       {"data_digest", facts.data_digest},
                       {"within_epoch", facts.within_epoch ? "1" : "0"},
                       {"mode", facts.mode},
                       {"ranks", std::to_string(facts.ranks)},
                       {"order_learnt", facts.order_learnt ? "1" : "0"}};
  if (facts.reduction) {
    texts[kOverlapKey] = name_of(facts.reduction->overlap);
    texts[kBucketKey] = fmt::format("{}", facts.reduction->bucket_mb);
  }
  for (std::size_t i = 0; i < facts.invalid_reasons.size(); ++i)
    texts[fmt::format("{}{:06}", kReasonKey, i)] = plain_text(facts.invalid_reasons[i]);
  for (const auto& [key, value] : facts.settings) texts[std::string(kSettingKey) + key] = value;
  return texts;
}

// Of a checkpoint's header; what is damaged is said with the file's name.
class Texts {
 public:
  explicit Texts(const TensorFile& file) : file_(file), texts_(file.header().texts) {}
  const std::string& text(const char* key) const {
    const auto found = texts_.find(key);
    if (found == texts_.end()) throw DamagedTensorFile(file_.path(), fmt::format("it has no '{}'", key));
    return found->second;
  }
  bool has(const char* key) const { return texts_.contains(key); }
  std::int64_t count(const char* key) const { return known(key, whole_number(text(key)), "a number"); }
  double positive(const char* key) const {
    return known(key, positive_number(text(key)), "a number above 0");
  }
  Overlap overlap(const char* key) const {
    return known(key, lockstep::named<Overlap>(text(key)), "a known way");
  }

 private:
  template <typename T>
  T known(const char* key, std::optional<T> value, const char* what) const {
    if (!value) throw DamagedTensorFile(file_.path(), fmt::format("its '{}' is not {}", key, what));
    return *value;
  }

  const TensorFile& file_;
  const TensorTexts& texts_;
};

CheckpointFacts facts_of(const TensorFile& file) {
  const Texts texts(file);
  const std::string& format = texts.text("lockstep_checkpoint");
  if (std::find(std::begin(kFormats), std::end(kFormats), format) == std::end(kFormats))
    throw input_error("{}: a checkpoint of format {}; this version reads the formats {}", file.path(), format,
                      fmt::join(kFormats, " and "));
  CheckpointFacts facts{.run = texts.text("run"),
                        .epochs_done = texts.count("epochs_done"),
                        .steps_done = texts.count("steps_done"),
                        .total_steps = texts.count("total_steps"),
                        .global_batch = texts.count("global_batch"),
                        .data_digest = texts.text("data_digest"),
                        .settings = {}};
  if (format != kFormats[0]) {
    facts.within_epoch = texts.count("within_epoch") != 0;
    facts.mode = texts.text("mode");
    facts.ranks = texts.count("ranks");
    facts.order_learnt = texts.count("order_learnt") != 0;
  }
  if (texts.has(kOverlapKey))
    facts.reduction = {.overlap = texts.overlap(kOverlapKey), .bucket_mb = texts.positive(kBucketKey)};
  for (const auto& [key, value] : file.header().texts) {
    if (key.starts_with(kSettingKey)) facts.settings[key.substr(kSettingKey.size())] = value;
    if (key.starts_with(kReasonKey)) facts.invalid_reasons.push_back(value);
  }
  return facts;
}

// Runs `reading`; where the file is damaged, adds what to do about it.
template <typename Reading>
auto with_way_on(const std::string& path, const Reading& reading) {
  try {
    return reading();
  } catch (const DamagedTensorFile& damage) {
    throw input_error("{}{}", damage.what(), way_on(path));
  }
}

}  // namespace

CheckpointTensors checkpoint_tensors(const Model& model, const std::vector<FlatOptimizer::Moment>& moments,
                                     const Aliases& aliases) {
  const torch::NoGradGuard no_grad;
  CheckpointTensors result;
  std::vector<NamedValues> all = named_values(model, aliases);
  for (const FlatOptimizer::Moment& moment : moments) all.push_back(named(moment, aliases));
  for (const NamedValues& value : all) {
    if (value.copy) continue;
    const torch::Tensor host = result.memory.emplace_back(
        value.values.detach().contiguous().to(torch::kCPU, /*non_blocking=*/false, /*copy=*/true));
    result.tensors.push_back({value.name,
                              type_name(value.name, host.scalar_type()),
                              host.sizes().vec(),
                              {static_cast<const char*>(host.const_data_ptr()), host.nbytes()}});
  }
  return result;
}

std::vector<TensorBytes> merge_parts(const std::vector<std::string>& parts) {
  std::vector<TensorBytes> all;
  std::set<std::string> names;
  for (const std::string& part : parts) {
    if (part.empty()) continue;
    for (TensorBytes& tensor : decode_tensors(part))
      if (names.insert(tensor.name).second) all.push_back(std::move(tensor));
  }
  return all;
}

std::string save_checkpoint(const std::string& folder, const CheckpointFacts& facts, std::int64_t keep,
                            std::vector<TensorBytes> tensors) {
  const std::string path = (fs::path(folder) / name_of(facts)).string();
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) throw run_error("{}: cannot be made: {}", folder, error.message());
  write_tensor_file(path, std::move(tensors), texts_of(facts));
  const auto all = checkpoints_in(folder);
  for (std::size_t i = 0; i + static_cast<std::size_t>(keep) < all.size(); ++i)
    if (!fs::remove(all[i].second, error) && error)
      throw run_error("{}: cannot be removed: {}", all[i].second.string(), error.message());
  return path;
}

std::string find_checkpoint(const std::string& resume) {
  std::error_code error;
  const fs::file_status status = fs::status(resume, error);
  if (status.type() == fs::file_type::not_found)
    throw input_error("--resume {}: there is no such run folder or checkpoint", resume);
  if (!fs::is_directory(status)) return resume;
  const fs::path folder = fs::path(resume) / "checkpoint";
  const auto all = checkpoints_in(folder);
  if (!all.empty()) return all.back().second.string();
  if (has_archives(folder))
    throw input_error(
        "{}: holds only .pt archives, as earlier versions wrote; reading one can run code, so this version "
        "does not; train again from the start, without --resume",
        folder.string());
  throw input_error(
      "{}: no checkpoint to resume from; set checkpoint.every_epochs, every_steps or every_minutes in the "
      "run that is to be resumed",
      resume);
}

std::string resumed_config(const std::string& resume) {
  fs::path folder = resume;
  if (!fs::is_directory(folder)) folder = fs::absolute(folder).parent_path().parent_path();
  return (folder / "config.yaml").string();
}

Checkpoint::Checkpoint(const std::string& path)
    : file_(with_way_on(path, [&] { return TensorFile(path); })),
      facts_(with_way_on(path, [&] { return facts_of(file_); })) {}

std::string Checkpoint::digest() const { return fmt::format("{:08x}", file_.header().checksum); }

void Checkpoint::restore(const std::string& name, torch::Tensor into) const {
  const TensorPlace* place = file_.find(name);
  if (!place)
    throw input_error("{}: has no tensor '{}': it belongs to another model or optimizer", path(), name);
  const std::string type = type_name(name, into.scalar_type());
  if (place->dtype != type || into.sizes() != place->shape)
    throw input_error("{}: tensor '{}' is {} [{}], not {} [{}]: it belongs to another model", path(), name,
                      place->dtype, fmt::join(place->shape, ", "), type, fmt::join(into.sizes(), ", "));
  const torch::Tensor value = torch::empty(into.sizes(), into.scalar_type());
  file_.read(*place, value.data_ptr());
  if (type == "BOOL" && value.view(torch::kUInt8).gt(1).any().item<bool>())
    throw DamagedTensorFile(path(), fmt::format("tensor '{}' is neither true nor false somewhere", name));
  into.copy_(value);
}

std::string Checkpoint::column_bytes(const std::string& name, const std::string& type) const {
  const TensorPlace* place = file_.find(name);
  if (!place) return {};
  if (place->dtype != type || place->shape.size() != 1)
    throw input_error("{}: tensor '{}' is not a column of {}", path(), name, type);
  std::string bytes(place->end - place->begin, '\0');
  with_way_on(path(), [&] { file_.read(*place, bytes.data()); });
  return bytes;
}

std::set<std::string> Checkpoint::load(Model& model, FlatOptimizer& optimizer, const Aliases& aliases) const {
  const torch::NoGradGuard no_grad;
  std::set<std::string> taken;
  const auto take = [&](const NamedValues& value) {
    restore(value.name, value.values);
    taken.insert(value.name);
  };
  with_way_on(path(), [&] {
    for (const NamedValues& value : named_values(model, aliases)) take(value);
    optimizer.restore([&](const FlatOptimizer::Moment& moment) { take(named(moment, aliases)); });
  });
  optimizer.set_steps(facts_.steps_done);
  return taken;
}

void Checkpoint::require_all_taken(const std::set<std::string>& taken) const {
  const auto beside = [](const std::string& name) {
    return std::any_of(std::begin(kBeside), std::end(kBeside),
                       [&](std::string_view kind) { return name.starts_with(kind); });
  };
  for (const TensorPlace& tensor : file_.header().tensors)
    if (taken.count(tensor.name) == 0 && !beside(tensor.name))
      throw input_error(
          "{}: has a tensor '{}', for which there is no place: it belongs to another model or optimizer",
          path(), tensor.name);
}

}  // namespace lockstep
