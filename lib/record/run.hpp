// Run: records a training loop of your own as the trainers record theirs, for analyze to read.
//
//   auto run = lockstep::Run(*communicator, {.module = net, .data = {.name = "points", .train_rows = 640}});
//   for (int epoch = 0; epoch < 3; ++epoch) {
//     for (const Batch& batch : batches) {
//       auto step = run.step();
//       const auto forward = step.phase("forward");
//       ...
//       step.samples(batch.ids);
//       step.loss(loss);
//     }
//     run.epoch({validation_loss, accuracy});
//   }
//   return run.finish();
//
// What a DistributedDataParallel over the communicator sends is recorded by itself, whichever of the two was
// made first. docs/recorder.md explains what is recorded and what goes wrong how.
//
// Threads: one thread calls a run, its steps and its phases; backward passes may run on autograd's. A step
// costs two readings of the clock, or two events on a GPU, a phase; nothing synchronises a device, communicates
// or logs in a step.
#pragma once

#include <torch/nn/module.h>

#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "comm/communicator.hpp"
#include "results/run_data.hpp"
#include "timing/phase.hpp"

namespace lockstep {

// What is trained on; 0: not known, or none.
struct RecordedData {
  std::string name = {};
  std::int64_t train_rows = 0;  // needed where sample ids are given
  std::int64_t validation_rows = 0, test_rows = 0, classes = 0;
  std::string digest = {};  // of the content: runs with other digests did other work
};

struct RunOptions {
  // What is trained, on its device: counted, and compared between the ranks after each epoch. Required.
  std::shared_ptr<torch::nn::Module> module = nullptr;
  std::string output = "experiments";  // the run's folder is made in this one
  std::string model = {};              // its name; empty: the name of the module's class
  RecordedData data = {};
  std::string metric = {};  // what EpochResult::metric is: "accuracy"; empty: nothing
  bool higher_is_better = true;
  double chance = kUnknown;     // the metric of a guess
  double flops_per_sample = 0;  // forward and backward; multiply and add count as two; 0: not known
  std::uint64_t seed = 0;       // runs with equal seeds are compared in pairs
  bool weak_scaling = false;    // more ranks share a larger batch
  // What else runs may differ in, by dotted key: {"training.optimizer.lr", "0.01"}. docs/recorder.md lists
  // those that analyze reads.
  std::map<std::string, std::string> settings = {};
  std::size_t phases_per_step = 32;  // on a GPU the host waits for the device where a step has more
  bool quiet = false;                // nothing on the terminal; rank 0's log.txt has it all the same
};

// What you have measured after an epoch, over all ranks: rank 0's counts. NaN: not measured.
struct EpochResult {
  double loss = kUnknown;         // mean over the validation split
  double metric = kUnknown;       // on it
  double test_metric = kUnknown;  // on the test split
  double learning_rate = kUnknown;
  // Rows that the ranks had to train on in the epoch together, if not all: where it was cut short, or a last
  // batch dropped. For the audit.
  std::int64_t rows = -1;
};

class Run {
  struct Impl;

 public:
  // Collective: all ranks. communicator: of make_communicator() for the whole World; it outlives the run, and
  // no other run records it. Error(bad_input) where an option does not fit or the folder cannot be made.
  Run(Communicator& communicator, const RunOptions& options);
  // As finish(). When an exception leaves the run, the file says that it has failed, and where. Never
  // communicates.
  ~Run();
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  // Part of a step, until it is destroyed. A phase within another interrupts it: time belongs to the innermost.
  class PhaseScope {
   public:
    ~PhaseScope() { end(); }
    PhaseScope(const PhaseScope&) = delete;
    PhaseScope& operator=(const PhaseScope&) = delete;
    void end() noexcept;  // before its time; ends what is within it too

   private:
    friend class Run;
    PhaseScope(Impl& run, Phase phase);
    Impl* run_;
    std::size_t depth_;
  };

  // A training step, until it is destroyed. What no phase covers counts as "other", as does the time until the
  // next step of the epoch.
  class StepScope {
   public:
    ~StepScope() { end(); }
    StepScope(const StepScope&) = delete;
    StepScope& operator=(const StepScope&) = delete;

    // data (waiting for the loader), h2d (copying the batch to the device), forward, backward, optimizer, wait
    // (for communication of your own) or other. Error(bad_input) for any other name.
    [[nodiscard]] PhaseScope phase(std::string_view name);
    // What this rank trains on in the step; adds up over several calls. Numbers, or ids in [0, train_rows), of
    // which the last `padding` do not count: then the work is audited. One or the other in a whole run.
    void samples(std::int64_t number);
    void samples(std::span<const std::int64_t> ids, std::int64_t padding = 0);
    void samples(const torch::Tensor& ids);  // (samples) int64 on the host
    // The mean over this rank's samples: one element on any device, read after the epoch.
    void loss(const torch::Tensor& mean);
    void loss(double mean);
    void end() noexcept;  // before its time

   private:
    friend class Run;
    explicit StepScope(Impl& run) : run_(&run) {}
    Impl& open() const;  // Error(bad_input) where it has ended
    Impl* run_;
  };

  // The first of an epoch is collective: the epoch begins together. Error(bad_input) within a step.
  [[nodiscard]] StepScope step();
  // Collective: all ranks, after as many steps as the others. Compares replicas, audits the work and writes the
  // epoch. Error(bad_input) within a step, without steps, or where no step has said its samples.
  void epoch(const EpochResult& result = {});
  // For communication of your own in a step: collectives, of the run's communicator. Returns the same. Wait for it
  // in the phase "wait".
  WorkPtr sent(WorkPtr work);

  // Closes the run file. Returns not_valid where replicas diverged or the audit found a fault, the same on every
  // rank. Not collective. Once.
  ExitCode finish();

  const std::string& folder() const;  // on rank 0; empty on the others

 private:
  std::unique_ptr<Impl> impl_;
};

using Recorder = Run;

}  // namespace lockstep
