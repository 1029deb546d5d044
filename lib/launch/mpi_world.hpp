// World over MPI: ranks and nodes, the control plane, the lifeline between the ranks. Made by mpi_world().
#pragma once

#include <mpi.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "launch/countdown.hpp"
#include "launch/flight_recorder.hpp"
#include "launch/launch_environment.hpp"
#include "launch/mpi_group.hpp"
#include "launch/watchdog.hpp"
#include "launch/world.hpp"

namespace lockstep {

// MPI itself, initialised with MPI_THREAD_MULTIPLE; left alone, also at the end, when the caller had done so
// before. Neither its start nor its end lasts longer than the limit.
class MpiLibrary {
 public:
  MpiLibrary(int argc, char** argv, const TimeLimit& limit);
  ~MpiLibrary();
  MpiLibrary(const MpiLibrary&) = delete;
  MpiLibrary& operator=(const MpiLibrary&) = delete;
  int thread_level() const { return level_; }
  // All ranks have come: from here on the watchdog looks after them.
  void started() { start_.reset(); }

 private:
  TimeLimit limit_;
  Launch launch_;
  std::optional<Countdown> start_;
  bool ours_ = false;
  int level_ = MPI_THREAD_SINGLE;
};

class MpiWorld final : public World {
 public:
  MpiWorld(int argc, char** argv, const TimeLimit& limit);

  int rank() const override { return rank_; }
  int size() const override { return size_; }
  int local_rank() const override { return local_rank_; }
  int local_size() const override { return local_size_; }
  int nodes() const override { return nodes_; }
  std::string library() const override;
  std::string thread_level() const override;
  void barrier() override { group_.barrier(); }
  std::unique_ptr<Group> split(int color) override { return group_.split(color); }
  FlightRecorder& flight() override { return flight_; }
  StepGate& gate() override { return gate_; }
  ClockOffset measure_clock_offset() override;
  void on_emergency(std::function<void(const Emergency&)> handler) override;

  MPI_Comm comm() const { return comm_; }
  // Ends all ranks, with one line on stderr for a fault, however many ranks it shows itself on.
  [[noreturn]] void fail(ExitCode code, const std::string& message) { watchdog_->fail(code, message); }

 private:
  std::vector<std::string> gather_bytes(const std::string& bytes) override { return group_.gather(bytes); }
  std::vector<std::string> all_gather_bytes(const std::string& bytes) override {
    return group_.all_gather(bytes);
  }
  std::string broadcast_bytes(const std::string& bytes) override { return group_.broadcast(bytes); }
  void find_nodes();
  std::vector<LifelineConnection> connect_ranks(const std::vector<std::string>& hosts);
  void answer_clock();
  ClockOffset ask_clock(int peer);

  SignalBlock block_;  // before MPI starts its threads
  FlightRecorder flight_;
  StepGate gate_;
  MpiLibrary mpi_;
  MpiGroup group_;  // of all ranks
  MPI_Comm comm_;
  int rank_, size_, local_rank_ = 0, local_size_ = 1, nodes_ = 1;
  bool beside_root_ = true;  // on rank 0's node
  std::unique_ptr<Watchdog> watchdog_;
};

}  // namespace lockstep
