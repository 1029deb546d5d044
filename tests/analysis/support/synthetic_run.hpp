// Runs of which everything is known beforehand, as they would be read from a file.
#pragma once

#include <ostream>
#include <string>
#include <vector>

#include "analysis/model/analysis.hpp"
#include "results/run_data.hpp"

namespace lockstep::test {

// Seconds of a step, on each rank; the last rank computes `late` longer, and the others wait for it.
struct SyntheticRun {
  std::string mode = "seq";
  int ranks = 1;
  int epochs = 2, steps = 40;  // steps of an epoch
  int batch = 64;              // global
  int seed = 1;
  std::string uuid = "";  // empty: from mode, ranks and seed
  double data = 0.5e-3, forward = 10e-3, backward = 20e-3, optimizer = 1e-3, other = 0.1e-3;
  double transfer = 0;  // of the one all-reduce of a step
  double hidden = 0;    // how much of it lies under backward
  double late = 0;
  int slow_steps = 0;  // so many steps at the beginning take thrice the time
  double jitter = 0;   // relative standard deviation of forward and backward, by seed
  std::string scaling = "strong";
  double accuracy = 0.85;  // of test and validation
};

RunData make_run(const SyntheticRun& synthetic);

// The parts of it, for other makers of runs: everything but steps, events, epochs and audit; columns of
// zeros; the epochs and the audit that go with them.
void describe(RunData& run, const SyntheticRun& synthetic);
StepTable empty_steps(std::int64_t ranks, std::int64_t steps);
void add_epochs(RunData& run, const SyntheticRun& synthetic);

// make_launch and the checks among launches, as read_runs does; paths are "run 0", "run 1", ...
RunSet make_set(const std::vector<RunData>& runs);
Analysis analyse(const std::vector<RunData>& runs, Baseline baseline = Baseline::seq);

// Three launches each of train_seq and of train_ddp on 2 ranks, with a little noise.
std::vector<RunData> usual_runs();
SyntheticRun usual_seq(int seed);
SyntheticRun usual_ddp(int seed, int ranks = 2);

const GroupSummary& group_named(const Analysis& analysis, const std::string& label);
bool has_code(const std::vector<Finding>& findings, const std::string& code);
// The sentence of the finding with this code; "" when there is none.
std::string sentence_of(const std::vector<Finding>& findings, const std::string& code);

// Whether the text contains the words; for a message worth reading, what is compared is the text.
struct Said {
  std::string text, words;
  bool want;
  explicit operator bool() const { return (text.find(words) != std::string::npos) == want; }
};
inline Said says(std::string text, std::string words) { return {std::move(text), std::move(words), true}; }
inline Said lacks(std::string text, std::string words) { return {std::move(text), std::move(words), false}; }
std::ostream& operator<<(std::ostream& out, const Said& said);

// Takes one step (all of its columns) out of its order, and such.
void swap_steps(RunData& run, std::int64_t a, std::int64_t b);

}  // namespace lockstep::test
