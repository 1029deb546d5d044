#include "results/run_reader.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <string_view>

#include "results/columns.hpp"
#include "results/hdf5_io.hpp"
#include "results/schema.hpp"
#include "results/trial.hpp"

namespace lockstep {

namespace {

class Reader {
 public:
  explicit Reader(const std::string& path) : in_(path) {}

  RunHeader header() const {
    RunHeader h;
    const double schema = required_number("/", "schema");
    if (schema != kSchemaVersion)
      throw input_error("{}: schema version {:g}; this program reads version {}", in_.path(), schema,
                        kSchemaVersion);
    h.schema = kSchemaVersion;
    h.uuid = required_text("/", "uuid");
    h.mode = required_text("/", "mode");
    h.status = required_text("/", "status");
    if (h.status != "running" && h.status != "complete" && h.status != "failed" && h.status != "interrupted")
      throw input_error("{}: unknown status '{}'", in_.path(), h.status);
    const auto valid = in_.number_attribute("/", "valid");
    h.valid = valid == 1.0;
    h.invalid_reasons = lines(in_.text_attribute("/", "invalid_reasons").value_or(""));
    if (!valid) h.invalid_reasons.emplace_back("the file does not say whether its checks held");
    h.started = in_.text_attribute("/", "started").value_or("");
    h.wall_seconds = in_.number_attribute("/", "wall_seconds").value_or(0);
    return h;
  }

  RunData run() {
    RunData run;
    run.header = header();
    run.recorder_overhead = in_.number_attribute("/", "recorder_overhead").value_or(0);
    read_config(run);
    read_environment(run);
    read_steps(run);
    read_comm(run);
    read_stages(run);
    read_buckets(run);
    read_facts(run);
    read_epochs(run);
    read_audit(run);
    run.absent = std::move(absent_);
    return run;
  }

 private:
  static std::vector<std::string> lines(const std::string& text) {
    std::vector<std::string> result;
    for (std::size_t begin = 0; begin < text.size();) {
      const std::size_t end = std::min(text.find('\n', begin), text.size());
      result.push_back(text.substr(begin, end - begin));
      begin = end + 1;
    }
    return result;
  }

  double required_number(const std::string& path, const std::string& name) const {
    const auto value = in_.number_attribute(path, name);
    if (!value) throw input_error("{}: not a run file: the attribute '{}' is missing", in_.path(), name);
    return *value;
  }
  std::string required_text(const std::string& path, const std::string& name) const {
    const auto value = in_.text_attribute(path, name);
    if (!value) throw input_error("{}: not a run file: the attribute '{}' is missing", in_.path(), name);
    return *value;
  }

  // Whether to read it: throws when it is required and missing, notes it when it is optional and missing.
  bool present(const char* path) {
    if (in_.has(path)) return true;
    if (schema_entry(path).required) in_.fail(path, "is missing");
    absent_.emplace_back(path);
    return false;
  }

  void require_finite(const char* path, const std::vector<double>& values) const {
    for (const double v : values)
      if (!std::isfinite(v)) in_.fail(path, "holds a time that is not a number");
  }

  void read_config(RunData& run) {
    if (present("/config/given")) run.config_given = first(in_.read_strings("/config/given"));
    if (present("/config/resolved")) run.config_resolved = first(in_.read_strings("/config/resolved"));
    if (!in_.has("/config")) return;
    for (const std::string& key : in_.attribute_names("/config"))
      run.settings[key] = in_.text_attribute("/config", key).value_or("");
  }

  static std::string first(const std::vector<std::string>& list) { return list.empty() ? "" : list.front(); }

  template <typename T>
  void assign_ranks(RunData& run, const char* path, const std::vector<T>& values,
                    T RankEnvironment::*member) {
    if (run.ranks.empty()) run.ranks.resize(values.size());
    if (values.size() != run.ranks.size()) in_.fail(path, "has another number of ranks than its neighbours");
    for (std::size_t r = 0; r < values.size(); ++r) run.ranks[r].*member = values[r];
  }

  void read_environment(RunData& run) {
    Extent extent;
    for (const auto& c : kRankTexts)
      if (present(c.path)) assign_ranks(run, c.path, in_.read_strings(c.path), c.member);
    for (const auto& c : kRankCounts)
      if (present(c.path)) assign_ranks(run, c.path, in_.read<std::int64_t>(c.path, 1, extent), c.member);
    for (const auto& c : kRankTimes)
      if (present(c.path)) assign_ranks(run, c.path, in_.read<double>(c.path, 1, extent), c.member);
    if (!in_.has("/env")) return;
    for (const std::string& key : in_.attribute_names("/env"))
      run.environment[key] = in_.text_attribute("/env", key).value_or("");
    const auto fingerprint = run.environment.extract("fingerprint");
    if (!fingerprint.empty()) run.fingerprint = fingerprint.mapped();
  }

