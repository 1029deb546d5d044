#include "comm/mpi_transfer.hpp"

#include <algorithm>
#include <cstring>

#include "comm/tensor_check.hpp"
#include "launch/mpi_check.hpp"

namespace lockstep {
namespace {

// Open MPI's all-reduce works through its whole buffer once a round: beyond the caches it runs at memory
// speed.
constexpr std::int64_t kPieceBytes = std::int64_t{2} << 20;
// Messages are not reduced; their pieces only keep the count in an int.
constexpr std::int64_t kMessageBytes = std::int64_t{1} << 30;
constexpr int kMessageTag = 1, kExchangeTag = 2;

// Calls body(begin, count), in elements, over [0, elements) in pieces of at most piece_bytes.
template <typename Body>
void in_pieces(const at::Tensor& tensor, std::int64_t piece_bytes, const Body& body) {
  const std::int64_t piece = std::max<std::int64_t>(1, piece_bytes / element_bytes(tensor));
  for (std::int64_t begin = 0; begin < tensor.numel(); begin += piece)
    body(begin, static_cast<int>(std::min(piece, tensor.numel() - begin)));
}

// `count` elements, of which the next begins `stride` elements further on.
class StridedType {
 public:
  StridedType(MPI_Datatype element, int count, MPI_Aint stride_bytes) {
    MPI_Datatype block = MPI_DATATYPE_NULL;
    LOCKSTEP_MPI(MPI_Type_contiguous(count, element, &block));
    const int code = MPI_Type_create_resized(block, 0, stride_bytes, &type_);
    MPI_Type_free(&block);
    LOCKSTEP_MPI(code);
    LOCKSTEP_MPI(MPI_Type_commit(&type_));
  }
  ~StridedType() { MPI_Type_free(&type_); }
  StridedType(const StridedType&) = delete;
  StridedType& operator=(const StridedType&) = delete;
  MPI_Datatype get() const { return type_; }

 private:
  MPI_Datatype type_ = MPI_DATATYPE_NULL;
};

}  // namespace

MpiTransfer::MpiTransfer(MPI_Comm comm) : comm_(comm) {
  LOCKSTEP_MPI(MPI_Comm_rank(comm, &rank_));
  LOCKSTEP_MPI(MPI_Comm_size(comm, &size_));
}

void MpiTransfer::all_reduce(const at::Tensor& tensor, ReduceOp op) {
  const MPI_Datatype type = mpi_type(tensor.scalar_type());
  const MPI_Op reduction = reductions_.get(tensor.scalar_type(), op);
  in_pieces(tensor, kPieceBytes, [&](std::int64_t begin, int count) {
    std::byte* piece = data_of(tensor) + begin * element_bytes(tensor);
    LOCKSTEP_MPI(MPI_Allreduce(MPI_IN_PLACE, piece, count, type, reduction, comm_));
  });
}

void MpiTransfer::reduce(const at::Tensor& tensor, int root) {
  const MPI_Datatype type = mpi_type(tensor.scalar_type());
  const MPI_Op reduction = reductions_.get(tensor.scalar_type(), ReduceOp::sum);
  in_pieces(tensor, kPieceBytes, [&](std::int64_t begin, int count) {
    std::byte* piece = data_of(tensor) + begin * element_bytes(tensor);
    const void* from = rank_ == root ? MPI_IN_PLACE : piece;
    LOCKSTEP_MPI(MPI_Reduce(from, rank_ == root ? piece : nullptr, count, type, reduction, root, comm_));
  });
}

void MpiTransfer::reduce_scatter(const at::Tensor& output, const at::Tensor& input) {
  const MPI_Datatype type = mpi_type(output.scalar_type());
  const MPI_Op reduction = reductions_.get(output.scalar_type(), ReduceOp::sum);
  const std::int64_t element = element_bytes(output);
  const std::int64_t part = output.numel() * element;
  in_pieces(output, kPieceBytes / size_, [&](std::int64_t begin, int count) {
    const auto length = static_cast<std::size_t>(count * element);
    packed_.resize(std::max(packed_.size(), length * static_cast<std::size_t>(size_)));
    for (int rank = 0; rank < size_; ++rank)
      std::memcpy(packed_.data() + length * static_cast<std::size_t>(rank),
                  data_of(input) + rank * part + begin * element, length);
    LOCKSTEP_MPI(MPI_Reduce_scatter_block(packed_.data(), data_of(output) + begin * element, count, type,
                                          reduction, comm_));
  });
}

void MpiTransfer::all_gather(const at::Tensor& output, const at::Tensor& input) {
  const MPI_Datatype type = mpi_type(input.scalar_type());
  const std::int64_t element = element_bytes(input), part = input.numel() * element;
  const bool in_place = data_of(input) == data_of(output) + rank_ * part;  // which MPI wants to be told
  in_pieces(input, kPieceBytes, [&](std::int64_t begin, int count) {
    const StridedType received(type, count, static_cast<MPI_Aint>(part));
    const void* const sent = in_place ? MPI_IN_PLACE : data_of(input) + begin * element;
    LOCKSTEP_MPI(
        MPI_Allgather(sent, count, type, data_of(output) + begin * element, 1, received.get(), comm_));
  });
}

void MpiTransfer::broadcast(const at::Tensor& tensor, int root) {
  const MPI_Datatype type = mpi_type(tensor.scalar_type());
  in_pieces(tensor, kPieceBytes, [&](std::int64_t begin, int count) {
    LOCKSTEP_MPI(MPI_Bcast(data_of(tensor) + begin * element_bytes(tensor), count, type, root, comm_));
  });
}

void MpiTransfer::start_send(const at::Tensor& tensor, int to, int tag, std::vector<MPI_Request>& requests) {
  const MPI_Datatype type = mpi_type(tensor.scalar_type());
  in_pieces(tensor, kMessageBytes, [&](std::int64_t begin, int count) {
    const std::byte* piece = data_of(tensor) + begin * element_bytes(tensor);
    LOCKSTEP_MPI(MPI_Isend(piece, count, type, to, tag, comm_, &requests.emplace_back(MPI_REQUEST_NULL)));
  });
}

void MpiTransfer::start_recv(const at::Tensor& tensor, int from, int tag,
                             std::vector<MPI_Request>& requests) {
  const MPI_Datatype type = mpi_type(tensor.scalar_type());
  in_pieces(tensor, kMessageBytes, [&](std::int64_t begin, int count) {
    std::byte* piece = data_of(tensor) + begin * element_bytes(tensor);
    LOCKSTEP_MPI(MPI_Irecv(piece, count, type, from, tag, comm_, &requests.emplace_back(MPI_REQUEST_NULL)));
  });
}

std::vector<MPI_Request> MpiTransfer::send(const at::Tensor& tensor, int to) {
  std::vector<MPI_Request> requests;
  start_send(tensor, to, kMessageTag, requests);
  return requests;
}

std::vector<MPI_Request> MpiTransfer::recv(const at::Tensor& tensor, int from) {
  std::vector<MPI_Request> requests;
  start_recv(tensor, from, kMessageTag, requests);
  return requests;
}

std::vector<MPI_Request> MpiTransfer::exchange(const at::Tensor& sent, const at::Tensor& received, int peer) {
  std::vector<MPI_Request> requests;
  start_recv(received, peer, kExchangeTag, requests);
  start_send(sent, peer, kExchangeTag, requests);
  return requests;
}

}  // namespace lockstep
