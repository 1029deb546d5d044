// Where outputs go: standard output, or files that are either complete or absent. No link is followed out of
// a folder: a link with an output's name is replaced, not written through.
#pragma once

#include <optional>
#include <ostream>
#include <string>

#include "analysis/render/descriptor_buffer.hpp"
#include "base/file_descriptor.hpp"

namespace lockstep {

// A folder to write to, held open: changes of its path have no effect.
class OutputFolder {
 public:
  // Error(bad_input) when it is no folder, or when it is a link and links are not followed.
  enum class Links { followed, refused };
  explicit OutputFolder(std::string path, Links links = Links::followed);
  // Writes or replaces a file in it, as OutputFile does.
  void write(const std::string& name, const std::string& text) const;

  int descriptor() const { return descriptor_.get(); }
  std::string path_of(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
  FileDescriptor descriptor_;
};

// All errors name the file: bad_input where nothing can be written by that name, failed where the disk is
// full.
class OutputFile {
 public:
  // path: empty for standard output. A pipe, a device or a descriptor (/dev/fd/N) is written to as it stands.
  explicit OutputFile(const std::string& path);
  OutputFile(const OutputFolder& folder, const std::string& name);
  ~OutputFile();  // removes what was not finished
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  std::ostream& stream() { return stream_; }
  // All is written, and a file is there under its name. Error when not all of it could be.
  void finish();

 private:
  void open_beside(const std::string& name);
  [[noreturn]] void fail(int code) const;

  std::string path_;                    // as messages say it; empty: standard output
  std::optional<OutputFolder> parent_;  // of a path
  int folder_ = -1;                     // where temporary_ and name_ are
  std::string name_, temporary_;        // empty: written as it stands, or finished
  FileDescriptor file_;
  std::optional<DescriptorBuffer> buffer_;
  std::ostream stream_{nullptr};
};

// The text to the file, or to standard output where path is empty.
void write_output(const std::string& path, const std::string& text);

// One line on stderr, whatever bytes are in it: "analyze: ...".
void say(const std::string& line);

}  // namespace lockstep
