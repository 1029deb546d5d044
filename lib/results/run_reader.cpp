#include "results/run_reader.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <type_traits>

#include "results/columns.hpp"
#include "results/file_reader.hpp"

namespace lockstep {

namespace {

constexpr double kMostBucketMb = 1e9;  // more than parallel.bucket_mb takes

class Reader : public FileReader {
 public:
  using FileReader::FileReader;

  RunData run() {
    RunData run;
    run.header = header(kRunKind);
    run.recorder_overhead = in_.number_attribute("/", "recorder_overhead").value_or(0);
    read_config(run);
    read_environment(run.ranks, run.environment, run.fingerprint);
    read_steps(run);
    read_comm(run);
    read_stages(run);
    read_buckets(run);
    read_memory(run);
    read_reduction(run);
    read_facts(run);
    read_epochs(run);
    read_audit(run);
    run.absent = std::move(absent_);
    return run;
  }

 private:
  void read_config(RunData& run) {
    if (present("/config/given")) run.config_given = first(in_.read_strings("/config/given"));
    if (present("/config/resolved")) run.config_resolved = first(in_.read_strings("/config/resolved"));
    if (!in_.has("/config")) return;
    for (const std::string& key : in_.attribute_names("/config"))
      run.settings[key] = in_.text_attribute("/config", key).value_or("");
  }

  static std::string first(const std::vector<std::string>& list) { return list.empty() ? "" : list.front(); }

  void read_steps(RunData& run) {
    // A run that ended before its first epoch did has no steps at all.
    if (!in_.has("/steps") && run.header.status != "complete") {
      absent_.emplace_back("/steps");
      return;
    }
    if (!in_.has("/steps/wall")) in_.fail("/steps/wall", "is missing");
    const Extent shape = in_.extent("/steps/wall");
    if (shape.size() != 2 || shape[0] == 0) in_.fail("/steps/wall", "is not ranks x steps");
    for_each_step_column([&](const auto& c) { read_steps_column(c, run.steps, shape); });
    if (!run.ranks.empty() && run.ranks.size() != shape[0])
      in_.fail("/steps/wall", fmt::format("has {} ranks, /env has {}", shape[0], run.ranks.size()));
    const double offset = in_.number_attribute("/steps", "backward_offset").value_or(kUnknown);
    if (std::abs(offset) < 1e9) run.backward_offset = offset;
    if (run.steps.bubble.values.empty())
      run.steps.bubble = Matrix<double>(run.steps.wall.rows, run.steps.wall.columns);
  }

  template <typename T>
  void read_steps_column(const StepColumn<T>& column, StepTable& steps, const Extent& shape) {
    if (column.presence == Presence::extra && !in_.has(column.path)) return;
    Matrix<T>& into = steps.*column.table;
    Extent extent;
    read_matrix(column.path, into, &shape, extent);
    if constexpr (std::is_same_v<T, double>) require_finite(column.path, into.values);
    if constexpr (std::is_integral_v<T>) require_counts(column.path, into.values);
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
    require_counts("/comm/bytes", run.comm.bytes);
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
    require_counts("/buckets/bytes", run.buckets.bytes);
    if (present("/buckets/parameters"))
      run.buckets.parameters = read_column<std::int64_t>("/buckets/parameters", run.buckets.bytes.size());
    if (present("/buckets/first_parameter"))
      run.buckets.first_parameter = in_.read_strings("/buckets/first_parameter");
    if (!run.buckets.first_parameter.empty() &&
        run.buckets.first_parameter.size() != run.buckets.bytes.size())
      in_.fail("/buckets/first_parameter", "has another length than its neighbours");
  }

  void read_memory(RunData& run) {
    const auto ranks = run.ranks.empty() ? static_cast<std::size_t>(run.steps.ranks()) : run.ranks.size();
    for (const auto& c : kMemoryBytes) {
      if (!in_.has(c.path)) continue;
      run.memory.*c.member = read_column<std::int64_t>(c.path, ranks);
      require_counts(c.path, run.memory.*c.member);
    }
  }

  double reduction_number(const char* name, double most) {
    const double value = required_number("/reduction", name);
    if (!(value >= 0 && value <= most)) in_.fail(fmt::format("/reduction@{}", name), "is out of range");
    return value;
  }

  Overlap overlap_called(const std::string& name, const std::string& path) const {
    const auto known = named<Overlap>(name);
    if (!known) in_.fail(path, fmt::format("has an unknown way, '{}'", name));
    return *known;
  }

  void read_reduction(RunData& run) {
    if (!in_.has("/reduction")) return;
    ReductionTable& reduction = run.reduction.emplace();
    reduction.chosen = {
        overlap_called(required_text("/reduction", "chosen_overlap"), "/reduction@chosen_overlap"),
        reduction_number("chosen_bucket_mb", kMostBucketMb)};
    reduction.reason = required_text("/reduction", "reason");
    reduction.steps = static_cast<std::int64_t>(reduction_number("steps", static_cast<double>(kMostCounted)));
    if (!in_.has("/reduction/seconds")) return;
    Extent extent;
    reduction.seconds = in_.read<double>("/reduction/seconds", 1, extent);
    const auto bucket_mb = read_column<double>("/reduction/bucket_mb", reduction.seconds.size());
    require_finite("/reduction/bucket_mb", bucket_mb);
    const std::vector<std::string> overlaps = in_.read_strings("/reduction/overlap");
    if (overlaps.size() != bucket_mb.size())
      in_.fail("/reduction/overlap", "has another length than its neighbours");
    for (std::size_t i = 0; i < overlaps.size(); ++i)
      reduction.tried.push_back({overlap_called(overlaps[i], "/reduction/overlap"), bucket_mb[i]});
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
    read_gpu(run.epochs);
    read_counters(run);
    read_measures(run);
    read_confusion(run);
  }

