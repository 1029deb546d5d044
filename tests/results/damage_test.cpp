// Files cut short, with flipped bits, or on a disk that is full: one line, never a crash.
#include <sys/resource.h>
#include <sys/wait.h>

#include <csignal>
#include <fstream>
#include <sstream>

#include "base/error.hpp"
#include "base/random.hpp"
#include "results/run_reader.hpp"
#include "support.hpp"
#include "support/catch.hpp"

using namespace lockstep;

namespace {

std::string bytes_of(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

void write_bytes(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

// Reads it, or is told in one line why not. What is read of a damaged file may be wrong; that it is read must
// not hurt.
bool readable(const std::string& path) {
  try {
    read_run(path);
    return true;
  } catch (const Error& error) {
    CHECK(error.code() == ExitCode::bad_input);
    CHECK(std::string(error.what()).rfind(path, 0) == 0);
    CHECK(std::string(error.what()).find('\n') == std::string::npos);
    return false;
  }
}

}  // namespace

TEST_CASE("a file truncated at any byte is refused in one line") {
  const TemporaryFolder folder;
  write_sample(folder / "run.h5");
  const std::string whole = bytes_of(folder / "run.h5");
  const std::string cut = folder / "cut.h5";
  std::size_t refused = 0;
  write_bytes(cut, whole);
  for (std::size_t length = whole.size(); length-- > 0;) {
    std::filesystem::resize_file(cut, length);
    refused += !readable(cut);
  }
  CHECK(refused == whole.size());
}

TEST_CASE("flipped bits never crash the reader") {
  const TemporaryFolder folder;
  write_sample(folder / "run.h5");
  const std::string whole = bytes_of(folder / "run.h5");
  RandomStream random({3});
  std::size_t refused = 0;
  for (int round = 0; round < 400; ++round) {
    std::string damaged = whole;
    for (int flip = 0; flip < 4; ++flip) {
      const std::size_t at = random.below(std::min<std::size_t>(whole.size(), 16384));
      damaged[at] = static_cast<char>(damaged[at] ^ (1 << random.below(8)));
    }
    write_bytes(folder / "damaged.h5", damaged);
    refused += !readable(folder / "damaged.h5");
  }
  CHECK(refused > 0);
}

TEST_CASE("what is no run file is said to be none") {
  const TemporaryFolder folder;
  write_bytes(folder / "text.h5", "not HDF5 at all");
  CHECK_FALSE(readable(folder / "text.h5"));
  write_bytes(folder / "empty.h5", "");
  CHECK_FALSE(readable(folder / "empty.h5"));
  CHECK_FALSE(readable(folder / "absent.h5"));
}

TEST_CASE("a disk that takes no more fails the run in one line, and the program goes on to its end") {
  const TemporaryFolder folder;
  const std::string path = folder / "run.h5";
  const pid_t child = fork();
  if (child == 0) {
    std::signal(SIGXFSZ, SIG_IGN);
    RunWriter writer(path, sample_start());
    const rlimit limit{300'000, 300'000};
    setrlimit(RLIMIT_FSIZE, &limit);
    try {
      for (std::int32_t epoch = 0; epoch < 1000; ++epoch)
        writer.append_epoch(sample_steps(200, epoch), sample_comm(epoch), {}, sample_epoch(1),
                            sample_audit());
    } catch (const Error& error) {
      const std::string message = error.what();
      const bool good = error.code() == ExitCode::failed &&
                        message.rfind(path + ".partial: cannot write", 0) == 0 &&
                        message.find("File too large") != std::string::npos;
      writer.finish("failed", false, {"x"}, 1);  // nothing is left to be done, and nothing happens
      _exit(good ? 0 : 3);
    }
    _exit(2);
  }
  int status = 0;
  waitpid(child, &status, 0);
  REQUIRE(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
}
