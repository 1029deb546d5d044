#include "comm/mpi_types.hpp"

#include <ATen/ATen.h>

#include <algorithm>

#include "base/error.hpp"
#include "launch/mpi_check.hpp"

namespace lockstep {
namespace {

// Short enough that LibTorch stays on this thread (it splits at 32768): the cores belong to the computation.
constexpr std::int64_t kSerialElements = 32767;

template <at::ScalarType dtype, ReduceOp op>
void reduce_16bit(void* in, void* inout, int* length, MPI_Datatype*) {
  const at::NoGradGuard no_grad;
  for (std::int64_t begin = 0; begin < *length; begin += kSerialElements) {
    const std::int64_t count = std::min<std::int64_t>(kSerialElements, *length - begin);
    const at::Tensor a = at::from_blob(static_cast<std::uint16_t*>(in) + begin, {count}, dtype);
    at::Tensor b = at::from_blob(static_cast<std::uint16_t*>(inout) + begin, {count}, dtype);
    if constexpr (op == ReduceOp::sum)
      at::add_out(b, b, a);
    else if constexpr (op == ReduceOp::max)
      at::maximum_out(b, b, a);
    else
      at::minimum_out(b, b, a);
  }
}

template <at::ScalarType dtype>
void create(std::array<MPI_Op, 3>& ops) {
  constexpr int kCommutative = 1;
  LOCKSTEP_MPI(MPI_Op_create(reduce_16bit<dtype, ReduceOp::sum>, kCommutative, &ops[0]));
  LOCKSTEP_MPI(MPI_Op_create(reduce_16bit<dtype, ReduceOp::max>, kCommutative, &ops[1]));
  LOCKSTEP_MPI(MPI_Op_create(reduce_16bit<dtype, ReduceOp::min>, kCommutative, &ops[2]));
}

}  // namespace

MPI_Datatype mpi_type(at::ScalarType dtype) {
  switch (dtype) {
    case at::kFloat:
      return MPI_FLOAT;
    case at::kDouble:
      return MPI_DOUBLE;
    case at::kInt:
      return MPI_INT32_T;
    case at::kLong:
      return MPI_INT64_T;
    case at::kByte:
      return MPI_UINT8_T;
    case at::kBFloat16:
    case at::kHalf:
      return MPI_UINT16_T;
    default:
      throw run_error("MPI has no type for dtype {}", c10::toString(dtype));
  }
}

MpiReductions::MpiReductions() {
  create<at::kHalf>(half_);
  create<at::kBFloat16>(bfloat16_);
}

MpiReductions::~MpiReductions() {
  int finalized = 0;
  if (MPI_Finalized(&finalized) != MPI_SUCCESS || finalized != 0) return;
  for (auto* ops : {&half_, &bfloat16_})
    for (MPI_Op& op : *ops) MPI_Op_free(&op);
}

MPI_Op MpiReductions::get(at::ScalarType dtype, ReduceOp op) const {
  const auto index = static_cast<std::size_t>(op);
  if (dtype == at::kHalf) return half_.at(index);
  if (dtype == at::kBFloat16) return bfloat16_.at(index);
  return std::array<MPI_Op, 3>{MPI_SUM, MPI_MAX, MPI_MIN}.at(index);
}

}  // namespace lockstep
