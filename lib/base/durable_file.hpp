// A file that is either whole under its name or not there at all, whatever happens while it is written: a
// full disk, a killed process, a power failure.
#pragma once

#include <cstddef>
#include <string>

namespace lockstep {

class DurableFile {
 public:
  // Writes to <path>.partial. All of these: Error(failed) naming the file and the system's reason.
  explicit DurableFile(std::string path);
  ~DurableFile();  // without commit(): removes what was written
  DurableFile(const DurableFile&) = delete;
  DurableFile& operator=(const DurableFile&) = delete;

  void write(const void* data, std::size_t bytes);
  // Brings everything to the disk, and then gives the file its name.
  void commit();

 private:
  void require(bool done) const;

  std::string path_, unfinished_;
  int descriptor_ = -1;
};

// So that a power failure does not undo a change of the folder that holds `path`. Not every file system can:
// no error.
void sync_folder_of(const std::string& path);

}  // namespace lockstep
