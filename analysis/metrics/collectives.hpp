// The events of /comm matched across the ranks: which events belong to one collective. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "results/run_data.hpp"

namespace lockstep {

// Collectives in order of their sequence numbers. Events of a rank or step that the run does not have are
// left out.
class Collectives {
 public:
  using Event = std::uint32_t;  // index into the columns of the table

  // Error(bad_input) with more events than an Event can count.
  Collectives(const CommTable& comm, std::int64_t ranks, std::int64_t steps);

  std::int64_t ranks() const { return ranks_; }
  std::int64_t steps() const { return steps_; }
  std::size_t size() const { return begins_.size() - 1; }
  // In order of rank.
  std::span<const Event> members(std::size_t collective) const {
    return std::span<const Event>(events_).subspan(begins_[collective],
                                                   begins_[collective + 1] - begins_[collective]);
  }
  // Whether each rank of its group recorded it once. A group is made of the ranks that occur with its number,
  // the bits of the sequence number from kGroupShift up; where there is one group, of all ranks.
  bool is_whole(std::size_t collective) const;
  static constexpr int kGroupShift = 40;

 private:
  void count_groups(const std::vector<bool>& admitted);

  const CommTable* comm_;
  std::int64_t ranks_, steps_;
  std::vector<std::size_t> begins_;  // [collectives + 1], into events_
  std::vector<Event> events_;
  std::map<std::int64_t, std::int64_t> group_sizes_;
};

}  // namespace lockstep
