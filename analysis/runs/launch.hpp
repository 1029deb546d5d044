// Launch: one run, reduced to what metrics and checks of groups need, so that the file's samples can be let
// go.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "analysis/metrics/bucket_times.hpp"
#include "analysis/metrics/change_point.hpp"
#include "analysis/metrics/clocks.hpp"
#include "analysis/metrics/learning.hpp"
#include "analysis/metrics/link_model.hpp"
#include "analysis/quantities/quantities.hpp"
#include "analysis/runs/chain.hpp"
#include "analysis/runs/finding.hpp"
#include "base/mode.hpp"
#include "results/run_data.hpp"

namespace lockstep {

// What the run's GPUs did while it trained. NaN: not known.
struct GpuUse {
  bool recorded = false;
  double energy_per_sample = kUnknown;  // J, over the epochs whose energy is known
  double power = kUnknown;              // W, of all GPUs, mean over these
  double power_peak = kUnknown, temperature = kUnknown, sm_clock = kUnknown;  // W, degrees Celsius, Hz
  std::int64_t slowdowns = 0;  // bits of results/gpu_slowdowns.hpp
};

// What a rank holds of the model for training, of the rank that holds the most; 0: not recorded.
struct ModelMemory {
  double parameters = 0, gradients = 0, optimizer = 0;  // bytes
  double total() const { return parameters + gradients + optimizer; }
};

struct Launch {
  std::string path;  // the run's folder, or the file when it was given
  RunHeader header;
  std::map<std::string, std::string> settings, environment;
  std::string fingerprint;
  std::string model, metric, device;  // device: of the first rank
  std::int64_t parameters = 0;
  double gradient_bytes = 0, flops_per_sample = 0;  // 0: not known
  DataFacts data;
  std::int64_t ranks = 0, threads = 0, global_batch = 0, epochs = 0;  // threads: of a rank, the most
  std::int64_t recorded_ranks = 0;                                    // that the file has the steps of
  std::int64_t nodes = 1;                                             // distinct hosts
  std::int64_t cores = 0;  // that a rank may run on, the fewest; 0: not known

  std::vector<Quantities> steps;  // mean over ranks, warm-up included
  std::int64_t warmup = 0;
  bool warmup_given = false;                // by measure.warmup; otherwise by the change-point test
  std::optional<LevelChange> level_change;  // of the steady steps, counted from the first of them
  std::uint64_t times_digest = 0;  // of all ranks' step times; 0: they are too much alike to tell runs apart

  double training_seconds = 0;                    // of all steps
  double test_metric = 0, validation_metric = 0;  // after the last epoch; NaN: not measured
  std::optional<double> train_loss;               // of the last epoch; none: not finite, or not recorded
  double first_train_loss = 0;                    // of the first epoch
  double chance = 0;                              // the metric of a guess; NaN: not known
  bool higher_is_better = true;
  bool loss_lost = false;            // it was a number, and at the end is none
  std::int64_t rows_trained = 0;     // by the audit; -1: the file has none
  std::vector<LearningPoint> curve;  // one an epoch
  GpuUse gpu;
  std::optional<ReductionTable> reduction;  // none: nothing of it was left to the run
  ModelMemory memory;
  std::optional<ComputeCounts> counts;  // of a mean step of a mean rank (metrics/counters.hpp)
  std::string counts_absent;            // what of it is not known, and why: sentences
  double peak_memory = 0;               // bytes, largest over the ranks; 0: not recorded

  // Of the steady steps.
  std::vector<Quantities> rank_steps;       // [ranks], the mean step of each; no transfer, wait and later
  std::vector<std::int64_t> last_arrivals;  // [ranks], collectives in which the rank came last
  std::vector<double> wait_caused;          // [ranks], seconds a step that the mean rank waits for this one
  std::string reduced_by;                   // all_reduce or reduce_scatter: of the gradient buckets
  double reduced_bytes = 0, reduced_seconds = 0;  // those that matched, or messages: sizes, transfer times
  std::int64_t reduced_ranks = 0;                 // that take part in one of them
  std::vector<MessageTime> reductions;            // one a message size
  std::vector<BucketTimes> buckets;
  std::vector<double> stage_seconds;       // [chunks of a split model], of one micro-batch, there and back
  std::int64_t unmatched_collectives = 0;  // of all steps; with any, nothing is said of waiting
  std::optional<ClockGap> clock_gap;       // likewise

  std::vector<Joint> joints;  // where runs were joined to this one
  std::string apart;          // why it is not joined with the one that it goes on from

  std::vector<Finding> findings;
  bool usable() const;                    // no finding says that the run must not be used
  bool has(std::string_view code) const;  // a finding with this code

  std::span<const Quantities> steady() const {
    return std::span<const Quantities>(steps).subspan(static_cast<std::size_t>(warmup));
  }
  std::string setting(const std::string& key) const;  // "" when the file has none
  // usual: where it is no number above 0.
  template <typename Number>
  Number setting_or(const std::string& key, Number usual) const {
    const double value = number_of_setting(key);
    return value > 0 ? static_cast<Number>(value) : usual;
  }
  double number_of_setting(const std::string& key) const;  // 0 when it is none
  // How gradients were reduced: as the settings say, or as the run chose where they are auto.
  bool overlaps() const;
  double bucket_mb(double usual) const;  // MiB; usual: where it is not known
  std::string ablation() const;          // parallel.ablation; "" for training
  std::int64_t epochs_before() const { return header.resumed ? header.resumed->epochs : 0; }
  // Trained from its first step to its last, so that what it took to learn is known.
  bool trained_whole() const { return ablation().empty() && !header.resumed; }
  bool on_gpu() const { return setting("parallel.device") == "cuda"; }
  // Made from another program's records, which know nothing of some settings.
  bool imported() const { return environment.contains("origin"); }
  // What no phase accounts for is known: the device stood idle.
  bool rest_is_idle() const { return setting("measure.other") == "device idle"; }
  std::optional<Mode> mode() const { return named<Mode>(header.mode); }  // nothing for one that is not known
  bool is_sequential() const { return mode() == Mode::sequential; }
  // By its mode; false for an unknown one. Whether no rank has the whole model, or each has it and takes its
  // share of every batch.
  bool splits_the_model() const;
  // Whether each rank updates its part of the parameters alone; and gets its part of the gradients alone.
  bool shards_optimizer() const { return setting("parallel.shard") == "optimizer" || scatters_gradients(); }
  // "all-reduces" or "reduce-scatters": what reduces its buckets.
  std::string reduction_words() const {
    return reduced_by == "reduce_scatter" ? "reduce-scatters" : "all-reduces";
  }
  bool scatters_gradients() const { return setting("parallel.shard") == "gradients"; }
  bool shares_batches() const;
  bool weak_scaling() const { return setting("measure.scaling") == "weak"; }
};

// Of distinct hosts; at least 1.
std::int64_t nodes_of(const std::vector<RankEnvironment>& ranks);

// Reduces; findings are empty (checked_launch of checks/rules.hpp has them).
Launch make_launch(const RunData& run, const std::string& path);

}  // namespace lockstep
