// libFuzzer target: a file of any bytes is read as a checkpoint's file of tensors is, or refused in one line.
//
// Damaged bytes end at the header's checksum. Two thirds of the inputs therefore have one that fits, so that
// what is checked behind it is reached too. See scripts/fuzz.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "base/error.hpp"
#include "base/random.hpp"
#include "tensors/support.hpp"

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t most);

namespace lockstep::fuzz {

namespace {

[[noreturn]] void found(const char* what, const std::string& message) {
  std::fprintf(stderr, "FINDING: %s: %s\n", what, message.c_str());
  std::abort();
}

void read(std::string_view file) {
  try {
    TensorTexts texts;
    std::size_t bytes = 0;
    for (const TensorBytes& tensor : decode_tensors(file, &texts)) bytes += tensor.bytes.size();
    if (bytes > file.size()) found("more than the file has", std::to_string(bytes));
  } catch (const Error& error) {
    const std::string message = error.what();
    if (error.code() != ExitCode::bad_input) found("not said to be the input's fault", message);
    if (message.empty() || message != plain_text(message)) found("not one plain line", message);
  } catch (const std::exception& error) {
    found("not an Error", error.what());
  }
}

std::string whole_file() {
  static const std::string bytes(24, 'x');
  return encode_tensors({{"parameter/a", "F32", {2, 3}, bytes},
                         {"n", "I64", {}, bytes.substr(0, 8)},
                         {"none", "BOOL", {0, 4}, ""}},
                        {{"run", "u"}, {"steps_done", "3"}});
}

// The same file with a checksum that fits its header, when it is long enough to have one.
std::string with_checksum(const std::string& file) {
  const std::size_t from = kLengthBytes + kSealOpening.size() + 8;
  if (file.size() < from) return file;
  std::uint64_t length = 0;
  std::memcpy(&length, file.data(), sizeof length);
  const std::uint64_t rest = length < file.size() - kLengthBytes && length + kLengthBytes >= from
                                 ? length + kLengthBytes - from
                                 : file.size() - from;
  return sealed(file.substr(from, rest), file.substr(from + rest));
}

}  // namespace

}  // namespace lockstep::fuzz

using namespace lockstep;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::read({reinterpret_cast<const char*>(data), size});
  return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t most,
                                               unsigned int seed) {
  RandomStream random({seed});
  if (size == 0 || random.below(50) == 0) {
    const std::string whole = fuzz::whole_file();
    size = std::min(whole.size(), most);
    std::memcpy(data, whole.data(), size);
  }
  size = LLVMFuzzerMutate(data, size, most);
  if (random.below(3) == 0) return size;
  const std::string file = fuzz::with_checksum({reinterpret_cast<const char*>(data), size});
  if (file.size() > most) return size;
  std::memcpy(data, file.data(), file.size());
  return file.size();
}
