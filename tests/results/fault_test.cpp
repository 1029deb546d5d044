// The writer is killed at any moment, or the disk fills up at any size. Each case runs in a child process
// that leaves through exit(), so that HDF5's own clean-up is seen, too.
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <thread>

#include "base/error.hpp"
#include "results/run_reader.hpp"
#include "support.hpp"
#include "support/catch.hpp"

using namespace lockstep;

namespace {

constexpr std::int64_t kSteps = 300;

void append(RunWriter& writer, std::int32_t epochs) {
  for (std::int32_t e = 0; e < epochs; ++e)
    writer.append_epoch(sample_steps(kSteps, e), sample_comm(e), {}, sample_epoch(1), sample_audit());
}

// No file may grow beyond so many bytes from here on.
void limit_file_size(rlim_t bytes) {
  std::signal(SIGXFSZ, SIG_IGN);
  const rlimit limit{bytes, RLIM_INFINITY};
  setrlimit(RLIMIT_FSIZE, &limit);
}

std::string text_of(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

// Whole epochs of a run that ended so, or a refusal; whether it was read.
bool whole_epochs(const std::string& path, const std::string& status = "running") {
  try {
    const RunData run = read_run(path);
    CHECK(run.header.status == status);
    CHECK(run.steps.steps() == kSteps * static_cast<std::int64_t>(run.epochs.size()));
    CHECK(run.comm.size() == 4 * run.epochs.size());
    return true;
  } catch (const Error& error) {
    CHECK(error.code() == ExitCode::bad_input);
    return false;
  }
}

// SIGKILL after so many milliseconds of writing epochs without a pause; whether the file can be read.
bool survives_kill_after(int milliseconds) {
  const TemporaryFolder folder;
  const std::string partial = folder / "run.h5.partial";
  const pid_t child = fork();
  if (child == 0) {
    alarm(60);
    RunWriter writer(folder / "run.h5", sample_start());
    std::ofstream(folder / "begun") << 1;
    append(writer, 100000);
    std::_Exit(0);
  }
  REQUIRE(child > 0);
  while (!std::filesystem::exists(folder / "begun")) std::this_thread::yield();
  std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  return whole_epochs(partial);
}

}  // namespace

TEST_CASE("killed at any moment, a file holds whole epochs or is refused") {
  int readable = 0;
  constexpr int kRounds = 30;
  for (int round = 0; round < kRounds; ++round) readable += survives_kill_after(3 * round);
  INFO(readable << " of " << kRounds << " readable");
  CHECK(readable > 0);
}

TEST_CASE("killed while it is made, a file is readable or has no name yet") {
  constexpr int kRounds = 60;
  for (int round = 0; round < kRounds; ++round) {
    const TemporaryFolder folder;
    const std::string partial = folder / "run.h5.partial";
    const pid_t child = fork();
    if (child == 0) {
      alarm(60);
      const RunWriter writer(folder / "run.h5", sample_start());
      for (;;) pause();
    }
    REQUIRE(child > 0);
    std::this_thread::sleep_for(std::chrono::microseconds(250 * round));
    // Every second one as soon as it has its name.
    while (round % 2 == 1 && !std::filesystem::exists(partial)) std::this_thread::yield();
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    if (std::filesystem::exists(partial)) CHECK(whole_epochs(partial));
  }
}

TEST_CASE("a disk that fills up at any size is one error, and the process ends by itself") {
  // From "not even the header" to "after many epochs".
  for (const rlim_t room : {0, 100, 3000, 20000, 60000, 150000, 400000}) {
    CAPTURE(room);
    const TemporaryFolder folder;
    const pid_t child = fork();
    if (child == 0) {
      alarm(60);
      std::string message = "nothing";
      bool finished = false;
      limit_file_size(room);
      try {
        RunWriter writer(folder / "run.h5", sample_start());
        try {
          append(writer, 200);
        } catch (const Error& error) {
          message = error.what();
          finished = writer.finish_emergency("failed", message);
        }
      } catch (const Error& error) {
        message = error.what();
      }
      limit_file_size(RLIM_INFINITY);
      std::ofstream(folder / "said") << message << (finished ? " and yet finished" : "");
      std::exit(0);
    }
    int status = 0;
    REQUIRE(waitpid(child, &status, 0) == child);
    REQUIRE(WIFEXITED(status));
    const std::string message = text_of(folder / "said");
    CAPTURE(message);
    CHECK(message.rfind((folder / "run.h5.partial") + ": cannot ", 0) == 0);
    CHECK(message.find("File too large") != std::string::npos);
    CHECK(message.find('\n') == std::string::npos);
    CHECK(message.find("finished") == std::string::npos);
    // What was flushed before is still there to be read, and does not pass for a run that goes on.
    CHECK_FALSE(std::filesystem::exists(folder / "run.h5.partial"));
    CHECK(std::filesystem::exists(folder / "run.h5") == (room >= 150000));
    if (!std::filesystem::exists(folder / "run.h5")) continue;
    REQUIRE(whole_epochs(folder / "run.h5", "failed"));
    const RunData run = read_run(folder / "run.h5");
    CHECK_FALSE(run.header.valid);
    CHECK(run.header.invalid_reasons == std::vector<std::string>{message});
  }
}

TEST_CASE("a run file that is closed has no room left over") {
  const TemporaryFolder folder;
  RunWriter writer(folder / "run.h5", sample_start());
  append(writer, 2);
  writer.finish("complete", true, {}, 1);
  struct stat status {};
  REQUIRE(stat((folder / "run.h5").c_str(), &status) == 0);
  CHECK(status.st_blocks * 512 < status.st_size + 32768);
}
