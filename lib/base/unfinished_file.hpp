// Files that bear another name until they are whole, and what is left of them when their writer was killed.
// A writer holds a lock (flock) on its file, which the kernel lets go of however the process ends: what can be
// locked has been abandoned.
#pragma once

#include <fcntl.h>

#include <functional>
#include <string>

#include "base/file_descriptor.hpp"

namespace lockstep {

// A new file for writing, locked; invalid, with errno, when there is none. folder: of a relative path. Where
// the file system knows no locks the file has none, and is never taken for abandoned.
FileDescriptor create_unfinished(int folder, const std::string& path);

// Removes a regular file of this user that nobody holds; whether it did. Links are not followed.
bool remove_if_abandoned(int folder, const std::string& path);

// The same for those files of a folder whose name is_ours accepts; how many it removed. A folder that cannot
// be read has none.
int remove_abandoned(const std::string& folder, const std::function<bool(const std::string&)>& is_ours);

}  // namespace lockstep
