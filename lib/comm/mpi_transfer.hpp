// The MPI calls behind each operation on host tensors: cut into pieces, so that a piece stays in cache and no
// count exceeds an int. Blocks the calling thread.
#pragma once

#include <mpi.h>

#include <cstddef>
#include <vector>

#include "comm/communicator.hpp"
#include "comm/mpi_types.hpp"

namespace lockstep {

class MpiTransfer {
 public:
  explicit MpiTransfer(MPI_Comm comm);

  void all_reduce(const at::Tensor& tensor, ReduceOp op);
  void reduce(const at::Tensor& tensor, int root);
  void reduce_scatter(const at::Tensor& output, const at::Tensor& input);
  void all_gather(const at::Tensor& output, const at::Tensor& input);
  void broadcast(const at::Tensor& tensor, int root);
  // Started only; the tensor must stay until all requests have ended.
  std::vector<MPI_Request> send(const at::Tensor& tensor, int to);
  std::vector<MPI_Request> recv(const at::Tensor& tensor, int from);
  std::vector<MPI_Request> exchange(const at::Tensor& sent, const at::Tensor& received, int peer);

 private:
  void start_send(const at::Tensor& tensor, int to, int tag, std::vector<MPI_Request>& requests);
  void start_recv(const at::Tensor& tensor, int from, int tag, std::vector<MPI_Request>& requests);

  MPI_Comm comm_;
  int rank_ = 0, size_ = 1;
  MpiReductions reductions_;
  std::vector<std::byte> packed_;  // reduce_scatter: one piece of every part
};

}  // namespace lockstep
