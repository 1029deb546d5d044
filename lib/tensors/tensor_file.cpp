#include "tensors/tensor_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/durable_file.hpp"

namespace lockstep {

void write_tensor_file(const std::string& path, std::vector<TensorBytes> tensors, const TensorTexts& texts) {
  DurableFile file(path);
  const std::string header = encode_header(tensors, texts);
  file.write(header.data(), header.size());
  for (const TensorBytes& tensor : tensors) file.write(tensor.bytes.data(), tensor.bytes.size());
  file.commit();
}

TensorFile::TensorFile(std::string path, Checksums checksums)
    : path_(std::move(path)), checksums_(checksums) {
  try {
    open_regular();
    read_header();
  } catch (...) {
    if (descriptor_ >= 0) ::close(descriptor_);
    throw;
  }
}

TensorFile::~TensorFile() { ::close(descriptor_); }

// Looks before it opens: opening a FIFO waits, and opening a device may do anything.
void TensorFile::open_regular() {
  struct stat facts {};
  if (lstat(path_.c_str(), &facts) != 0)
    throw input_error("{}: cannot be read: {}", path_, errno_text(errno));
  if (S_ISLNK(facts.st_mode)) throw input_error("{}: is a link; name the file that it leads to", path_);
  if (S_ISREG(facts.st_mode)) {
    descriptor_ = open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (descriptor_ < 0 || fstat(descriptor_, &facts) != 0)
      throw input_error("{}: cannot be read: {}", path_, errno_text(errno));
  }
  if (!S_ISREG(facts.st_mode)) throw input_error("{}: is not a regular file", path_);
  size_ = static_cast<std::uint64_t>(facts.st_size);
}

void TensorFile::read_header() {
  std::string length(std::min(kLengthBytes, size_), '\0');
  read_bytes(0, length.size(), length.data());
  // The archives of torch::save and torch.save are zip files.
  if (length.starts_with("PK\x03\x04"))
    throw input_error(
        "{}: an archive of LibTorch or PyTorch; reading one can run code, so this program does not; {}",
        path_,
        checksums_ == Checksums::required
            ? "earlier versions wrote such checkpoints: train again from the start, without --resume"
            : "write a safetensors file instead, in Python with safetensors.torch.save_file(model.state_dict(), "
              "path)");
  try {
    std::string json(header_bytes(length, size_), '\0');
    read_bytes(kLengthBytes, json.size(), json.data());
    header_ = parse_header(json, size_, checksums_);
  } catch (const DamagedTensorFile&) {
    throw;
  } catch (const Error& fault) {
    throw DamagedTensorFile(path_, fault.what());
  }
}

void TensorFile::read_bytes(std::uint64_t begin, std::uint64_t bytes, void* into) const {
  constexpr std::uint64_t kMost = std::uint64_t{1} << 30;  // Linux reads less than 2 GiB at once
  auto* to = static_cast<char*>(into);
  while (bytes > 0) {
    const ssize_t got = pread(descriptor_, to, std::min(bytes, kMost), static_cast<off_t>(begin));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw input_error("{}: cannot be read: {}", path_, errno_text(errno));
    if (got == 0) throw DamagedTensorFile(path_, "it is cut short");
    to += got;
    begin += static_cast<std::uint64_t>(got);
    bytes -= static_cast<std::uint64_t>(got);
  }
}

const TensorPlace* TensorFile::find(const std::string& name) const {
  const auto found = std::find_if(header_.tensors.begin(), header_.tensors.end(),
                                  [&](const TensorPlace& t) { return t.name == name; });
  return found == header_.tensors.end() ? nullptr : &*found;
}

void TensorFile::read(const TensorPlace& tensor, void* into) const {
  const std::uint64_t bytes = tensor.end - tensor.begin;
  read_bytes(tensor.begin, bytes, into);
  try {
    require_checksum(tensor, {static_cast<const char*>(into), bytes});
  } catch (const Error& fault) {
    throw DamagedTensorFile(path_, fault.what());
  }
}

}  // namespace lockstep
