#include "results/run_writer.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <mutex>
#include <numeric>
#include <set>

#include "base/durable_file.hpp"
#include "results/columns.hpp"
#include "results/file_parts.hpp"
#include "results/hdf5_io.hpp"
#include "results/schema.hpp"
#include "timing/clock.hpp"

namespace lockstep {

namespace {

template <typename T>
std::vector<T> permuted(const std::vector<T>& values, const std::vector<std::size_t>& order) {
  std::vector<T> result;
  result.reserve(values.size());
  for (const std::size_t i : order) result.push_back(values[i]);
  return result;
}

}  // namespace

struct RunWriter::Impl {
  Impl(const std::string& path, const RunData& start) : final_path(path), file(partial_path(path)) {
    write_header(start);
    declare_measures(start.measures);
    write_facts(start);
    write_environment(file, start.ranks, start.fingerprint, start.environment);
    write_buckets(start.buckets);
    write_memory(start.memory);
    if (start.reduction) write_reduction(*start.reduction);
    file.flush();
  }

  void write_header(const RunData& run) {
    file.attribute("/", "schema", std::int64_t{kSchemaVersion});
    file.attribute("/", "uuid", run.header.uuid);
    file.attribute("/", "mode", run.header.mode);
    file.attribute("/", "started", run.header.started);
    file.attribute("/", "recorder_overhead", run.recorder_overhead);
    write_status(file, "running", true, {}, 0);
    if (std::isfinite(run.backward_offset)) file.attribute("/steps", "backward_offset", run.backward_offset);
    if (run.header.world_size > 0) file.attribute("/", "world_size", run.header.world_size);
    write_resumed(run.header.resumed);
    file.write("/config/given", run.config_given);
    file.write("/config/resolved", run.config_resolved);
    for (const auto& [key, value] : run.settings) file.attribute("/config", key, value);
    file.attribute("/epochs", "metric", run.metric);
    file.attribute("/epochs", "better", std::string(run.higher_is_better ? "higher" : "lower"));
    file.attribute("/epochs", "chance", run.chance);
  }

  void declare_measures(const std::vector<Measure>& measures) {
    std::vector<std::string> names;
    for (const Measure& measure : measures) {
      names.push_back(measure.name);
      for (const Split split : measure.splits) {
        const std::string path = "/epochs/" + column_of(measure.name, split);
        if (in_schema(path) || !declared.insert(path).second)
          throw run_error("the measure '{}' has the name of another column", measure.name);
        const bool again = split != measure.splits.front();
        file.declare(path, {{"unit", measure.unit},
                            {"about", again ? "the same on the test split" : measure.about},
                            {"better", measure.higher_is_better ? "higher" : "lower"}});
      }
    }
    file.attribute("/epochs", "measures", names);
  }

  void write_resumed(const std::optional<Resumed>& resumed) {
    if (!resumed) return;
    file.attribute("/", "resumed_run", resumed->run);
    file.attribute("/", "resumed_checkpoint", resumed->digest);
    file.attribute("/", "resumed_epochs", resumed->epochs);
    file.attribute("/", "resumed_steps", resumed->steps);
  }

  void write_facts(const RunData& run) {
    file.attribute("/model", "name", run.model.name);
    file.attribute("/model", "parameters", run.model.parameters);
    file.attribute("/model", "gradient_bytes", run.model.gradient_bytes);
    file.attribute("/model", "flops_per_sample", run.model.flops_per_sample);
    file.write("/model/layers", run.model.layers, {run.model.layers.size()});
    file.write("/model/layer_parameters", run.model.layer_parameters, {run.model.layer_parameters.size()});
    file.attribute("/data", "name", run.data.name);
    file.attribute("/data", "train_rows", run.data.train_rows);
    file.attribute("/data", "validation_rows", run.data.validation_rows);
    file.attribute("/data", "test_rows", run.data.test_rows);
    file.attribute("/data", "classes", run.data.classes);
    file.attribute("/data", "digest", run.data.digest);
  }

  void write_buckets(const BucketTable& buckets) {
    file.remove("/buckets");
    const Extent extent{buckets.bytes.size()};
    file.write("/buckets/bytes", buckets.bytes, extent);
    file.write("/buckets/parameters", buckets.parameters, extent);
    file.write("/buckets/first_parameter", buckets.first_parameter, extent);
  }

  void write_memory(const MemoryTable& memory) {
    file.remove("/memory");
    for (const auto& c : kMemoryBytes)
      if (const auto& bytes = memory.*c.member; !bytes.empty()) file.write(c.path, bytes, {bytes.size()});
  }

