#include "launch/mpi_group.hpp"

#include <algorithm>
#include <cstdint>

#include "launch/mpi_check.hpp"

namespace lockstep {
namespace {

// Chunks keep the count of one call in an int.
constexpr std::size_t kChunk = std::size_t{1} << 30;

}  // namespace

MpiGroup::MpiGroup(MPI_Comm comm, FlightRecorder& flight) : comm_(comm), flight_(flight) {
  LOCKSTEP_MPI(MPI_Comm_set_errhandler(comm_, MPI_ERRORS_RETURN));
  LOCKSTEP_MPI(MPI_Comm_rank(comm_, &rank_));
  LOCKSTEP_MPI(MPI_Comm_size(comm_, &size_));
}

CommOperation MpiGroup::next(const char* name, std::size_t bytes) {
  return {.name = name, .sequence = calls_++, .bytes = static_cast<std::int64_t>(bytes)};
}

void MpiGroup::broadcast_in_chunks(std::string& bytes, int root) {
  for (std::size_t begin = 0; begin < bytes.size(); begin += kChunk) {
    const std::size_t length = std::min(kChunk, bytes.size() - begin);
    LOCKSTEP_MPI(MPI_Bcast(bytes.data() + begin, static_cast<int>(length), MPI_BYTE, root, comm_));
  }
}

std::string MpiGroup::broadcast_bytes(const std::string& bytes) {
  const FlightRecorder::Call call(&flight_, next("control broadcast", bytes.size()));
  std::uint64_t length = bytes.size();
  LOCKSTEP_MPI(MPI_Bcast(&length, 1, MPI_UINT64_T, 0, comm_));
  std::string result = rank_ == 0 ? bytes : std::string(length, '\0');
  broadcast_in_chunks(result, 0);
  return result;
}

std::vector<std::string> MpiGroup::all_gather_bytes(const std::string& bytes) {
  const FlightRecorder::Call call(&flight_, next("control all_gather", bytes.size()));
  const std::uint64_t length = bytes.size();
  std::vector<std::uint64_t> lengths(static_cast<std::size_t>(size_));
  LOCKSTEP_MPI(MPI_Allgather(&length, 1, MPI_UINT64_T, lengths.data(), 1, MPI_UINT64_T, comm_));
  std::vector<std::string> result;
  for (int root = 0; root < size_; ++root) {
    result.push_back(root == rank_ ? bytes : std::string(lengths[static_cast<std::size_t>(root)], '\0'));
    broadcast_in_chunks(result.back(), root);
  }
  return result;
}

std::vector<std::string> MpiGroup::gather_bytes(const std::string& bytes) {
  const FlightRecorder::Call call(&flight_, next("control gather", bytes.size()));
  constexpr int kTag = 12;
  const std::uint64_t length = bytes.size();
  std::vector<std::uint64_t> lengths(static_cast<std::size_t>(size_));
  LOCKSTEP_MPI(MPI_Gather(&length, 1, MPI_UINT64_T, lengths.data(), 1, MPI_UINT64_T, 0, comm_));
  const auto in_chunks = [](std::size_t total, const auto& body) {
    for (std::size_t begin = 0; begin < total; begin += kChunk)
      body(begin, static_cast<int>(std::min(kChunk, total - begin)));
  };
  if (rank_ != 0) {
    in_chunks(bytes.size(), [&](std::size_t begin, int count) {
      LOCKSTEP_MPI(MPI_Send(bytes.data() + begin, count, MPI_BYTE, 0, kTag, comm_));
    });
    return {};
  }
  std::vector<std::string> result = {bytes};
  for (int peer = 1; peer < size_; ++peer) {
    std::string& entry = result.emplace_back(lengths[static_cast<std::size_t>(peer)], '\0');
    in_chunks(entry.size(), [&](std::size_t begin, int count) {
      LOCKSTEP_MPI(MPI_Recv(entry.data() + begin, count, MPI_BYTE, peer, kTag, comm_, MPI_STATUS_IGNORE));
    });
  }
  return result;
}

void MpiGroup::barrier() {
  const FlightRecorder::Call call(&flight_, next("control barrier", 0));
  LOCKSTEP_MPI(MPI_Barrier(comm_));
}

std::unique_ptr<Group> MpiGroup::split(int color) {
  const FlightRecorder::Call call(&flight_, next("control split", 0));
  MPI_Comm part = MPI_COMM_NULL;
  LOCKSTEP_MPI(MPI_Comm_split(comm_, color, rank_, &part));
  return std::make_unique<MpiGroup>(part, flight_);
}

}  // namespace lockstep
