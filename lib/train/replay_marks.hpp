// The marks that a captured step makes itself, by kernels beside its own (kernels/stamp.hpp), and the two
// numbers that it leaves. Only in builds with CUDA.
#pragma once

#include <torch/types.h>

#include <array>
#include <cstdint>
#include <memory>

#include "kernels/stamp.hpp"
#include "timing/recorder.hpp"

namespace lockstep {

class ReplayRing final : public ReplayMarks {
 public:
  // On the current device. marks: of a step, its end not counted; as many as `most` at most.
  explicit ReplayRing(std::size_t most);
  ~ReplayRing() override;
  ReplayRing(const ReplayRing&) = delete;
  ReplayRing& operator=(const ReplayRing&) = delete;

  // While the current stream is captured: mark i, beside what follows on the stream.
  void capture_mark(std::size_t i);
  // Mark i, for a kernel that writes it in place of that.
  DeviceMark place(std::size_t i) const;
  // (1), device memory: replays that have ended.
  const std::uint64_t* count() const { return ring_.count; }
  // After all marks, `marks` of them, the last of the step: its end, and two numbers of the device.
  void capture_end(std::size_t marks, const torch::Tensor& first, const torch::Tensor& second);

  // Before a replay is launched. Returns its number. results: where its two numbers go when its end is read,
  // in host memory.
  std::int64_t begin_replay(float* results);

  bool reached(std::int64_t replay, std::size_t mark) override;
  std::uint64_t stamp(std::int64_t replay, std::size_t mark) override;

 private:
  // More than can be open: the recorder keeps the marks of a few steps open.
  static constexpr std::uint32_t kDepth = 64;
  struct Streams;

  std::uint64_t* record(std::int64_t replay) const;
  std::uint64_t load(std::int64_t replay, std::size_t mark) const;

  kernels::StampRing ring_{};
  std::size_t end_ = 0;  // the index of the end, when it has been captured
  bool forked_ = false;  // a mark of the capture that goes on stands beside its stream
  std::unique_ptr<Streams> streams_;
  std::array<float*, kDepth> results_{};
  std::int64_t replays_ = 0;
};

// Seconds that a mark in a captured step costs the device: as a node of its own, and in a kernel of the step. Measured
// now on the current stream, which is waited for.
struct ReplayedMarkCost {
  double node = 0, carried = 0;
};
ReplayedMarkCost measure_replayed_mark_cost();

}  // namespace lockstep
