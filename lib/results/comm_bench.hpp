// What one launch of commbench has measured, in memory, and the file that holds it (docs/run-file.md). The
// reader trusts the file no more than that of runs does.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "results/run_data.hpp"

namespace lockstep {

// One collective with messages of one size.
struct CommBenchCase {
  std::string collective;  // "all_reduce", ..., "send_recv": half of a round trip; "barrier"
  std::int64_t bytes = 0;  // of the message, as Work::bytes counts it; 0: barrier
  std::int64_t root = -1;  // of a broadcast or reduction; -1: all ranks are alike
  std::int64_t wrong = 0;  // elements of the result that were not the exact one, over all ranks
  Matrix<double> seconds;  // [ranks, repetitions], from the call to its end; 0 where a rank took no part
};

struct CommBench {
  RunHeader header;     // mode is empty
  std::string backend;  // "mpi", "nccl"
  std::string dtype;    // "fp32"
  std::vector<RankEnvironment> ranks;
  std::map<std::string, std::string> environment;
  std::string fingerprint;
  std::vector<CommBenchCase> cases;
};

class CommBenchWriter {
 public:
  // Creates <final_path>.partial with everything of `start` but its cases. Error(bad_input) when either file
  // exists or cannot be made.
  CommBenchWriter(const std::string& final_path, const CommBench& start);
  ~CommBenchWriter();  // an unfinished file stays as it was after the last flush
  CommBenchWriter(const CommBenchWriter&) = delete;
  CommBenchWriter& operator=(const CommBenchWriter&) = delete;

  // Error(failed) naming the file when the disk does not take it.
  void append(const CommBenchCase& one);
  void flush();
  // Closes with the status "complete" and renames the file to its final name, never over another.
  void finish(bool valid, const std::vector<std::string>& reasons, double wall_seconds);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Error(bad_input), one line naming file and path, as read_run.
CommBench read_comm_bench(const std::string& path);

// Whether the file says that it is of commbench; false when it cannot be asked.
bool is_comm_bench(const std::string& path);

}  // namespace lockstep
