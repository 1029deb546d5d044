// The layout of a run file: every dataset and attribute with its unit and meaning, in one table. The writer
// stores unit and meaning beside the data; docs/run-file.md lists the same rows, and a test compares.
#pragma once

#include <span>
#include <string>

namespace lockstep {

inline constexpr int kSchemaVersion = 1;

struct SchemaEntry {
  const char* path;   // "/steps/wall"; attributes as "/model@parameters"
  const char* shape;  // "[ranks, steps]"; attributes have none: ""
  const char* type;   // "f8", "i4", "string", ...
  const char* unit;   // "s"; "1" for counts and ratios
  const char* about;  // one sentence
  bool required;      // a reader refuses a file without it
};

std::span<const SchemaEntry> schema();

bool in_schema(const std::string& path);

// The entry of a path; Error when the table has none (a fault of the program, not of a file).
const SchemaEntry& schema_entry(const std::string& path);

}  // namespace lockstep
