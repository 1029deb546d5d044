// What a Run is inside: the state of the epoch under way, and what it tells whom. Private to lib/record.
#pragma once

#include <array>
#include <exception>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "comm/comm_observer.hpp"
#include "data/work_audit.hpp"
#include "launch/flight_recorder.hpp"
#include "record/bucket_log.hpp"
#include "record/epoch_record.hpp"
#include "record/rank_recorder.hpp"
#include "record/run.hpp"
#include "record/run_record.hpp"

namespace lockstep {

// What of a step is no time.
struct StepCounts {
  std::int64_t samples = 0;
  float loss = std::numeric_limits<float>::quiet_NaN();
  torch::Tensor later = {};  // the loss, on a device that is not asked in the step
  bool says_loss = false, has_phase = false;
};

struct Run::Impl final : private CommObserver {
  Impl(Communicator& over, const RunOptions& given);
  ~Impl() { communicator.set_observer(nullptr); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  Activity& activity() const { return world.flight().activity; }

  // What has gone wrong where nothing may be thrown.
  void rethrow() {
    if (failure) std::rethrow_exception(std::exchange(failure, nullptr));
  }
  template <typename Body>
  void keep_failure(const Body& body) noexcept {
    try {
      body();
    } catch (...) {
      if (!failure) failure = std::current_exception();
    }
  }
  void note_exception() {
    if (std::uncaught_exceptions() > exceptions_at_start && left_at.empty()) left_at = activity().text();
  }

  // Phases.
  Phase current() const { return depth == 0 ? Phase::other : open[depth - 1]; }
  std::size_t begin_phase(Phase phase);
  void end_phase(std::size_t at) noexcept;

  // Steps.
  void begin_step();
  void begin_epoch();
  void end_step() noexcept;
  void require_open() const {
    if (finished) throw input_error("the run has been finished");
  }

  // CommObserver.
  void sent(const WorkPtr& work, const void* sender, int bucket) override {
    if (in_step) buckets.add(work, sender, bucket);
  }
  void begin_wait() noexcept override {
    if (in_step) keep_failure([&] { recorder.phases().enter(Phase::wait); });
  }
  void end_wait() noexcept override {
    if (in_step) keep_failure([&] { recorder.phases().enter(current()); });
  }
  bool knows_buckets(const void* sender) const override { return buckets.knows(sender); }
  void set_buckets(const void* sender, const BucketTable& table) override { buckets.set(sender, table); }
  void forget_buckets(const void* sender) override { buckets.forget(sender); }

  // Epochs.
  void end_epoch(const EpochResult& result);
  RankEpoch take_epoch();
  void read_losses();
  void agree_on_epoch();
  AuditRow audited(const EpochResult& result);
  EpochRow row_of(const EpochResult& result);
  void write(const EpochResult& result, const RankEpoch& mine);
  void remark(const RankEpoch& mine);
  std::string epoch_line(const WrittenEpoch& written) const;
  void object(const std::string& sentence) {
    if (!sentence.empty()) invalid_reasons.push_back(sentence);
  }

  ExitCode finish();

  Communicator& communicator;
  RunOptions options;
  World& world;
  RunData facts;
  c10::Device device;
  SteadyTime origin;
  RunRecord record;
  RunOutput output;
  WorkLog log;
  BucketLog buckets;
  RankRecorder recorder;
  WorkAudit audit;
  EpochConditions conditions;                 // of the epoch that has ended
  bool has_ids = false, has_numbers = false;  // in this epoch

  std::vector<StepCounts> steps;  // of this epoch
  bool in_step = false;
  static constexpr std::size_t kDeepest = 16;
  std::array<Phase, kDeepest> open{};  // phases within one another, `depth` of them
  std::size_t depth = 0;
  SteadyTime last_end{};

  std::int64_t epoch = 0;
  std::size_t steps_before = 0, most_steps = 0;
  bool audits = false, has_loss = false;  // as the first epoch has decided
  std::vector<std::string> invalid_reasons;
  bool finished = false;

  std::exception_ptr failure;
  int exceptions_at_start = std::uncaught_exceptions();
  std::string left_at;  // where an exception has left a scope
};

}  // namespace lockstep
