// RunConfig: everything a run can be told, with its defaults. What a key means and which values it takes
// stands in keys.cpp's one table, from which --help and docs/configuration.md are generated. Reading files:
// load_config.hpp.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/backend_kind.hpp"
#include "base/names.hpp"
#include "base/pipeline_schedule.hpp"
#include "base/reduction.hpp"

namespace lockstep {

// Where a value was given: a file and its line (1-based), or "--set" and line 0.
struct Location {
  std::string file;
  int line = 0;
  std::string text() const;  // "configs/x.yaml:12", or "--set"
};

// A key that belongs to the chosen model and is checked by the model registry.
struct Setting {
  std::string key;  // without the leading "model."
  std::string value;
  Location where;
};

enum class Tokenizer { hash, basic_english };
enum class Batching { fixed, length };
enum class OptimizerKind { sgd, adam, adamw };
enum class ScheduleKind { constant, linear, cosine };
enum class CudaGraphUse { automatic, on, off };
enum class Precision { fp32, bf16 };
enum class Algorithm { all_reduce, parameter_server };
enum class ReduceDtype { fp32, bf16, fp16 };
enum class SparseGradients { automatic, off };
enum class Ablation { none, no_comm, comm_only };
enum class SlowPhase { compute, data };
enum class Scaling { strong, weak };

enum class Sharding { automatic, none, optimizer, gradients };
template <>
inline constexpr auto kNames<Sharding> = std::to_array<Named<Sharding>>({
    {"auto", Sharding::automatic},
    {"none", Sharding::none},
    {"optimizer", Sharding::optimizer},
    {"gradients", Sharding::gradients},
});
enum class Kernels { own, library };
enum class DeviceKind { automatic, cpu, cuda };
template <>
inline constexpr auto kNames<DeviceKind> = std::to_array<Named<DeviceKind>>({
    {"auto", DeviceKind::automatic},
    {"cpu", DeviceKind::cpu},
    {"cuda", DeviceKind::cuda},
});

// Which layers lie on which stage of a pipeline.
struct Partition {
  enum class Kind { published, even, automatic, layers };
  Kind kind = Kind::published;
  std::vector<std::int64_t> layers = {};  // of each chunk, in the model's order
  bool operator==(const Partition&) const = default;
};

struct RunConfig {
  struct Run {
    std::string name;  // free text for people; empty: the model's name
    std::uint64_t seed = 42;
  } run;

  struct Model {
    std::string name;
    std::string preset;          // empty: the model's default
    std::vector<Setting> hyper;  // as given; the registry knows the defaults
    Kernels kernels = Kernels::own;
  } model;

  struct Data {
    std::string name;
    std::string path;  // folder with the files, or the file; relative to the working directory
    std::int64_t max_length = 128;
    Batching batching = Batching::fixed;
    Tokenizer tokenizer = Tokenizer::hash;
    std::int64_t vocabulary = 20000;       // hash: table size; basic_english: largest vocabulary
    std::optional<std::int64_t> min_freq;  // rarer words are unknown; empty: 2 for multi30k, else 1
    std::string embeddings;                // file of word vectors; empty: none
    std::vector<std::string> languages = {"de", "en"};  // multi30k: from, to
    double validation = 0.1;                            // share of the training split held out, by seed
    double test_share = 0.1;                            // text_file: share of the file, at its end
    int workers = 1;                                    // prefetching threads per rank
    std::int64_t max_train_rows = 0;        // 0: all; else the first so many rows of the training file
    std::string cache = ".cache/lockstep";  // folder of the encoded data; "none": no cache
    std::optional<std::int64_t> max_bytes;  // a file, unpacked; empty: as data/input_file.hpp says
    bool normalise = true;                  // images: by mean and deviation; false: in [0, 1]
    std::int64_t resize = 0;                // images: to N x N; 0: as they are
    std::int64_t crop_padding = 0;          // images, training: zero pixels around, then cut at random
    bool flip = false;                      // images, training: left to right, every other one
    double rotation = 0;                    // images, training: by up to so many degrees either way
    std::int64_t samples = 10000;           // synthetic_*: training samples
    std::int64_t test_samples = 2000;       // synthetic_*: test samples
    std::int64_t classes = 10;              // synthetic_images, synthetic_text
    std::vector<std::int64_t> shape = {1, 28, 28};  // synthetic_images: channels, height, width
  } data;

