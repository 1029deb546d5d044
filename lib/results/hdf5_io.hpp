// Typed reading and writing of datasets and attributes, with the schema's units and meanings. Internal to
// lib/results.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "results/hdf5_handle.hpp"

namespace lockstep {

using Extent = std::vector<hsize_t>;

class Hdf5Output {
 public:
  // Begins a file, which is there under its name from the first flush on, and as each flush has left it: a reader
  // never sees a change that is half made, whenever the writer is killed. Error(bad_input) when it exists or
  // cannot be made, Error(failed) when the disk is full.
  explicit Hdf5Output(const std::string& path);
  ~Hdf5Output();
  Hdf5Output(const Hdf5Output&) = delete;
  Hdf5Output& operator=(const Hdf5Output&) = delete;

  using Attributes = std::vector<std::pair<std::string, std::string>>;  // name, text
  // What a dataset gets that the schema does not know, should it be written.
  void declare(const std::string& path, Attributes attributes) { declared_[path] = std::move(attributes); }

  // All of these: Error(failed) naming the file when the disk or HDF5 does not take it. Text that is no UTF-8
  // is written with U+FFFD in its place.

  bool has(const std::string& path) const;
  // A dataset or group with all in it; nothing happens when there is none.
  void remove(const std::string& path);
  // A new dataset of fixed size.
  template <typename T>
  void write(const std::string& path, const std::vector<T>& values, const Extent& extent);
  void write(const std::string& path, const std::string& text);  // scalar
  // Adds a block along one axis, creating the dataset with the first block.
  template <typename T>
  void append(const std::string& path, const std::vector<T>& block, const Extent& extent, std::size_t axis);

  // All of a one-dimensional dataset, read back.
  template <typename T>
  std::vector<T> column(const std::string& path) const;

  // On the object at `path`; replaces an earlier value.
  void attribute(const std::string& path, const std::string& name, const std::string& value);
  void attribute(const std::string& path, const std::string& name, std::int64_t value);
  void attribute(const std::string& path, const std::string& name, double value);
  void attribute(const std::string& path, const std::string& name, const std::vector<std::string>& values);

  // To the disk, all or nothing; costs a copy of the file.
  void flush();
  void close();  // flushes; Error when data did not reach the file
  // To what the last flush has left; what came after it is lost, and changes are made in place. Error when there
  // was none, or the file is gone.
  void go_back();
  // Gives up: writes nothing more, so that the file stays as it was flushed last; never throws.
  void abandon() noexcept;
  const std::string& path() const { return path_; }

 private:
  [[noreturn]] void fail(const std::string& what) const;
  void require_size(const std::string& path, std::size_t values, const Extent& extent) const;
  void describe(const std::string& path);
  void require_room(hsize_t more) const;
  void publish();
  bool is_published() const;
  void flush_with_room(hsize_t more);
  template <typename T>
  Hdf5Handle create(const std::string& path, const Extent& extent, std::optional<std::size_t> growing_axis);
  void attribute_raw(const std::string& path, const std::string& name, hid_t type, hid_t space,
                     const void* data);

  struct Identity {
    dev_t device = 0;
    ino_t inode = 0;
  };
  std::string path_;
  std::optional<Identity> published_;  // the file of this name that the last flush has made
  Hdf5Handle file_;
  bool in_place_ = false;  // file_ is the published one
  std::map<std::string, Attributes> declared_;
};

struct OpenAttribute;

// Bytes of a file that are not holes, which take no room on the disk; 0 when it cannot be opened.
std::uint64_t bytes_with_data(const std::string& path);
// Memory that all datasets of a file of this size may take together.
std::uint64_t allowance(std::uint64_t file_bytes);

class Hdf5Input {
 public:
  // Error(bad_input) when it is not a readable HDF5 file. Nothing of it is looked for in another file, and no
  // plugin is loaded for it.
  explicit Hdf5Input(const std::string& path);

  bool has(const std::string& path) const;
  // The shape of a dataset, nothing read.
  Extent extent(const std::string& path) const;
  // Numbers are converted to T. Error naming file and dataset when it is absent, of another rank or kind, or
  // claims more than the file can hold.
  template <typename T>
  std::vector<T> read(const std::string& path, std::size_t rank, Extent& extent) const;
  std::vector<std::string> read_strings(const std::string& path) const;  // [] or [n]

  // Empty when there is no such object or attribute; Error when there is one that cannot be read as asked.
  // A number reads as text, too.
  std::optional<std::string> text_attribute(const std::string& path, const std::string& name) const;
  std::optional<double> number_attribute(const std::string& path, const std::string& name) const;
  std::vector<std::string> text_list_attribute(const std::string& path, const std::string& name) const;
  std::vector<std::string> attribute_names(const std::string& path) const;

  [[noreturn]] void fail(const std::string& path, const std::string& what) const;
  const std::string& path() const { return path_; }

 private:
  std::vector<std::string> texts_of(const std::string& path, const std::string& name,
                                    const OpenAttribute& attribute) const;
  Hdf5Handle open_dataset(const std::string& path) const;
  Extent extent_of(const std::string& path, hid_t dataset) const;
  void admit(const std::string& path, hid_t dataset, const Extent& extent, std::size_t element) const;

  std::string path_;
  Hdf5Handle file_, access_;  // access_: of datasets and links
  std::uint64_t file_bytes_ = 0;
  mutable std::uint64_t admitted_ = 0;             // bytes of memory that all reads so far have asked for
  mutable std::unordered_set<std::string> found_;  // paths that has() has followed
};

}  // namespace lockstep
