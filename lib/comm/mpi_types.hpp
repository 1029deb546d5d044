// Tensor dtypes and reductions as MPI knows them. bf16 and fp16, which MPI does not know, are reduced by
// operations of our own: pairwise, in fp32, rounded to nearest even.
#pragma once

#include <ATen/core/Tensor.h>
#include <mpi.h>

#include <array>

#include "comm/communicator.hpp"

namespace lockstep {

// One element of dtype. bf16 and fp16 travel as 16-bit words.
MPI_Datatype mpi_type(at::ScalarType dtype);

// Owns the reductions of bf16 and fp16. To be destroyed before MPI is finalised.
class MpiReductions {
 public:
  MpiReductions();
  ~MpiReductions();
  MpiReductions(const MpiReductions&) = delete;
  MpiReductions& operator=(const MpiReductions&) = delete;
  MPI_Op get(at::ScalarType dtype, ReduceOp op) const;

 private:
  std::array<MPI_Op, 3> half_{}, bfloat16_{};  // by ReduceOp
};

}  // namespace lockstep
