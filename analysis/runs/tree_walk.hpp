// Files below a path, whoever made the folders: links do not lead out of it nor round in circles, and what
// cannot be searched costs no other file.
#pragma once

#include <string>
#include <vector>

namespace lockstep {

struct TreeFile {
  std::string path;
  bool given = false;    // a path itself, not found below one
  bool by_link = false;  // a link, or in a folder that is one
};

struct Tree {
  std::vector<TreeFile> files;     // sorted by path; each file once, by a name that is no link if it has one
  std::vector<std::string> notes;  // one line each: what could not be searched, or has several names
};

// The files with names that `wanted` takes; a path that is a file is taken whatever its name. A link to a
// folder is looked into, not below. Error(bad_input) when a path does not exist.
Tree files_below(const std::vector<std::string>& paths, bool (*wanted)(const std::string& name));

}  // namespace lockstep
