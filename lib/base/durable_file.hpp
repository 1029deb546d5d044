// A file that is either whole under its name or not there at all, whatever happens while it is written: a
// full disk, a killed process, a power failure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/file_descriptor.hpp"

namespace lockstep {

// Who may write a file of this name at the same time. several: each to a name of its own; the last one's
// stays.
enum class Writers { one, several };

// What commit() does with a file that has the name already.
enum class Existing { replace, refuse };

class DurableFile {
 public:
  // Writes to <path>.partial, or to <path>.<6 characters>. All of these: Error(failed) naming the file and the
  // system's reason.
  explicit DurableFile(std::string path, Writers writers = Writers::one);
  ~DurableFile();  // without commit(): removes what was written
  DurableFile(const DurableFile&) = delete;
  DurableFile& operator=(const DurableFile&) = delete;

  void write(const void* data, std::size_t bytes);
  void write(std::string_view bytes) { write(bytes.data(), bytes.size()); }
  // All of an open file, from its beginning; its position stays.
  void write_all_of(int descriptor);
  // Brings everything to the disk, and then gives the file its name.
  void commit(Existing existing = Existing::replace);

 private:
  void require(bool done) const;

  std::string path_, unfinished_;
  FileDescriptor file_;
};

// Whether a name is that of a file which a DurableFile for several writers, or mkstemp in earlier versions, has
// begun: "<path><extension>.3f09ab", but not "<path><extension>.backup".
bool is_unfinished_of_several(std::string_view name, std::string_view extension);

// Never over an existing file. Error(failed) when it cannot be done.
void rename_into_place(const std::string& from, const std::string& to);

// So that a power failure does not undo a change of the folder that holds `path`. Not every file system can:
// no error.
void sync_folder_of(const std::string& path);

// What the errno of a file that could not be made or written means: a disk that is full or fails, or a reader
// that has gone, fails the run; anything else is wrong with what the user has named.
ExitCode meaning_of_write_error(int code);

}  // namespace lockstep
