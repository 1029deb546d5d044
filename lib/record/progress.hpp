// What people see while a run trains: one live line on a terminal, plain lines in log.txt. Rank 0 only.
#pragma once

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>

#include "timing/clock.hpp"

namespace lockstep {

struct ProgressState {
  std::int64_t epoch = 0, epochs = 0, step = 0, total_steps = 0;  // step counts from the start of the run
  float loss = 0;
  double samples_per_second = 0;
  double comm_share = 0;  // of the last finished epoch; negative: not known yet
};

class Progress {
 public:
  // log_path empty: no file. quiet: nothing on the terminal.
  Progress(const std::string& log_path, bool quiet);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // Cheap enough for every step: looks at the clock, and draws at most five times a second.
  bool due(SteadyTime now) const;
  void draw(SteadyTime now, const ProgressState& state);
  // A line for the file and, unless quiet, for stderr. Error when the disk does not take it.
  void line(const std::string& text);
  // For the file alone; from any thread. Whether the disk has taken it.
  bool log(const std::string& text);

 private:
  void clear_live_line();
  struct Close {
    void operator()(std::FILE* f) const { std::fclose(f); }
  };
  std::string path_;
  std::unique_ptr<std::FILE, Close> log_;
  bool terminal_, quiet_;
  bool drawn_ = false;
  SteadyTime started_ = steady_now();
  SteadyTime last_{};
};

}  // namespace lockstep
