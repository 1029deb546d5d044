// What every Dataset::fetch checks before it writes.
#pragma once

#include "base/error.hpp"
#include "data/dataset.hpp"

namespace lockstep {

inline void check_capacity(std::span<const std::int64_t> ids, const Batch& out) {
  if (static_cast<std::int64_t>(ids.size()) > out.targets.size(0))
    throw run_error("a batch of {} samples was asked for, but it holds {}", ids.size(), out.targets.size(0));
}

inline void check_id(std::int64_t id, const Dataset& dataset) {
  if (id < 0 || id >= dataset.size())
    throw run_error("sample {} of '{}' was asked for, but there are {}", id, dataset.info().name,
                    dataset.size());
}

// That a sample's `length` tokens fit into rows of `room`, which fit into the buffer.
inline void check_length(std::int64_t length, std::int64_t room, const at::Tensor& buffer) {
  if (length > room || room > buffer.size(1))
    throw run_error("a sample of {} tokens does not fit into rows of {} of {}", length, room, buffer.size(1));
}

}  // namespace lockstep
