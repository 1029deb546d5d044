// ModuleReducer: reduces the gradients for DistributedDataParallel, in flat buckets, from hooks within
// LibTorch's backward(), and finishes with it. The parameters are left alone. Does nothing on one rank. The
// trainers, which know their steps, use GradientReducer.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "comm/communicator.hpp"
#include "parallel/backward_pass.hpp"
#include "parallel/bucket_launch.hpp"
#include "parallel/communication_hook.hpp"
#include "parallel/flat_buckets.hpp"
#include "parallel/gradient_hooks.hpp"
#include "parallel/observed_communicator.hpp"

namespace lockstep {

struct ModuleReducerOptions {
  BucketSizes bucket_sizes = {};
  bool overlap = true;
  std::optional<torch::ScalarType> reduce_dtype;
  bool average = true;
  bool static_graph = false;
  CommunicationHook hook;
  std::function<void()> after_reduction;  // collective; at the end of each reduced backward pass
};

class ModuleReducer final : private GradientListener {
 public:
  // parameters: all of the module, including frozen ones. The communicator outlives the reducer.
  ModuleReducer(std::vector<NamedParameter> parameters, Communicator& communicator,
                ModuleReducerOptions options);
  ~ModuleReducer();
  ModuleReducer(const ModuleReducer&) = delete;
  ModuleReducer& operator=(const ModuleReducer&) = delete;

  // Whether the next backward pass reduces (true) or only accumulates. Not collective.
  void set_synchronising(bool synchronising) { synchronising_ = synchronising; }
  bool synchronising() const { return synchronising_; }

  // Collective with the other ranks' backward passes: takes part in one without having one. A rank that has
  // no gradient adds none.
  void finish();
  // The number of ranks over which the mean is taken from now on; the same on every rank.
  void set_contributors(int ranks) { contributors_ = ranks; }

  // Collective, after the first reduced backward pass: a new bucket layout by the order in which gradients
  // became ready. Returns whether the layout changed. Else the second reduced backward pass does it.
  bool rebuild();
  // Every gradient becomes undefined. Not collective.
  void zero_gradients();

  const FlatBuckets& buckets() const { return *buckets_; }

 private:
  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);
  static constexpr int kNever = -1;

  // State of a parameter, by its index in the buckets.
  struct Slot {
    int expected = kNever;  // gradients after which it is ready; kNever: only the end of the pass tells
    bool repeats = false;   // has been given several gradients in a pass, or one by a nested pass
    int firings = 0;        // gradients in this pass
    bool has = false;       // a gradient, at the end of this pass
  };

  void on_gradient(std::size_t parameter) override;
  void begin_pass();
  void reset_pass();
  void abandon_pass();
  bool layout_holds() const;
  void lay_out();
  void adopt_layout();
  void accumulate(std::size_t parameter);
  void note(std::size_t slot, bool nested);
  void learn();
  void launch_complete_buckets();
  void launch(std::size_t bucket);
  void launch_rest();
  void send(std::size_t bucket);
  void send_told();
  void wait_for_all();
  void tell_gradients(bool abandoned);
  bool has_all() const;
  bool share_gradients();
  void poison_rest();
  void tell_buckets();
  void drop_gradients();

  std::vector<NamedParameter> all_;
  Communicator& communicator_;
  ObservedCommunicator hook_communicator_;  // what the hook communicates over
  ModuleReducerOptions options_;
  bool communicates_;
  int contributors_;
  std::unique_ptr<FlatBuckets> buckets_;
  std::vector<std::size_t> slot_of_;  // by index in all_; kNone: frozen when the buckets were laid out
  std::vector<Slot> slots_;
  std::vector<GradientBucket> gradient_buckets_;
  std::vector<std::function<void()>> completions_;  // by bucket launched
  std::vector<torch::Tensor> wire_;                 // by bucket; undefined where the bucket itself travels
  // (1 + slots), real: whether this rank has given the pass up, and by slot whether it has a gradient; then
  // the sums over the ranks. Behind the last bucket's gradients, or with a hook a message of its own.
  torch::Tensor told_;
  BucketLaunch order_;
  std::vector<std::size_t> ready_order_;
  bool synchronising_ = true;
  bool in_pass_ = false;
  bool learning_ = true;  // no reduced pass of this layout has ended yet
  bool rebuilt_ = false;
  BackwardPass pass_;
  std::optional<GradientHooks> hooks_;  // last: cut before the rest goes
};

}  // namespace lockstep
