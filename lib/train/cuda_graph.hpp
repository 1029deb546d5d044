// StepGraphs: training steps captured as CUDA graphs, one per shape of batch, and replayed: one launch
// instead of hundreds. Everything that differs between steps is read from device memory.
//
// A capture executes nothing. It is made between two steps, after a few steps of the same shapes have run
// uncaptured: they choose algorithms, load kernels and lay out buckets.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "parallel/work_log.hpp"
#include "timing/recorder.hpp"

namespace lockstep {

struct Setup;

// Why no step of this run can be captured, as a message; empty: capture can be tried.
std::string graph_obstacle(const Setup& setup);

class StepGraphs {
 public:
  // Steps with equal keys differ only in the values in device memory.
  using Key = std::vector<std::int64_t>;
  // What a step leaves: one fp32 number each, on the device.
  struct Numbers {
    torch::Tensor loss, norm;
  };
  // The step, on tensors at fixed addresses.
  using Body = std::function<Numbers(const torch::Tensor& inputs, const torch::Tensor& targets)>;

  // A captured step.
  class Step {
   public:
    virtual ~Step() = default;
    // Enqueues copies from pinned memory, which are contiguous, to where the step reads them.
    virtual void set_batch(const torch::Tensor& inputs, const torch::Tensor& targets) = 0;
    // Enqueues the step. Its marks are the recorder's; when its end is read, its loss and norm are written to
    // results[0] and [1], in host memory that stays until then.
    virtual void replay(float* results) = 0;
  };

  // log: of the step's communication, or null; replayed steps add to it as others do. Both outlive it.
  // Nothing is captured where enabled is false, as on the CPU it must be.
  StepGraphs(bool enabled, StepRecorder& recorder, WorkLog* log = nullptr);
  ~StepGraphs();

  // The captured step of this key, or null.
  Step* find(const Key& key) const;
  // A step of this key ran uncaptured on these tensors. Returns whether to capture it now: it has occurred
  // often enough, and there is room.
  bool ran(const Key& key);
  // Captures body on tensors like these. Returns why that failed; then nothing has been executed, and nothing
  // is captured or replayed any more. Empty: it succeeded.
  std::string capture(const Key& key, const torch::Tensor& inputs, const torch::Tensor& targets,
                      const Body& body);
  // Releases all captured steps and captures no more.
  void disable();
  bool enabled() const { return enabled_; }
  std::size_t size() const { return steps_.size(); }

 private:
  struct Seen {
    Key key;
    int times;
  };
  struct Entry {
    Key key;
    std::unique_ptr<Step> step;
  };
  struct Pool;

  bool enabled_;
  StepRecorder& recorder_;
  WorkLog* log_;
  std::unique_ptr<Pool> pool_;
  std::vector<Seen> seen_;
  std::vector<Entry> steps_;
};

}  // namespace lockstep
