// The folder of one run: <output>/<YYYYMMDD-HHMMSS>_<mode>_<model>_<N>r_<8 hex>/. Rank 0 only.
#pragma once

#include <string>

namespace lockstep {

std::string new_uuid();  // version 4, from the system's entropy

// Makes the folder; never an existing one. Error that names the option to change when it cannot: failed where the
// disk is full, else bad_input.
std::string create_run_folder(const std::string& output, const std::string& mode, const std::string& model,
                              int ranks, const std::string& uuid, const std::string& option = "--output DIR");

// Writes a text file, whole or not at all: Error when the disk does not take it.
void write_text_file(const std::string& path, const std::string& text);

// Removes the checkpoints and copies of run files that killed runs have left unfinished, in their folders below
// `output` and in that of the run that `resume` (--resume, or empty) names. Those that a run is writing stay. How
// many there were.
int remove_abandoned_files(const std::string& output, const std::string& resume);

}  // namespace lockstep
