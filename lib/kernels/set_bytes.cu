#include <algorithm>
#include <cstring>

#include "kernels/launch.hpp"
#include "kernels/set_bytes.hpp"

namespace lockstep::kernels {
namespace {

constexpr unsigned kPiece = 256;

struct Piece {
  unsigned char bytes[kPiece];
};

__global__ void set(unsigned char* to, Piece piece, unsigned count) {
  if (threadIdx.x < count) to[threadIdx.x] = piece.bytes[threadIdx.x];
}

}  // namespace

void set_bytes(void* to, const void* from, std::size_t count, cudaStream_t stream) {
  for (std::size_t done = 0; done < count; done += kPiece) {
    const auto size = static_cast<unsigned>(std::min<std::size_t>(kPiece, count - done));
    Piece piece;
    std::memcpy(piece.bytes, static_cast<const unsigned char*>(from) + done, size);
    set<<<1, kPiece, 0, stream>>>(static_cast<unsigned char*>(to) + done, piece, size);
    check_launch("set_bytes");
  }
}

}  // namespace lockstep::kernels
