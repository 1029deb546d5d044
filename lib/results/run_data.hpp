// What one run file holds, in memory: the writer's vocabulary and the reader's result. No HDF5 here.
// Units and meanings of every column stand in schema.hpp and are written into the file.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "base/reduction.hpp"
#include "results/measure.hpp"
#include "results/step_columns.hpp"

namespace lockstep {

inline constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

// The /comm datasets, one entry a collective and rank; in order of rank, then time. Columns of equal length.
struct CommTable {
  std::vector<std::int32_t> rank, step, bucket;  // bucket -1: not a gradient bucket
  std::vector<std::int64_t> sequence, bytes;     // sequence numbers match across ranks
  std::vector<std::string> kind;  // "all_reduce", "broadcast", ...; stored as int + attribute of names
  std::vector<double> ready, start, end;  // seconds since the common start
  std::size_t size() const { return rank.size(); }
};

struct BucketTable {
  std::vector<std::int64_t> bytes, parameters;  // parameters: tensors in the bucket
  std::vector<std::string> first_parameter;
};

// The /stages datasets: passes of micro-batches through stages, in order of rank, then time. Columns of equal
// length; empty where no model was split.
struct StageTable {
  std::vector<std::int32_t> rank, step, stage, micro_batch, direction;  // direction: 0 forward, 1 backward
  std::vector<double> start, end;                                       // seconds since the common start
  std::size_t size() const { return rank.size(); }
};

// What the GPUs did during an epoch's steps. NaN: not known.
struct GpuEpoch {
  bool recorded = false;                                                      // no: there are no such columns
  double energy = kUnknown;                                                   // J, of all GPUs
  double power_peak = kUnknown, temperature = kUnknown, sm_clock = kUnknown;  // W, degrees Celsius, Hz
  std::int64_t slowdowns = 0;  // seen at some time: bits of gpu_slowdowns.hpp
};

// What the processor did for the compute threads of a rank during an epoch's steps; sums over these threads. NaN:
// not known.
struct ComputeCounts {
  double steps = 0, threads = 0;                              // that were counted
  double cycles = kUnknown, instructions = kUnknown;          // in user mode
  double user_seconds = kUnknown, system_seconds = kUnknown;  // of processor time
  double waiting_seconds = kUnknown;                          // runnable, without a core to run on
  double preemptions = kUnknown, page_faults = kUnknown;
};

// One row of /epochs. NaN: not measured.
struct EpochRow {
  double train_loss = 0, validation_loss = 0, validation_metric = 0, test_metric = 0;
  double train_seconds = 0, validation_seconds = 0, learning_rate = 0;
  std::int64_t peak_memory_bytes = 0;  // largest over the ranks
  Matrix<std::int64_t> confusion;      // [classes, classes], rows are the true class; of the validation split
  GpuEpoch gpu = {};
  std::vector<ComputeCounts> counters = {};  // [ranks], or empty: nobody has counted
  std::map<std::string, double> more;  // RunData::measures by column: "test_bleu"; the same in every epoch
};

// The /audit datasets of one epoch.
struct AuditRow {
  std::vector<std::int64_t> samples;  // [ranks]
  std::vector<std::uint64_t> digest;  // [ranks], order-independent digest of the sample ids
  std::int64_t missing = 0, repeated = 0, padding = 0;
};

// What each rank holds of the model for training, in bytes; activations are not known.
struct MemoryTable {
  std::vector<std::int64_t> parameters, gradients, optimizer;  // [ranks], or empty: not recorded
};

// How gradients are reduced where that was left to the run (parallel.overlap or parallel.bucket_mb auto).
struct ReductionTable {
  Reduction chosen;
  std::string reason;      // why this way
  std::int64_t steps = 0;  // the first so many of the run were used up by trying
  std::vector<Reduction> tried = {};
  std::vector<double> seconds = {};  // by what was tried: the median step of the slowest rank
};

// A rank's GPU at the start. NaN: not known.
struct GpuFacts {
  double sm_clock = kUnknown, sm_clock_max = kUnknown;          // Hz
  double memory_clock = kUnknown, memory_clock_max = kUnknown;  // Hz
  double power_limit = kUnknown, temperature = kUnknown;        // W, degrees Celsius
  std::int64_t slowdowns = 0;                                   // bits of gpu_slowdowns.hpp
};

// One entry a rank.
struct RankEnvironment {
  std::string host, device, cpu, driver;
  // Numbers of the cores that the process may run on, a space between; empty in files of earlier versions.
  std::string cores = {};
  // Cores that each compute thread may run on, an entry a thread, and those of each other thread: "0-3,8". All of
  // these and of the machine are empty in files of earlier versions.
  std::string thread_cores = {}, loader_cores = {};
  std::string numa_nodes = {}, caches = {};  // of the rank's cores: "0-1", "L3 0-1 of 32 MiB"
  std::string machine = {};                  // "2 packages, 2 NUMA nodes, ..."
  std::string variables = {};                // of the environment that steer libraries, NAME=value a line
  std::int64_t cores_bound = 0, threads = 0, memory_bytes = 0;
  std::int64_t loader_threads = 0;
  double cpu_quota = 0;                      // CPUs that the control group allows; 0: no quota
  double clock_offset = 0, clock_error = 0;  // seconds: this rank's clock minus rank 0's, and its bound
  std::optional<GpuFacts> gpu = {};          // none: nobody could be asked
  static auto fields(auto& rank) {
    auto& [host, device, cpu, driver, cores, thread_cores, loader_cores, numa, caches, machine, variables,
           bound, threads, memory, loaders, quota, offset, error, gpu] = rank;
    return std::tie(host, device, cpu, driver, cores, thread_cores, loader_cores, numa, caches, machine,
                    variables, bound, threads, memory, loaders, quota, offset, error, gpu);
  }
};

// Of a run that went on from another's checkpoint.
struct Resumed {
  std::string run;                     // uuid of the run that wrote the checkpoint
  std::string digest;                  // of the checkpoint
  std::int64_t epochs = 0, steps = 0;  // done before this run's first
};

struct RunHeader {
  int schema = 0;
  std::string uuid;
  std::string mode;    // seq, ddp
  std::string status;  // running, complete, failed, interrupted
  bool valid = true;
  std::vector<std::string> invalid_reasons;  // sentences
  std::string started;                       // ISO 8601, UTC
  double wall_seconds = 0;
  std::int64_t world_size = 0;  // ranks of the run, where the file has fewer of them; 0: it has all
  std::optional<Resumed> resumed;
};

struct ModelFacts {
  std::string name;
  std::int64_t parameters = 0, gradient_bytes = 0;
  double flops_per_sample = 0;  // forward + backward, multiply and add counted as two
  std::vector<std::string> layers;
  std::vector<std::int64_t> layer_parameters;
};

struct DataFacts {
  std::string name;
  std::int64_t train_rows = 0, validation_rows = 0, test_rows = 0, classes = 0;
  std::string digest;  // of the content: two runs with equal digests trained on the same rows
};

struct RunData {
  RunHeader header;
  std::string config_given, config_resolved;    // YAML
  std::map<std::string, std::string> settings;  // the resolved configuration, dotted key to text
  std::vector<RankEnvironment> ranks;
  std::map<std::string, std::string>
      environment;               // libtorch, cuda, mpi, nccl, program, commit, compiler, flags
  std::string fingerprint;       // of the hardware: equal means comparable
  double recorder_overhead = 0;  // share of the step spent on recording, measured
  StepTable steps;
  // Seconds from the begin of a step to that of its backward pass, mean; NaN: data + h2d + forward.
  double backward_offset = kUnknown;
  CommTable comm;
  StageTable stages;
  BucketTable buckets;
  std::optional<ReductionTable> reduction;  // none: nothing was left to the run
  MemoryTable memory;
  std::string metric;  // what validation_metric and test_metric are: "accuracy"
  bool higher_is_better = true;
  double chance = std::numeric_limits<double>::quiet_NaN();  // the metric of a guess; NaN: not known
  std::vector<Measure> measures;                             // what else the task measures
  std::vector<EpochRow> epochs;
  std::vector<AuditRow> audit;  // one an epoch
  std::string counters_absent;  // sentences, one a line: what of the counters is not known, and why
  ModelFacts model;
  DataFacts data;
  std::vector<std::string> absent;  // optional paths that a reader did not find

  // The epoch that the first column of /audit and the first row of /epochs are of. Earlier versions did not
  // say that a run was resumed.
  std::int64_t first_epoch() const {
    if (header.resumed) return header.resumed->epochs;
    return steps.epoch.values.empty() ? 0 : steps.epoch.values.front();
  }
};

}  // namespace lockstep
