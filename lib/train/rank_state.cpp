#include "train/rank_state.hpp"

#include <ATen/Context.h>
#include <fmt/format.h>

#include <mutex>
#include <optional>

#include "base/error.hpp"

namespace lockstep {

namespace {

constexpr const char *kHost = "host_generator", *kDevice = "device_generator", *kOrder = "bucket_order";

std::string name_of(int rank, const char* what) { return fmt::format("rank/{}/{}", rank, what); }

std::string generator_state(torch::Device device) {
  at::Generator generator = at::globalContext().defaultGenerator(device);
  const std::lock_guard lock(generator.mutex());
  const torch::Tensor state = generator.get_state();
  return {static_cast<const char*>(state.const_data_ptr()), state.nbytes()};
}

void set_generator(torch::Device device, const std::vector<char>& state) {
  at::Generator generator = at::globalContext().defaultGenerator(device);
  const torch::Tensor bytes = torch::empty({static_cast<std::int64_t>(state.size())}, torch::kUInt8);
  std::copy(state.begin(), state.end(), static_cast<char*>(bytes.data_ptr()));
  const std::lock_guard lock(generator.mutex());
  generator.set_state(bytes);
}

}  // namespace

RankState rank_state(const Strategy& strategy, torch::Device device) {
  RankState state{.host_generator = generator_state(torch::kCPU), .device_generator = {}, .bucket_order = {}};
  if (device.is_cuda()) state.device_generator = generator_state(device);
  const std::vector<std::size_t> order = strategy.learnt_order();
  state.bucket_order.assign(order.begin(), order.end());
  return state;
}

void add_rank_states(CheckpointTensors& tensors, const std::vector<RankState>& states) {
  for (int rank = 0; const RankState& state : states) {
    tensors.add(name_of(rank, kHost), std::span<const char>(state.host_generator));
    if (!state.device_generator.empty())
      tensors.add(name_of(rank, kDevice), std::span<const char>(state.device_generator));
    if (!state.bucket_order.empty())
      tensors.add(name_of(rank, kOrder), std::span<const std::int64_t>(state.bucket_order));
    ++rank;
  }
}

void check_rank_states(const Checkpoint& checkpoint, int first, int stride) {
  for (int rank = first; rank < checkpoint.facts().ranks; rank += stride) {
    for (const char* what : {kHost, kDevice}) checkpoint.column<char>(name_of(rank, what));
    checkpoint.column<std::int64_t>(name_of(rank, kOrder));
  }
}

void restore_generators(const Checkpoint& checkpoint, int rank, torch::Device device) {
  std::vector<std::pair<const char*, torch::Device>> generators = {{kHost, torch::kCPU}};
  if (device.is_cuda()) generators.emplace_back(kDevice, device);
  for (const auto& [what, on] : generators) {
    const std::vector<char> state = checkpoint.column<char>(name_of(rank, what));
    if (state.empty()) continue;  // it was of a run on another kind of device
    try {
      set_generator(on, state);
    } catch (const c10::Error&) {
      throw input_error("{}: tensor '{}' is not the state of a random generator of this version of LibTorch",
                        checkpoint.path(), name_of(rank, what));
    }
  }
}

std::vector<std::size_t> bucket_order(const Checkpoint& checkpoint, int rank) {
  const std::vector<std::int64_t> order = checkpoint.column<std::int64_t>(name_of(rank, kOrder));
  return {order.begin(), order.end()};
}

}  // namespace lockstep