  template <typename T>
  void read_matrix(const char* path, Matrix<T>& into, const Extent* shape, Extent& extent) {
    if (!present(path)) return;
    into.values = in_.read<T>(path, 2, extent);
    into.rows = static_cast<std::int64_t>(extent[0]);
    into.columns = static_cast<std::int64_t>(extent[1]);
    if (shape && *shape != extent)
      in_.fail(path, fmt::format("is {} x {}, its neighbours are {} x {}", extent[0], extent[1], (*shape)[0],
                                 (*shape)[1]));
  }

  void read_steps(RunData& run) {
    // A run that ended before its first epoch did has no steps at all.
    if (!in_.has("/steps") && run.header.status != "complete") {
      absent_.emplace_back("/steps");
      return;
    }
    if (!in_.has("/steps/wall")) in_.fail("/steps/wall", "is missing");
    const Extent shape = in_.extent("/steps/wall");
    if (shape.size() != 2 || shape[0] == 0) in_.fail("/steps/wall", "is not ranks x steps");
    Extent extent;
    for (const auto& c : kStepTimes) {
      read_matrix(c.path, run.steps.*c.member, &shape, extent);
      require_finite(c.path, (run.steps.*c.member).values);
    }
    for (const auto& c : kStepCounts) read_matrix(c.path, run.steps.*c.member, &shape, extent);
    for (const auto& c : kOptionalStepCounts) read_matrix(c.path, run.steps.*c.member, &shape, extent);
    for (const auto& c : kStepValues) read_matrix(c.path, run.steps.*c.member, &shape, extent);
    if (!run.ranks.empty() && run.ranks.size() != shape[0])
      in_.fail("/steps/wall", fmt::format("has {} ranks, /env has {}", shape[0], run.ranks.size()));
    if (run.steps.bubble.values.empty())
      run.steps.bubble = Matrix<double>(run.steps.wall.rows, run.steps.wall.columns);
  }

  template <typename T>
  std::vector<T> read_column(const char* path, std::size_t length) {
    Extent extent;
    std::vector<T> values = in_.read<T>(path, 1, extent);
    if (values.size() != length)
      in_.fail(path, fmt::format("has {} entries, its neighbours have {}", values.size(), length));
    return values;
  }

  void read_comm(RunData& run) {
    if (!present("/comm/rank")) return;
    const Extent shape = in_.extent("/comm/rank");
    const std::size_t events = shape.empty() ? 0 : shape[0];
    for (const auto& c : kCommSmall) run.comm.*c.member = read_column<std::int32_t>(c.path, events);
    for (const auto& c : kCommLarge) run.comm.*c.member = read_column<std::int64_t>(c.path, events);
    for (const auto& c : kCommTimes) {
      run.comm.*c.member = read_column<double>(c.path, events);
      require_finite(c.path, run.comm.*c.member);
    }
    const std::vector<std::string> names = in_.text_list_attribute("/comm/kind", "names");
    for (const std::int32_t rank : run.comm.rank)
      if (rank < 0 || rank >= run.steps.ranks()) in_.fail("/comm/rank", "names a rank that is not in /steps");
    run.comm.kind.reserve(events);
    for (const std::int32_t kind : read_column<std::int32_t>("/comm/kind", events)) {
      if (kind < 0 || static_cast<std::size_t>(kind) >= names.size())
        in_.fail("/comm/kind", "names a kind that it does not list");
      run.comm.kind.push_back(names[static_cast<std::size_t>(kind)]);
    }
  }

  // Only runs that split the model have them: their absence is no lack.
  void read_stages(RunData& run) {
    if (!in_.has("/stages/rank")) return;
    const Extent shape = in_.extent("/stages/rank");
    const std::size_t passes = shape.empty() ? 0 : shape[0];
    for (const auto& c : kStageNumbers) run.stages.*c.member = read_column<std::int32_t>(c.path, passes);
    for (const auto& c : kStageTimes) {
      run.stages.*c.member = read_column<double>(c.path, passes);
      require_finite(c.path, run.stages.*c.member);
    }
  }

