// What a sweep has done: read from the folders of its runs, which are all there is to know.
//   DIR/runs/<point>/launch-<k>/<the run's folder>/run.h5    a run
//   DIR/runs/<point>/launch-<k>/output.txt                   what it printed
//   DIR/runs/<point>/launch-<k>/failed.txt                   why there is none
//   DIR/attempts/<point>_launch-<k>_<n>/                     what was cut short and made again
#pragma once

#include <optional>
#include <string>

namespace lockstep {

struct RunState {
  enum class Kind { none, cut_short, done, failed };
  Kind kind = Kind::none;
  std::string why = {};    // failed: one line
  bool bad_input = false;  // failed: with the exit code that says so; another launch would fail alike
  double seconds = 0;      // done: of the whole run
  std::string uuid = {};   // done
  bool valid = true;       // done: by its audit
};

// "exit code 2: <words>", from which a later call of sweep knows that the input is wrong.
std::string failure_of(int exit_code, const std::string& words);

// Of the sweep's folder, which need not be there, nor be held.
std::string launch_folder(const std::string& sweep, const std::string& point, int launch);
RunState state_of_launch(const std::string& sweep, const std::string& point, int launch);

class SweepFolder {
 public:
  // Makes the folder, and holds it alone until the end of this process and of those that it starts.
  // Error(bad_input) when it cannot be made, or another sweep is at work in it.
  explicit SweepFolder(std::string path);

  const std::string& path() const { return path_; }
  std::string runs() const { return path_ + "/runs"; }
  std::string launch_folder(const std::string& point, int launch) const;

  // An empty folder for the launch; what was cut short before is moved to attempts/.
  void begin(const std::string& point, int launch) const;
  // why: one line; of a launch that has ended by itself, failure_of()'s.
  void record_failure(const std::string& point, int launch, const std::string& why) const;
  // Forgets that it failed, so that it is made again.
  void forget_failure(const std::string& point, int launch) const;

 private:
  std::string path_;
};

}  // namespace lockstep
