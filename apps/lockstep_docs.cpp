// Writes docs/configuration.md from the tables of keys and models, or with --check says whether it is up to
// date.
#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

#include "base/error.hpp"
#include "config/key_docs.hpp"
#include "models/registry.hpp"

int main(int argc, char** argv) {
  const bool check = argc == 3 && std::strcmp(argv[1], "--check") == 0;
  if ((argc != 2 || argv[1][0] == '-') && !check) {
    fmt::print(stderr, "usage: lockstep-docs [--check] docs/configuration.md\n");
    return 2;
  }
  const std::string path = argv[argc - 1];
  const std::string text = lockstep::configuration_markdown(lockstep::model_keys());
  if (!check) {
    std::ofstream file(path, std::ios::binary);
    file << text;
    if (file.flush()) return 0;
    fmt::print(stderr, "lockstep-docs: {}: cannot write: {}\n", path, lockstep::errno_text(errno));
    return 1;
  }
  std::ostringstream found;
  found << std::ifstream(path, std::ios::binary).rdbuf();
  if (found.str() == text) return 0;
  fmt::print(stderr, "{} is out of date: run lockstep-docs {}\n", path, path);
  return 1;
}