  void write_reduction(const ReductionTable& reduction) {
    file.remove("/reduction");
    file.attribute("/reduction", "chosen_overlap", std::string(name_of(reduction.chosen.overlap)));
    file.attribute("/reduction", "chosen_bucket_mb", reduction.chosen.bucket_mb);
    file.attribute("/reduction", "reason", reduction.reason);
    file.attribute("/reduction", "steps", reduction.steps);
    if (reduction.tried.empty()) return;
    std::vector<std::string> overlap;
    std::vector<double> bucket_mb;
    for (const Reduction& way : reduction.tried) {
      overlap.emplace_back(name_of(way.overlap));
      bucket_mb.push_back(way.bucket_mb);
    }
    const Extent extent{reduction.tried.size()};
    file.write("/reduction/overlap", overlap, extent);
    file.write("/reduction/bucket_mb", bucket_mb, extent);
    file.write("/reduction/seconds", reduction.seconds, extent);
  }

  void append_steps(const StepTable& steps) {
    const Extent extent{static_cast<hsize_t>(steps.ranks()), static_cast<hsize_t>(steps.steps())};
    for_each_step_column([&](const auto& c) {
      const auto& values = (steps.*c.table).values;
      const bool unknown = steps.steps() > 0 && c.presence == Presence::written && c.budget == Budget::none;
      if (!values.empty() || !(c.may_lack() || unknown)) file.append(c.path, values, extent, 1);
    });
  }

  std::vector<std::int32_t> kind_numbers(const CommTable& comm) {
    std::vector<std::int32_t> numbers;
    numbers.reserve(comm.size());
    for (const std::string& kind : comm.kind) {
      auto known = std::find(kinds.begin(), kinds.end(), kind);
      if (known == kinds.end()) known = kinds.insert(kinds.end(), kind);
      numbers.push_back(static_cast<std::int32_t>(known - kinds.begin()));
    }
    return numbers;
  }

  void append_comm(const CommTable& comm) {
    const Extent extent{comm.size()};
    const std::vector<std::int32_t> numbers = kind_numbers(comm);
    for (const auto& c : kCommSmall) file.append(c.path, comm.*c.member, extent, 0);
    for (const auto& c : kCommLarge) file.append(c.path, comm.*c.member, extent, 0);
    for (const auto& c : kCommTimes) file.append(c.path, comm.*c.member, extent, 0);
    file.append("/comm/kind", numbers, extent, 0);
    file.attribute("/comm/kind", "names", kinds);
  }

  void append_stages(const StageTable& stages) {
    const Extent extent{stages.size()};
    if (stages.size() == 0) return;
    for (const auto& c : kStageNumbers) file.append(c.path, stages.*c.member, extent, 0);
    for (const auto& c : kStageTimes) file.append(c.path, stages.*c.member, extent, 0);
  }

  void append_tables(const StepTable& steps, const CommTable& comm, const StageTable& stages) {
    append_steps(steps);
    append_comm(comm);
    append_stages(stages);
  }

  // Each block came in order of rank; over the whole run only a stable sort makes that so.
  void order_comm() {
    if (!file.has("/comm/rank")) return;
    const auto ranks = file.column<std::int32_t>("/comm/rank");
    if (std::is_sorted(ranks.begin(), ranks.end())) return;
    std::vector<std::size_t> order(ranks.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return ranks[a] < ranks[b]; });
    const auto ordered = [&](const char* path, auto& into) {
      into = permuted(file.column<typename std::decay_t<decltype(into)>::value_type>(path), order);
    };
    CommTable comm;
    std::vector<std::int32_t> numbers;
    for (const auto& c : kCommSmall) ordered(c.path, comm.*c.member);
    for (const auto& c : kCommLarge) ordered(c.path, comm.*c.member);
    for (const auto& c : kCommTimes) ordered(c.path, comm.*c.member);
    ordered("/comm/kind", numbers);
    // All columns or none: killed from here on, the file has no /comm rather than a half-ordered one.
    file.remove("/comm");
    write_comm(comm, numbers);
  }

  void write_comm(const CommTable& comm, const std::vector<std::int32_t>& numbers) {
    const Extent extent{numbers.size()};
    for (const auto& c : kCommSmall) file.write(c.path, comm.*c.member, extent);
    for (const auto& c : kCommLarge) file.write(c.path, comm.*c.member, extent);
    for (const auto& c : kCommTimes) file.write(c.path, comm.*c.member, extent);
    file.write("/comm/kind", numbers, extent);
    file.attribute("/comm/kind", "names", kinds);
  }

  void append_epoch_row(const EpochRow& row) {
    for (const auto& c : kEpochValues) file.append(c.path, std::vector<double>{row.*c.member}, {1}, 0);
    file.append("/epochs/peak_memory_bytes", std::vector<std::int64_t>{row.peak_memory_bytes}, {1}, 0);
    if (row.gpu.recorded) append_gpu(row.gpu);
    append_counters(row.counters);
    for (const auto& [name, value] : row.more) {
      const std::string path = "/epochs/" + name;
      if (!declared.contains(path)) throw run_error("nobody has declared a measure '{}'", name);
      file.append(path, std::vector<double>{value}, {1}, 0);
    }
    const auto classes = static_cast<hsize_t>(row.confusion.rows);
    if (classes > 0) file.append("/epochs/confusion", row.confusion.values, {1, classes, classes}, 0);
  }

