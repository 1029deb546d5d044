// SharedBlock: memory that the ranks of one node share, a part for each. A sealed-off file in memory
// (memfd_create), which every rank maps: no name in /dev/shm or anywhere else that could be left behind, no
// limit but the node's memory, and the kernel frees it with the last process, however that ends.
#pragma once

#include <mpi.h>

#include <cstddef>
#include <memory>
#include <string>

namespace lockstep {

class SharedBlock {
 public:
  struct Outcome {
    std::shared_ptr<SharedBlock> block;  // null where the ranks cannot share memory
    std::string obstacle;                // why, one line; the same on every rank
  };
  // Collective: all ranks of `node`, with the same size. The parts are zero, begin on pages of their own, and
  // each lies in the memory nearest to its rank. All of it is there, to where the next part begins: no access fails later.
  static Outcome create(MPI_Comm node, std::size_t part_bytes);

  ~SharedBlock();  // unmaps; the other ranks keep their mappings
  SharedBlock(const SharedBlock&) = delete;
  SharedBlock& operator=(const SharedBlock&) = delete;

  std::byte* part(int rank) const { return base_ + static_cast<std::size_t>(rank) * stride_; }
  std::size_t part_bytes() const { return part_bytes_; }

 private:
  SharedBlock(std::byte* base, std::size_t part_bytes, std::size_t stride, std::size_t parts)
      : base_(base), part_bytes_(part_bytes), stride_(stride), parts_(parts) {}

  std::byte* base_;
  std::size_t part_bytes_, stride_, parts_;
};

}  // namespace lockstep
