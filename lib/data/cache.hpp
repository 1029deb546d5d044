// Encoded data kept on disk, one file a set and key. A file that is damaged, cut off or not ours is built
// again, never trusted; a folder that cannot be written costs a note, not the run. Any number of ranks may
// start at once.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "config/run_config.hpp"
#include "data/encoded_data.hpp"

namespace lockstep {

// What build() returns, from config.data.cache where it is there. Removes what killed runs have left half
// written there. key: digest of all that build() depends on.
// notes: gets a line for whatever went wrong with the cache.
EncodedData cached(const RunConfig& config, const std::string& key, std::vector<std::string>& notes,
                   const std::function<EncodedData()>& build);

// The two halves, by file. load_cache: Error(bad_input) with the reason when the file is not wholly as it was
// stored, or was stored under another key. store_cache: run_error with the system's reason.
EncodedData load_cache(const std::string& path, const std::string& key);
void store_cache(const std::string& path, const std::string& key, const EncodedData& data);

}  // namespace lockstep
