// Configurations given as text, and what load_config says of them; in the messages the temporary file is
// "x.yaml".
#pragma once

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "config/load_config.hpp"
#include "support/temporary_folder.hpp"

namespace given {

class File {
 public:
  explicit File(const std::string& text) : path_(folder_ / "given.yaml") { std::ofstream(path_) << text; }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  std::string path() const { return path_; }

 private:
  lockstep::TemporaryFolder folder_;
  std::string path_;
};

// Enough to be valid; eight lines, so that what is appended begins at line 9.
inline const std::string kMinimal = R"(# A comment.
model:
  name: mlp
data:
  name: mnist
training:
  epochs: 3
  global_batch: 64
)";

inline lockstep::RunConfig load(const std::string& yaml, const std::vector<std::string>& sets = {}) {
  const File file(yaml);
  return lockstep::load_config(file.path(), sets);
}

// The message of the Error(bad_input) that the configuration is refused with; "accepted" when it is not.
inline std::string refusal(const std::string& yaml, const std::vector<std::string>& sets = {}) {
  const File file(yaml);
  try {
    lockstep::load_config(file.path(), sets);
  } catch (const lockstep::Error& e) {
    if (e.code() != lockstep::ExitCode::bad_input) return "another exit code";
    std::string message = e.what();
    for (std::size_t at; (at = message.find(file.path())) != std::string::npos;)
      message.replace(at, file.path().size(), "x.yaml");
    return message;
  }
  return "accepted";
}

}  // namespace given
