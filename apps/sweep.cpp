// Makes the runs that are to be compared, and has them analysed.
#include <fmt/format.h>

#include <filesystem>

#include "apps/sweep/program.hpp"
#include "base/provenance.hpp"
#include "base/standard_output.hpp"

namespace {

lockstep::ExitCode sweep(int argc, char** argv) {
  const lockstep::SweepOptions options = lockstep::parse_sweep_options(argc, argv);
  const lockstep::Provenance p = lockstep::provenance();
  if (options.help || options.version) {
    lockstep::write_standard_output(
        options.help ? lockstep::sweep_help()
                     : fmt::format("sweep {} ({}, {})\n", p.version, p.commit, p.compiler));
    return lockstep::ExitCode::done;
  }
  return lockstep::run_sweep(options, std::filesystem::read_symlink("/proc/self/exe").parent_path().string());
}

}  // namespace

int main(int argc, char** argv) {
  try {
    lockstep::keep_standard_streams();
    return static_cast<int>(sweep(argc, argv));
  } catch (const lockstep::Error& error) {
    fmt::print(stderr, "sweep: {}\n", error.what());
    return static_cast<int>(error.code());
  } catch (const std::exception& error) {
    fmt::print(stderr, "sweep: {}\n", error.what());
    return static_cast<int>(lockstep::ExitCode::failed);
  }
}
