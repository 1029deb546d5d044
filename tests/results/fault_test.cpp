// The writer is killed at any moment, or the disk fills up at any size. Each case runs in a child process
// that leaves through exit(), so that HDF5's own clean-up is seen, too.
#include <sys/resource.h>
#include <sys/wait.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <functional>
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

// Whole epochs of a run that ended so (empty: however), or a refusal; whether it was read.
bool whole_epochs(const std::string& path, const std::string& status = "running") {
  try {
    const RunData run = read_run(path);
    CHECK((status.empty() || run.header.status == status));
    CHECK(run.steps.steps() == kSteps * static_cast<std::int64_t>(run.epochs.size()));
    CHECK(run.comm.size() == 4 * run.epochs.size());
    return true;
  } catch (const Error& error) {
    CHECK(error.code() == ExitCode::bad_input);
    return false;
  }
}

// SIGKILL after so many milliseconds of writing, from when there is a file.
void kill_after(int milliseconds, const TemporaryFolder& folder, const std::function<void()>& write) {
  const pid_t child = fork();
  if (child == 0) {
    alarm(60);
    write();
    std::_Exit(0);
  }
  REQUIRE(child > 0);
  while (!std::filesystem::exists(folder / "begun")) std::this_thread::yield();
  std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
}

}  // namespace

TEST_CASE("killed at any moment, a file holds whole epochs") {
  for (int round = 0; round < 40; ++round) {
    CAPTURE(round);
    const TemporaryFolder folder;
    kill_after(3 * round, folder, [&] {
      RunWriter writer(folder / "run.h5", sample_start());
      std::ofstream(folder / "begun") << 1;
      append(writer, 100000);
    });
    CHECK(whole_epochs(folder / "run.h5.partial"));
  }
}

TEST_CASE("killed while it is closed, a file is what it was or complete") {
  for (int round = 0; round < 40; ++round) {
    CAPTURE(round);
    const TemporaryFolder folder;
    kill_after(round, folder, [&] {
      for (int file = 0; file < 1000; ++file) {
        RunWriter writer(folder / fmt::format("{}.h5", file), sample_start());
        append(writer, 2);
        std::ofstream(folder / "begun") << 1;
        writer.finish("complete", true, {}, 1);
      }
    });
    int files = 0;
    for (const auto& entry : std::filesystem::directory_iterator(folder.path)) {
      const std::string path = entry.path().string();
      CAPTURE(path);
      const bool closed = path.ends_with(".h5");
      if (!closed && !path.ends_with(".partial")) continue;
      CHECK(whole_epochs(path, closed ? "complete" : ""));
      ++files;
    }
    CHECK(files > 0);
  }
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