  void read_measures(RunData& run) {
    if (!in_.has("/epochs")) return;
    std::vector<std::string> names = in_.text_list_attribute("/epochs", "measures");
    // Files from before the attribute was there know these.
    if (names.empty()) names = {"bleu", "perplexity", "psnr"};
    for (const std::string& name : names) {
      if (name.empty() ||
          name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") != std::string::npos)
        in_.fail("/epochs@measures", "names a measure in other than small letters, digits and _");
      read_measure(name, run);
    }
  }

  void read_measure(const std::string& name, RunData& run) {
    Measure measure{.name = name, .splits = {}};
    for (const Split split : {Split::validation, Split::test}) {
      const std::string column = column_of(name, split), path = "/epochs/" + column;
      if (!in_.has(path)) continue;
      const auto values = read_column<double>(path.c_str(), run.epochs.size());
      for (std::size_t e = 0; e < values.size(); ++e) run.epochs[e].more[column] = values[e];
      if (measure.splits.empty()) measure.about = in_.text_attribute(path, "about").value_or("");
      measure.unit = in_.text_attribute(path, "unit").value_or("1");
      measure.higher_is_better =
          in_.text_attribute(path, "better").value_or(name == "perplexity" ? "lower" : "higher") != "lower";
      measure.splits.push_back(split);
    }
    if (!measure.splits.empty()) run.measures.push_back(std::move(measure));
  }

  // Without a GPU whose monitor could be asked their absence is no lack.
  void read_gpu(std::vector<EpochRow>& epochs) {
    for (const auto& c : kEpochGpuValues) {
      if (!in_.has(c.path)) continue;
      const auto values = read_column<double>(c.path, epochs.size());
      for (std::size_t e = 0; e < values.size(); ++e) {
        epochs[e].gpu.recorded = true;
        epochs[e].gpu.*c.member = values[e];
      }
    }
    if (!in_.has(kEpochGpuSlowdowns)) return;
    const auto bits = read_column<std::int64_t>(kEpochGpuSlowdowns, epochs.size());
    for (std::size_t e = 0; e < bits.size(); ++e) epochs[e].gpu.slowdowns = bits[e];
  }

  // Nobody counts for GPUs: their absence is no lack.
  void read_counters(RunData& run) {
    if (!in_.has("/counters")) return;
    run.counters_absent = in_.text_attribute("/counters", "absent").value_or("");
    for (const auto& c : kCounters) {
      if (!in_.has(c.path)) continue;
      Matrix<double> values;
      Extent extent;
      read_matrix(c.path, values, nullptr, extent);
      if (static_cast<std::size_t>(values.columns) != run.epochs.size() || values.rows != run.steps.ranks())
        in_.fail(c.path, "is not ranks x epochs");
      require_positive(c.path, values.values);
      for (std::int64_t e = 0; e < values.columns; ++e) {
        auto& ranks = run.epochs[static_cast<std::size_t>(e)].counters;
        ranks.resize(static_cast<std::size_t>(values.rows));
        for (std::int64_t r = 0; r < values.rows; ++r)
          ranks[static_cast<std::size_t>(r)].*c.member = values.at(r, e);
      }
    }
  }

  void require_positive(const char* path, const std::vector<double>& values) const {
    for (const double value : values)
      if (value < 0 || std::isinf(value)) in_.fail(path, "has a number below 0, or an infinite one");
  }

  void read_confusion(RunData& run) {
    if (!present("/epochs/confusion")) return;
    Extent extent;
    const std::vector<std::int64_t> cells = in_.read<std::int64_t>("/epochs/confusion", 3, extent);
    require_counts("/epochs/confusion", cells);
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
    require_counts("/audit/samples", samples.values);
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
      require_counts(c.path, values);
      for (std::size_t e = 0; e < values.size(); ++e) run.audit[e].*c.member = values[e];
    }
  }

  std::int64_t count(const std::string& path, const std::string& name) {
    const auto value = in_.number_attribute(path, name);
    if (!value) absent_.push_back(path + "@" + name);
    if (value && !(*value >= 0 && *value <= static_cast<double>(kMostCounted)))
      in_.fail(path + "@" + name, "is no count");
    return static_cast<std::int64_t>(value.value_or(0));
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
};

}  // namespace

RunFiles::RunFiles(std::vector<std::string> paths)
    : paths_(std::move(paths)),
      trials_(reading_trials(paths_, [](const std::string& path) { Reader(path).run(); })) {}

RunData RunFiles::read(std::size_t i) {
  require_harmless(trials_, i, paths_[i]);
  return Reader(paths_[i]).run();
}

RunData read_run(const std::string& path) { return RunFiles({path}).read(0); }

RunHeader read_header(const std::string& path) {
  Trials trial = reading_trials({path}, [](const std::string& p) { Reader(p).header(kRunKind); });
  require_harmless(trial, 0, path);
  return Reader(path).header(kRunKind);
}

std::string find_run_file(const std::string& folder) {
  for (const char* name : {"/run.h5", "/run.h5.partial"})
    if (std::error_code error; std::filesystem::is_regular_file(folder + name, error)) return folder + name;
  return {};
}

}  // namespace lockstep