  void read_buckets(RunData& run) {
    if (!present("/buckets/bytes")) return;
    Extent extent;
    run.buckets.bytes = in_.read<std::int64_t>("/buckets/bytes", 1, extent);
    if (present("/buckets/parameters"))
      run.buckets.parameters = read_column<std::int64_t>("/buckets/parameters", run.buckets.bytes.size());
    if (present("/buckets/first_parameter"))
      run.buckets.first_parameter = in_.read_strings("/buckets/first_parameter");
    if (!run.buckets.first_parameter.empty() &&
        run.buckets.first_parameter.size() != run.buckets.bytes.size())
      in_.fail("/buckets/first_parameter", "has another length than its neighbours");
  }

  void read_epochs(RunData& run) {
    run.metric = in_.has("/epochs") ? in_.text_attribute("/epochs", "metric").value_or("") : "";
    run.higher_is_better =
        !in_.has("/epochs") || in_.text_attribute("/epochs", "better").value_or("") != "lower";
    const auto chance = in_.has("/epochs") ? in_.number_attribute("/epochs", "chance") : std::nullopt;
    // Files from before the attribute was there know one metric.
    if (chance)
      run.chance = *chance;
    else if (run.metric == "accuracy" && run.data.classes > 1)
      run.chance = 1 / static_cast<double>(run.data.classes);
    Extent extent;
    for (const auto& c : kEpochValues) {
      if (!present(c.path)) continue;
      const std::vector<double> values = in_.read<double>(c.path, 1, extent);
      if (run.epochs.empty()) run.epochs.resize(values.size());
      if (values.size() != run.epochs.size())
        in_.fail(c.path, "has another number of epochs than its neighbours");
      for (std::size_t e = 0; e < values.size(); ++e) run.epochs[e].*c.member = values[e];
    }
    if (present("/epochs/peak_memory_bytes")) {
      const auto peaks = read_column<std::int64_t>("/epochs/peak_memory_bytes", run.epochs.size());
      for (std::size_t e = 0; e < peaks.size(); ++e) run.epochs[e].peak_memory_bytes = peaks[e];
    }
    for (const std::string name : kEpochMeasures) {
      if (!in_.has("/epochs/" + name)) continue;
      const auto values = read_column<double>(("/epochs/" + name).c_str(), run.epochs.size());
      for (std::size_t e = 0; e < values.size(); ++e) run.epochs[e].more[name] = values[e];
    }
    read_confusion(run);
  }

  void read_confusion(RunData& run) {
    if (!present("/epochs/confusion")) return;
    Extent extent;
    const std::vector<std::int64_t> cells = in_.read<std::int64_t>("/epochs/confusion", 3, extent);
    if (extent[0] != run.epochs.size() || extent[1] != extent[2])
      in_.fail("/epochs/confusion", "is not epochs x classes x classes");
    const std::size_t area = extent[1] * extent[2];
    for (std::size_t e = 0; e < run.epochs.size(); ++e) {
      Matrix<std::int64_t>& confusion = run.epochs[e].confusion;
      confusion.rows = confusion.columns = static_cast<std::int64_t>(extent[1]);
      const auto begin = cells.begin() + static_cast<std::ptrdiff_t>(e * area);
      confusion.values.assign(begin, begin + static_cast<std::ptrdiff_t>(area));
    }
  }

  void read_audit(RunData& run) {
    if (!present("/audit/samples")) return;
    Extent extent;
    Matrix<std::int64_t> samples;
    Matrix<std::uint64_t> digest;
    read_matrix("/audit/samples", samples, nullptr, extent);
    const Extent shape = extent;
    if (!run.steps.wall.values.empty() && samples.rows != run.steps.ranks())
      in_.fail("/audit/samples", fmt::format("has {} ranks, /steps has {}", samples.rows, run.steps.ranks()));
    if (!run.epochs.empty() && static_cast<std::size_t>(samples.columns) != run.epochs.size())
      in_.fail("/audit/samples",
               fmt::format("has {} epochs, /epochs has {}", samples.columns, run.epochs.size()));
    read_matrix("/audit/digest", digest, &shape, extent);
    run.audit.resize(static_cast<std::size_t>(samples.columns));
    for (std::int64_t e = 0; e < samples.columns; ++e)
      for (std::int64_t r = 0; r < samples.rows; ++r) {
        run.audit[static_cast<std::size_t>(e)].samples.push_back(samples.at(r, e));
        if (!digest.values.empty()) run.audit[static_cast<std::size_t>(e)].digest.push_back(digest.at(r, e));
      }
    for (const auto& c : kAuditCounts) {
      if (!present(c.path)) continue;
      const auto values = read_column<std::int64_t>(c.path, run.audit.size());
      for (std::size_t e = 0; e < values.size(); ++e) run.audit[e].*c.member = values[e];
    }
  }

