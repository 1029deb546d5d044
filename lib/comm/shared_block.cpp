#include "comm/shared_block.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <utility>
#include <vector>

#include "base/file_descriptor.hpp"
#include "launch/mpi_check.hpp"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23  // since Linux 5.14
#endif

namespace lockstep {
namespace {

constexpr std::size_t kHugePage = std::size_t{2} << 20;

// Where the first rank's file is, for the others. The device and the number of the file tell it from another
// process's, where the ranks do not see the same processes.
struct Place {
  std::int64_t process = 0, descriptor = -1;
  std::uint64_t device = 0, inode = 0;
};

std::string failed(const char* call) { return fmt::format("{}: {}", call, std::strerror(errno)); }

std::size_t round_up(std::size_t bytes, std::size_t unit) { return (bytes + unit - 1) / unit * unit; }

std::size_t stride_of(std::size_t part_bytes) {
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  return round_up(std::max<std::size_t>(part_bytes, 1), part_bytes >= kHugePage ? kHugePage : page);
}

std::string make_file(std::size_t bytes, FileDescriptor& file, Place& place) {
  file = FileDescriptor(memfd_create("lockstep", MFD_CLOEXEC));
  if (!file.valid()) return failed("memfd_create");
  if (ftruncate(file.get(), static_cast<off_t>(bytes)) != 0)
    return fmt::format("a file of {} bytes in memory: {}", bytes, std::strerror(errno));
  struct stat status {};
  if (fstat(file.get(), &status) != 0) return failed("fstat");
  place = {getpid(), file.get(), status.st_dev, status.st_ino};
  return {};
}

std::string open_file(const Place& place, FileDescriptor& file) {
  if (place.descriptor < 0) return {};  // the first rank says why
  const std::string path = fmt::format("/proc/{}/fd/{}", place.process, place.descriptor);
  file = FileDescriptor(open(path.c_str(), O_RDWR | O_CLOEXEC));
  if (!file.valid()) return failed("the ranks cannot open each other's memory in /proc");
  struct stat status {};
  if (fstat(file.get(), &status) != 0) return failed("fstat");
  if (status.st_dev != place.device || status.st_ino != place.inode)
    return "the ranks do not see each other's processes in /proc (separate containers?)";
  return {};
}

// Else a node without memory left would end the run by SIGBUS, in the middle of a step.
std::string claim(std::byte* part, std::size_t bytes, int file, std::size_t offset) {
  if (madvise(part, bytes, MADV_POPULATE_WRITE) == 0) return {};
  if (errno != EINVAL) return fmt::format("{} bytes of shared memory: {}", bytes, std::strerror(errno));
  const int code = posix_fallocate(file, static_cast<off_t>(offset), static_cast<off_t>(bytes));
  return code == 0 ? "" : fmt::format("{} bytes of shared memory: {}", bytes, std::strerror(code));
}

// The first rank's that has one.
std::string shared_obstacle(MPI_Comm node, const std::string& mine) {
  int bad = mine.empty() ? 0 : 1, any = 0;
  LOCKSTEP_MPI(MPI_Allreduce(&bad, &any, 1, MPI_INT, MPI_MAX, node));
  if (any == 0) return {};
  using Text = std::array<char, 256>;
  int size = 1;
  LOCKSTEP_MPI(MPI_Comm_size(node, &size));
  Text text{};
  mine.copy(text.data(), text.size() - 1);
  std::vector<Text> all(static_cast<std::size_t>(size));
  LOCKSTEP_MPI(MPI_Allgather(text.data(), static_cast<int>(text.size()), MPI_CHAR, all.data(),
                             static_cast<int>(text.size()), MPI_CHAR, node));
  for (const Text& some : all)
    if (some[0] != '\0') return some.data();
  return "unknown";
}

}  // namespace

SharedBlock::~SharedBlock() { munmap(base_, stride_ * parts_); }

SharedBlock::Outcome SharedBlock::create(MPI_Comm node, std::size_t part_bytes) {
  int rank = 0, size = 1;
  LOCKSTEP_MPI(MPI_Comm_rank(node, &rank));
  LOCKSTEP_MPI(MPI_Comm_size(node, &size));
  const std::size_t stride = stride_of(part_bytes), bytes = stride * static_cast<std::size_t>(size);
  FileDescriptor file;  // of the first rank: open until all have opened it, below
  Place place;
  std::string obstacle = rank == 0 ? make_file(bytes, file, place) : std::string();
  if (!obstacle.empty()) place = {};
  LOCKSTEP_MPI(MPI_Bcast(&place, sizeof place, MPI_BYTE, 0, node));
  if (rank != 0) obstacle = open_file(place, file);
  std::shared_ptr<SharedBlock> block;
  if (obstacle.empty() && file.valid()) {
    void* const base = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
    if (base == MAP_FAILED) {
      obstacle = failed("mmap");
    } else {
      block.reset(
          new SharedBlock(static_cast<std::byte*>(base), part_bytes, stride, static_cast<std::size_t>(size)));
      madvise(base, bytes, MADV_HUGEPAGE);
      obstacle = claim(block->part(rank), stride, file.get(), static_cast<std::size_t>(rank) * stride);
    }
  }
  obstacle = shared_obstacle(node, obstacle);
  if (!obstacle.empty()) block.reset();
  return {std::move(block), std::move(obstacle)};
}

}  // namespace lockstep