  struct Optimizer {
    OptimizerKind name = OptimizerKind::adam;
    double lr = 1e-3;
    double weight_decay = 0;
    double momentum = 0;                            // sgd
    bool nesterov = false;                          // sgd
    double beta1 = 0.9, beta2 = 0.999, eps = 1e-8;  // adam, adamw
  };
  struct Schedule {
    ScheduleKind name = ScheduleKind::constant;
    std::int64_t warmup_steps = 0;
  };
  struct Training {
    std::optional<std::int64_t> epochs;  // exactly one of epochs and steps
    std::optional<std::int64_t> steps;
    std::optional<std::int64_t> global_batch;  // exactly one of global_batch and micro_batch
    std::optional<std::int64_t> micro_batch;   // per rank and accumulation step
    std::int64_t accumulate = 1;
    Optimizer optimizer;
    Schedule schedule;
    double grad_clip = 0;  // largest global 2-norm of the gradient; 0: off
    Precision precision = Precision::fp32;
    bool tf32 = false;  // on a GPU: products of fp32 numbers in TF32
    CudaGraphUse cuda_graph = CudaGraphUse::automatic;
    std::vector<double> target;  // validation metric levels whose time is recorded
  } training;

  struct Link {                                      // what the back end sim simulates
    double latency_us = 0, gbps = 0, jitter_us = 0;  // gbps 0: bytes cost nothing
    int slow_rank = -1;                              // -1: none
    double slow_factor = 1;
    SlowPhase slow_phase = SlowPhase::compute;
  };
  struct Parallel {
    DeviceKind device = DeviceKind::automatic;
    BackendKind backend = BackendKind::automatic;
    std::optional<int> threads;  // per rank; empty: cores of the node / ranks on it
    Algorithm algorithm = Algorithm::all_reduce;
    // Of reducing gradients, each empty where the first steps are to show which is fastest.
    std::optional<Overlap> overlap = Overlap::during;
    std::optional<double> bucket_mb = 25;
    bool sync_batchnorm = false;
    double first_bucket_mb = 1;
    ReduceDtype reduce_dtype = ReduceDtype::fp32;
    SparseGradients sparse_gradients = SparseGradients::automatic;
    Sharding shard = Sharding::automatic;
    Ablation ablation = Ablation::none;
    double timeout_s = 300;     // longest time without progress; 0: any
    std::optional<int> stages;  // train_mp: ranks that share one model; empty: all
    PipelineSchedule schedule = PipelineSchedule::gpipe;
    std::optional<int> micro_batches;  // of a rank's batch; empty: 4, with layerwise 1
    std::optional<int> chunks;         // of the model, a stage; empty: 1, with interleaved 2
    Partition partition;
    Link link;

    bool tries_reductions() const { return !overlap || !bucket_mb; }
    // Whether each rank updates a part of the parameters; what `auto` comes to is known from Setup on.
    bool shards_optimizer() const { return shard == Sharding::optimizer || shard == Sharding::gradients; }
  } parallel;

  struct Measure {
    Scaling scaling = Scaling::strong;
    std::optional<std::int64_t> warmup;  // steps left out of the statistics; empty: found by analyze
  } measure;

  struct Checkpoint {
    std::int64_t every_epochs = 0, every_steps = 0;  // 0: none
    double every_minutes = 0;                        // 0: none
    std::optional<bool> on_signal;                   // empty: where there are others
    std::int64_t keep = 2;
    bool reschedule = false;  // --resume may change the schedule

    bool at_times() const { return every_epochs > 0 || every_steps > 0 || every_minutes > 0; }
    bool at_signals() const { return on_signal.value_or(at_times()); }
  } checkpoint;

  // Where each given key was given, by dotted name; keys at their defaults are absent.
  std::map<std::string, Location> given;

  std::string file;        // the configuration file as named by the user; empty when there was none
  std::string given_text;  // its text, and each --set as a comment line after it

  // "configs/x.yaml:12: 'training.global_batch'" for messages; without a place when the key has its default.
  std::string place(const std::string& key) const;

  // Samples of one optimizer step over all ranks. Error(bad_input) naming place, numbers and remedy when
  // training.global_batch is not divisible by ranks x training.accumulate.
  std::int64_t global_batch(int ranks) const;
  // Samples of one forward pass of one rank: global_batch(ranks) / (ranks x accumulate). Same errors.
  std::int64_t micro_batch(int ranks) const;
};

}  // namespace lockstep
