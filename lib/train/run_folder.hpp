// The folder of one run: <output>/<YYYYMMDD-HHMMSS>_<mode>_<model>_<N>r_<8 hex>/. Rank 0 only.
#pragma once

#include <string>

namespace lockstep {

std::string new_uuid();  // version 4, from the system's entropy

// Makes the folder; never an existing one. Error(bad_input) naming --output when it cannot.
std::string create_run_folder(const std::string& output, const std::string& mode, const std::string& model,
                              int ranks, const std::string& uuid);

// Writes a whole text file; Error when the disk does not take it.
void write_text_file(const std::string& path, const std::string& text);

}  // namespace lockstep
