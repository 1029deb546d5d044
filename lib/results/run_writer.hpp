// RunWriter: one run's file, written by rank 0 between epochs. The file is <final>.partial until the run has
// ended, one way or another; what is on disk after each epoch is readable whatever happens next.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "results/run_data.hpp"

namespace lockstep {

class RunWriter {
 public:
  // Creates <final_path>.partial with the status "running" and everything of `start` but steps, comm, epochs
  // and audit. Error(bad_input) when either file exists or cannot be made.
  RunWriter(const std::string& final_path, const RunData& start);
  ~RunWriter();  // an unfinished file stays as it was after the last epoch
  RunWriter(const RunWriter&) = delete;
  RunWriter& operator=(const RunWriter&) = delete;

  // All of these may be called from any thread, one at a time; they throw Error(failed) naming the file when
  // the disk does not take it, which finishes the file as it was flushed last, with the status "failed" and the
  // error as its reason; and do nothing once the file is finished.
  void set_buckets(const BucketTable& buckets);
  void set_memory(const MemoryTable& memory);
  void set_reduction(const ReductionTable& reduction);
  void set_recorder_overhead(double share);
  void set_backend_remark(const std::string& text);   // Communicator::remark, where there is one
  void set_cuda_graph(const std::string& text);       // "captured", or why no step is
  void set_counters_absent(const std::string& text);  // RunData::counters_absent
  // steps, comm: of this epoch, or what is left of it, comm in order of rank, then time; audit without samples: there
  // is none. On the disk when it returns.
  void append_epoch(const StepTable& steps, const CommTable& comm, const StageTable& stages,
                    const EpochRow& epoch, const AuditRow& audit);
  // Steps of an epoch that is not over: the rest follows. On the disk when it returns.
  void append_part(const StepTable& steps, const CommTable& comm, const StageTable& stages);
  // status: complete, failed or interrupted. Orders /comm by rank over the whole run, closes, and renames the
  // file to its final name, never over another.
  void finish(const std::string& status, bool valid, const std::vector<std::string>& reasons,
              double wall_seconds);
  // finish for a watchdog's thread while another thread may be writing: waits at most 2 s for it. Never
  // throws; returns whether the file was finished. reason becomes an invalid reason.
  bool finish_emergency(const std::string& status, const std::string& reason) noexcept;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace lockstep
