// analyze: reads run files, nothing else.
#include <fmt/format.h>

#include <csignal>
#include <exception>

#include "analysis/render/output_file.hpp"
#include "analysis/verbs/command_line.hpp"
#include "analysis/verbs/verb_help.hpp"
#include "base/error.hpp"
#include "base/provenance.hpp"
#include "base/standard_output.hpp"

namespace lockstep {

namespace {

ExitCode analyze(const AnalyzeOptions& options) {
  if (options.help) {
    write_output("", options.names_verb ? verb_help(*options.verb) : analyze_help());
    return ExitCode::done;
  }
  if (options.version) {
    const Provenance p = provenance();
    write_output("", fmt::format("analyze {} ({}, {})\n", p.version, p.commit, p.compiler));
    return ExitCode::done;
  }
  return run_verb(options);
}

}  // namespace

}  // namespace lockstep

int main(int argc, char** argv) {
  lockstep::keep_standard_streams();
  std::signal(SIGXFSZ, SIG_IGN);  // a file that may grow no more is an error of the write
  try {
    return static_cast<int>(lockstep::analyze(lockstep::parse_analyze({argv + 1, argv + argc})));
  } catch (const lockstep::Error& error) {
    lockstep::say(error.what());
    return static_cast<int>(error.code());
  } catch (const std::exception& error) {
    lockstep::say(error.what());
    return static_cast<int>(lockstep::ExitCode::failed);
  }
}