  std::int64_t count(const std::string& path, const std::string& name) {
    const auto value = in_.number_attribute(path, name);
    if (!value) absent_.push_back(path + "@" + name);
    return value && std::isfinite(*value) && std::abs(*value) < 9e18 ? static_cast<std::int64_t>(*value) : 0;
  }

  void read_facts(RunData& run) {
    run.model.name = in_.text_attribute("/model", "name").value_or("");
    run.model.parameters = count("/model", "parameters");
    run.model.gradient_bytes = count("/model", "gradient_bytes");
    run.model.flops_per_sample = in_.number_attribute("/model", "flops_per_sample").value_or(0);
    if (present("/model/layers")) run.model.layers = in_.read_strings("/model/layers");
    if (present("/model/layer_parameters"))
      run.model.layer_parameters =
          read_column<std::int64_t>("/model/layer_parameters", run.model.layers.size());
    run.data.name = in_.text_attribute("/data", "name").value_or("");
    run.data.train_rows = count("/data", "train_rows");
    run.data.validation_rows = count("/data", "validation_rows");
    run.data.test_rows = count("/data", "test_rows");
    run.data.classes = count("/data", "classes");
    run.data.digest = in_.text_attribute("/data", "digest").value_or("");
  }

  Hdf5Input in_;
  std::vector<std::string> absent_;
};

// The earliest format says in its first bytes how long the file should be; most damage is found here, at
// once.
bool is_cut_short(const std::string& path) {
  constexpr std::string_view kSignature = "\x89HDF\r\n\x1a\n";
  std::array<char, 48> start{};
  std::ifstream(path, std::ios::binary).read(start.data(), start.size());
  const bool earliest = std::string_view(start.data(), 8) == kSignature && start[8] == 0 && start[13] == 8;
  std::uint64_t end = 0;
  for (std::size_t i = 48; i-- > 40;) end = end << 8 | static_cast<unsigned char>(start[i]);
  std::error_code error;
  const std::uint64_t size = std::filesystem::file_size(path, error);
  return earliest && !error && size < end;
}

// Of processor time, for what takes milliseconds a megabyte.
unsigned seconds_for(const std::string& path) {
  std::error_code error;
  const std::uint64_t bytes = std::filesystem::file_size(path, error);
  return error ? 3 : 3 + static_cast<unsigned>(std::min<std::uint64_t>(bytes >> 24, 3600));
}

// HDF5 keeps what it has freed; Trials look for damage in the heap.
struct FreeListsToHeap {
  ~FreeListsToHeap() { H5garbage_collect(); }
};

Error refusal(const std::string& path) {
  return input_error("{}: not a run file, or damaged: HDF5 cannot cope with it", path);
}

void refuse_if_cut_short(const std::string& path) {
  if (is_cut_short(path)) throw input_error("{}: damaged: the file is cut short", path);
}

}  // namespace

RunFiles::RunFiles(std::vector<std::string> paths)
    : paths_(std::move(paths)),
      trials_(
          paths_.size(),
          [this](std::size_t i) {
            const FreeListsToHeap tidy;
            if (!is_cut_short(paths_[i])) Reader(paths_[i]).run();
          },
          [this](std::size_t i) { return seconds_for(paths_[i]); }) {}

RunData RunFiles::read(std::size_t i) {
  refuse_if_cut_short(paths_[i]);
  if (!trials_.survived(i)) throw refusal(paths_[i]);
  return Reader(paths_[i]).run();
}

RunData read_run(const std::string& path) { return RunFiles({path}).read(0); }

RunHeader read_header(const std::string& path) {
  refuse_if_cut_short(path);
  Trials trial(
      1,
      [&](std::size_t) {
        const FreeListsToHeap tidy;
        Reader(path).header();
      },
      [&](std::size_t) { return seconds_for(path); });
  if (!trial.survived(0)) throw refusal(path);
  return Reader(path).header();
}

std::string find_run_file(const std::string& folder) {
  for (const char* name : {"/run.h5", "/run.h5.partial"})
    if (std::filesystem::exists(folder + name)) return folder + name;
  return {};
}

}  // namespace lockstep