  void append_gpu(const GpuEpoch& gpu) {
    for (const auto& c : kEpochGpuValues) file.append(c.path, std::vector<double>{gpu.*c.member}, {1}, 0);
    file.append(kEpochGpuSlowdowns, std::vector<std::int64_t>{gpu.slowdowns}, {1}, 0);
  }

  void append_counters(const std::vector<ComputeCounts>& ranks) {
    if (ranks.empty()) return;
    for (const auto& c : kCounters) {
      std::vector<double> values;
      for (const ComputeCounts& rank : ranks) values.push_back(rank.*c.member);
      file.append(c.path, values, {values.size(), 1}, 1);
    }
  }

  void append_audit(const AuditRow& row) {
    if (row.samples.empty()) return;  // nobody knows which samples were trained on
    const Extent extent{row.samples.size(), 1};
    file.append("/audit/samples", row.samples, extent, 1);
    file.append("/audit/digest", row.digest, extent, 1);
    for (const auto& c : kAuditCounts) file.append(c.path, std::vector<std::int64_t>{row.*c.member}, {1}, 0);
  }

  void close(const std::string& status, bool valid, const std::vector<std::string>& reasons,
             double wall_seconds) {
    if (status != "complete" && status != "failed" && status != "interrupted")
      throw run_error("{}: '{}' is not how a run ends", file.path(), status);
    finished = true;  // also when what follows fails: there is no second chance to close a file
    order_comm();
    write_status(file, status, valid, reasons, wall_seconds);
    file.close();
    rename_into_place(file.path(), final_path);
  }

  double seconds() const { return seconds_between(began, steady_now()); }

  bool close_quietly(const std::string& status, const std::string& reason) {
    try {
      close(status, false, {reason}, seconds());
      return true;
    } catch (...) {
      return close_with_what_there_is(file, final_path, status, reason, seconds());
    }
  }

  // Runs a change of the file unless it is finished. A failure ends the file.
  template <typename Change>
  void change(const Change& body) {
    const std::lock_guard lock(mutex);
    if (finished) return;
    try {
      body();
    } catch (const std::exception& error) {
      finished = true;
      close_with_what_there_is(file, final_path, "failed", error.what(), seconds());
      throw;
    }
  }

  std::timed_mutex mutex;
  std::string final_path;
  Hdf5Output file;
  SteadyTime began = steady_now();
  std::vector<std::string> kinds;  // names behind the numbers of /comm/kind
  std::set<std::string> declared;  // datasets of the measures
  bool finished = false;
};

RunWriter::RunWriter(const std::string& final_path, const RunData& start)
    : impl_(std::make_unique<Impl>(final_path, start)) {}

RunWriter::~RunWriter() {
  const std::lock_guard lock(impl_->mutex);  // an emergency may be finishing the file
  impl_->file.abandon();
}

void RunWriter::set_buckets(const BucketTable& buckets) {
  impl_->change([&] {
    impl_->write_buckets(buckets);
    impl_->file.flush();
  });
}

void RunWriter::set_memory(const MemoryTable& memory) {
  impl_->change([&] {
    impl_->write_memory(memory);
    impl_->file.flush();
  });
}

void RunWriter::set_reduction(const ReductionTable& reduction) {
  impl_->change([&] {
    impl_->write_reduction(reduction);
    impl_->file.flush();
  });
}

void RunWriter::set_recorder_overhead(double share) {
  impl_->change([&] { impl_->file.attribute("/", "recorder_overhead", share); });
}

void RunWriter::set_backend_remark(const std::string& text) {
  impl_->change([&] { impl_->file.attribute("/", "backend_remark", text); });
}

void RunWriter::set_cuda_graph(const std::string& text) {
  impl_->change([&] { impl_->file.attribute("/", "cuda_graph", text); });
}

void RunWriter::set_counters_absent(const std::string& text) {
  impl_->change([&] { impl_->file.attribute("/counters", "absent", text); });
}

void RunWriter::append_part(const StepTable& steps, const CommTable& comm, const StageTable& stages) {
  impl_->change([&] {
    impl_->append_tables(steps, comm, stages);
    impl_->file.flush();
  });
}

void RunWriter::append_epoch(const StepTable& steps, const CommTable& comm, const StageTable& stages,
                             const EpochRow& epoch, const AuditRow& audit) {
  impl_->change([&] {
    impl_->append_tables(steps, comm, stages);
    impl_->append_epoch_row(epoch);
    impl_->append_audit(audit);
    impl_->file.flush();
  });
}

void RunWriter::finish(const std::string& status, bool valid, const std::vector<std::string>& reasons,
                       double wall_seconds) {
  impl_->change([&] { impl_->close(status, valid, reasons, wall_seconds); });
}

bool RunWriter::finish_emergency(const std::string& status, const std::string& reason) noexcept {
  try {
    const std::unique_lock lock(impl_->mutex, std::chrono::seconds(2));
    if (!lock.owns_lock() || impl_->finished) return false;
    return impl_->close_quietly(status, reason);
  } catch (...) {
    return false;
  }
}

}  // namespace lockstep
