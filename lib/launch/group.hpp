// Group: all or some ranks of the run, and the control plane between them: small values on the host, outside
// the timed steps. Gradients and activations go through Communicator.
#pragma once

#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "launch/message.hpp"

namespace lockstep {

class FlightRecorder;

class Group {
 public:
  virtual ~Group() = default;
  Group() = default;
  Group(const Group&) = delete;
  Group& operator=(const Group&) = delete;

  virtual int rank() const = 0;  // within the group
  virtual int size() const = 0;

  // Collective, all of these: all ranks of the group, with values of one type. Values (message.hpp) are
  // numbers and structs of them, strings, vectors, optionals, pairs, and structs with fields(). Numbers
  // arrive bit-identical. A string is sent as it is, without a copy.

  // One entry a rank, in order of rank.
  std::vector<std::string> all_gather(const std::string& bytes) { return all_gather_bytes(bytes); }
  template <Sendable T>
  std::vector<T> all_gather(const T& mine) {
    return values_of<T>(all_gather_bytes(to_message(mine)));
  }
  // The same on rank 0; empty on the others.
  std::vector<std::string> gather(const std::string& bytes) { return gather_bytes(bytes); }
  template <Sendable T>
  std::vector<T> gather(const T& mine) {
    return values_of<T>(gather_bytes(to_message(mine)));
  }
  // Rank 0's, whatever the others give.
  std::string broadcast(const std::string& bytes) { return broadcast_bytes(bytes); }
  template <Sendable T>
  T broadcast(const T& mine) {
    return from_message<T>(broadcast_bytes(rank() == 0 ? to_message(mine) : std::string()));
  }
  // The minimum, maximum and sum over the ranks, the same on each. NaN if a rank has NaN.
  template <typename T>
  requires std::is_arithmetic_v<T> T min(T mine) {
    return reduce(mine, [](T a, T b) { return a < b || is_nan(a) ? a : b; });
  }
  template <typename T>
  requires std::is_arithmetic_v<T> T max(T mine) {
    return reduce(mine, [](T a, T b) { return a > b || is_nan(a) ? a : b; });
  }
  template <typename T>
  requires std::is_arithmetic_v<T> T sum(T mine) {
    return reduce(mine, [](T a, T b) { return static_cast<T>(a + b); });
  }

  virtual void barrier() = 0;
  // The ranks that gave the same color (>= 0), in the order they have here. Must not outlive the World.
  virtual std::unique_ptr<Group> split(int color) = 0;

  // What this process is doing, for the watchdog; lives as long as the World.
  virtual FlightRecorder& flight() = 0;

 protected:
  // What the above come to.
  virtual std::vector<std::string> gather_bytes(const std::string& bytes) = 0;
  virtual std::vector<std::string> all_gather_bytes(const std::string& bytes) = 0;
  virtual std::string broadcast_bytes(const std::string& bytes) = 0;

 private:
  template <typename T>
  static bool is_nan(T value) {
    if constexpr (std::is_floating_point_v<T>) return std::isnan(value);
    return false;
  }
  template <typename T>
  static std::vector<T> values_of(const std::vector<std::string>& messages) {
    std::vector<T> values;
    values.reserve(messages.size());
    for (const std::string& bytes : messages) values.push_back(from_message<T>(bytes));
    return values;
  }
  template <typename T, typename Combine>
  T reduce(T mine, Combine combine) {
    const std::vector<T> all = all_gather(mine);
    T result = all.front();
    for (auto next = all.begin() + 1; next != all.end(); ++next) result = combine(result, *next);
    return result;
  }
};

}  // namespace lockstep
