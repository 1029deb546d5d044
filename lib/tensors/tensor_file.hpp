// Files of safetensors.hpp: written whole or not at all, read tensor by tensor.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "tensors/safetensors.hpp"

namespace lockstep {

// The file is not what was once written; others of its kind may be whole. what(): "<path>: damaged: ...".
class DamagedTensorFile : public Error {
 public:
  DamagedTensorFile(const std::string& path, const std::string& fault)
      : Error(ExitCode::bad_input, path + ": damaged: " + fault) {}
};

// Error(failed) with the system's reason; then no file of this name is left, or the one that was there.
void write_tensor_file(const std::string& path, std::vector<TensorBytes> tensors, const TensorTexts& texts);

class TensorFile {
 public:
  // Reads and checks the header. Error(bad_input) for what is not a regular file, a link included;
  // DamagedTensorFile.
  explicit TensorFile(std::string path, Checksums checksums = Checksums::required);
  ~TensorFile();
  TensorFile(const TensorFile&) = delete;
  TensorFile& operator=(const TensorFile&) = delete;

  const std::string& path() const { return path_; }
  const TensorHeader& header() const { return header_; }
  const TensorPlace* find(const std::string& name) const;  // null: none

  // tensor: of this file. into: room for its bytes. DamagedTensorFile when its checksum does not match.
  void read(const TensorPlace& tensor, void* into) const;

 private:
  void open_regular();
  void read_header();
  void read_bytes(std::uint64_t begin, std::uint64_t bytes, void* into) const;

  std::string path_;
  Checksums checksums_;
  int descriptor_ = -1;
  std::uint64_t size_ = 0;
  TensorHeader header_;
};

}  // namespace lockstep
