#include "comm/node_memory.hpp"

#include <ATen/ops/from_blob.h>

#include <utility>

#include "base/error.hpp"
#include "comm/tensor_check.hpp"

namespace lockstep {

namespace {

std::shared_ptr<SharedBlock> new_block(MPI_Comm node, std::size_t part_bytes) {
  SharedBlock::Outcome made = SharedBlock::create(node, part_bytes);
  if (!made.block) throw run_error("{}; free memory, or use --set parallel.backend=mpi", made.obstacle);
  return std::move(made.block);
}

std::size_t size_in_bytes(std::int64_t elements, const at::TensorOptions& options) {
  return static_cast<std::size_t>(elements) * options.dtype().itemsize();
}

at::Tensor tensor_at(int part, const std::shared_ptr<SharedBlock>& block, std::int64_t elements,
                     const at::TensorOptions& options) {
  return at::from_blob(
      block->part(part), {elements}, [block](void*) {}, options);
}

}  // namespace

at::Tensor NodeMemory::allocate(std::int64_t elements, const at::TensorOptions& options) {
  const std::shared_ptr<SharedBlock> block = new_block(ranks_.node, size_in_bytes(elements, options));
  {
    const std::lock_guard lock(mutex_);
    blocks_.emplace_back(block);
  }
  return tensor_at(ranks_.rank, block, elements, options);
}

at::Tensor NodeMemory::allocate_common(std::int64_t elements, const at::TensorOptions& options) const {
  const auto ranks = static_cast<std::size_t>(ranks_.size);
  const std::size_t part = (size_in_bytes(elements, options) + ranks - 1) / ranks;
  // The parts are one piece of memory, of which this is the beginning.
  return tensor_at(0, new_block(ranks_.node, part), elements, options);
}

NodeMemory::Location NodeMemory::find(const at::Tensor& tensor) const {
  const std::byte* const data = data_of(tensor);
  const std::lock_guard lock(mutex_);
  for (std::size_t b = blocks_.size(); b-- > 0;) {  // those that have been freed lie in front
    const std::shared_ptr<SharedBlock> block = blocks_[b].lock();
    if (!block || data < block->part(ranks_.rank)) continue;
    const std::int64_t offset = data - block->part(ranks_.rank);
    if (offset + bytes_of(tensor) <= static_cast<std::int64_t>(block->part_bytes()))
      return {static_cast<std::int64_t>(b), offset};
  }
  return {};
}

std::byte* NodeMemory::place(const Location& location, int rank) const {
  const std::lock_guard lock(mutex_);
  const std::shared_ptr<SharedBlock> block = blocks_.at(static_cast<std::size_t>(location.block)).lock();
  return block ? block->part(rank) + location.offset : nullptr;
}

}  // namespace lockstep
