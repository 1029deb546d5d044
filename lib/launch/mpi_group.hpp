// Group over an MPI communicator.
#pragma once

#include <mpi.h>

#include <memory>
#include <string>
#include <vector>

#include "launch/flight_recorder.hpp"
#include "launch/group.hpp"

namespace lockstep {

class MpiGroup final : public Group {
 public:
  // comm is freed by MPI_Finalize alone: MPI_Comm_free is collective, and destructors never communicate.
  // Sets its error handler to MPI_ERRORS_RETURN. flight outlives it.
  MpiGroup(MPI_Comm comm, FlightRecorder& flight);

  int rank() const override { return rank_; }
  int size() const override { return size_; }
  void barrier() override;
  std::unique_ptr<Group> split(int color) override;
  FlightRecorder& flight() override { return flight_; }

  MPI_Comm comm() const { return comm_; }

 private:
  std::vector<std::string> gather_bytes(const std::string& bytes) override;
  std::vector<std::string> all_gather_bytes(const std::string& bytes) override;
  std::string broadcast_bytes(const std::string& bytes) override;
  // For the time of a call: name, how many calls there were before.
  CommOperation next(const char* name, std::size_t bytes);
  void broadcast_in_chunks(std::string& bytes, int root);

  MPI_Comm comm_;
  FlightRecorder& flight_;
  int rank_ = 0, size_ = 1;
  std::int64_t calls_ = 0;
};

}  // namespace lockstep
