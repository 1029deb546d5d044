// NodeMemory: tensors in memory that the ranks of one node share, and where in it a tensor lies.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "comm/node_ranks.hpp"
#include "comm/shared_block.hpp"

namespace lockstep {

class NodeMemory {
 public:
  explicit NodeMemory(const NodeRanks& ranks) : ranks_(ranks) {}

  // Collective: all ranks of the node, with the same size. A tensor of zeros (elements) in shared memory, for each rank
  // one, which the others can find; Error where there is not enough memory. It is kept by the tensor alone, and is this
  // rank's to write except while an operation on it has not ended.
  at::Tensor allocate(std::int64_t elements, const at::TensorOptions& options);
  // The same, but one tensor for all ranks of the node. Equal parts of it, by rank, lie in the memory nearest to each.
  at::Tensor allocate_common(std::int64_t elements, const at::TensorOptions& options) const;

  struct Location {
    std::int64_t block = -1, offset = 0;  // -1: not in memory of allocate()
  };
  Location find(const at::Tensor& tensor) const;
  bool has(const at::Tensor& tensor) const { return find(tensor).block >= 0; }
  // Where in this process a rank's tensor is of which that rank has found the location; null: this rank has freed it.
  std::byte* place(const Location& location, int rank) const;

 private:
  NodeRanks ranks_;
  mutable std::mutex mutex_;
  std::vector<std::weak_ptr<SharedBlock>> blocks_;  // by number, the same on all ranks; under mutex_
};

}  // namespace lockstep
