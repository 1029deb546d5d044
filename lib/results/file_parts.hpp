// What run files and files of commbench have in common when they are written: their names, their status, and
// what their ranks ran on. Internal to lib/results.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "results/hdf5_io.hpp"
#include "results/run_data.hpp"

namespace lockstep {

// "<final_path>.partial", the name until the file is whole. Error(bad_input) when final_path exists.
std::string partial_path(const std::string& final_path);

void write_status(Hdf5Output& file, const std::string& status, bool valid,
                  const std::vector<std::string>& invalid_reasons, double wall_seconds);

// Ends a file that cannot be written any more: what was flushed last, with this status, under its final name. False, and
// the file stays as it was flushed, when the disk does not even take that.
bool close_with_what_there_is(Hdf5Output& file, const std::string& final_path, const std::string& status,
                              const std::string& reason, double wall_seconds) noexcept;

void write_environment(Hdf5Output& file, const std::vector<RankEnvironment>& ranks,
                       const std::string& fingerprint, const std::map<std::string, std::string>& environment);

}  // namespace lockstep
