// read_checkpoint FILE...: reads every byte of checkpoints, and says of each "<steps> <digest of its tensors> <file>".
// One that is damaged ends it with exit code 1 and a line.
#include <cstdio>
#include <cstdlib>
#include <string>

#include "base/digest.hpp"
#include "tensors/tensor_file.hpp"

using namespace lockstep;

namespace {

std::string digest_of(const TensorFile& file) {
  Digest digest;
  for (const TensorPlace& tensor : file.header().tensors) {
    std::string bytes(tensor.end - tensor.begin, '\0');
    file.read(tensor, bytes.data());
    digest.add(tensor.name).add(bytes);
  }
  return digest.hex();
}

}  // namespace

int main(int count, char** files) try {
  for (int i = 1; i < count; ++i) {
    const TensorFile file(files[i]);
    std::printf("%s %s %s\n", file.header().texts.at("steps_done").c_str(), digest_of(file).c_str(),
                files[i]);
  }
  return EXIT_SUCCESS;
} catch (const std::exception& error) {
  std::fprintf(stderr, "read_checkpoint: %s\n", error.what());
  return EXIT_FAILURE;
}
