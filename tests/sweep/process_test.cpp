#include "apps/sweep/process.hpp"

#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "support/catch.hpp"

using namespace lockstep;

namespace {

struct Log {
  std::string path = (std::filesystem::temp_directory_path() /
                      ("lockstep_process_test_" + std::to_string(getpid()) + ".txt"))
                         .string();
  Log() { std::filesystem::remove(path); }
  ~Log() { std::filesystem::remove(path); }
  std::string text() const {
    std::ostringstream out;
    out << std::ifstream(path).rdbuf();
    return out.str();
  }
};

ProcessEnd shell(const std::string& script, const Log& log, double limit = 0) {
  return run_process({"/bin/sh", "-c", script}, log.path, limit);
}

}  // namespace

TEST_CASE("A process's end and words are known") {
  const SignalsHeld held;
  const Log log;
  const ProcessEnd end = shell("echo out; echo err >&2; exit 3", log);
  CHECK(end.exit_code == 3);
  CHECK(!end.timed_out);
  CHECK(!end.interrupted);
  CHECK(log.text() == "out\nerr\n");
  CHECK(shell("kill -9 $$", log).exit_code == 128 + 9);
  CHECK(run_process({"/no/such/program"}, log.path, 0).exit_code == 127);
  CHECK(last_words(log.path) == "/no/such/program: No such file or directory");
}

TEST_CASE("At the limit the whole group ends") {
  const SignalsHeld held;
  const Log log;
  const ProcessEnd end = shell("sleep 600 & echo $!; wait", log, 0.3);
  CHECK(end.timed_out);
  CHECK(end.exit_code == 128 + SIGTERM);
  const pid_t sleeper = std::stoi(log.text());
  bool gone = false;
  for (int tries = 0; tries < 100 && !gone; ++tries) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    gone = kill(sleeper, 0) != 0 || std::ifstream("/proc/" + std::to_string(sleeper) + "/comm").peek() == EOF;
    std::ifstream stat("/proc/" + std::to_string(sleeper) + "/stat");
    std::string word;
    stat >> word >> word >> word;
    gone = gone || word == "Z";  // nobody of ours waits for it
  }
  CHECK(gone);
}

TEST_CASE("A signal to this process ends what it runs") {
  const SignalsHeld held;
  const Log log;
  const ProcessEnd end = shell("kill -TERM $PPID; sleep 600", log);
  CHECK(end.interrupted);
  CHECK(!end.timed_out);
}

TEST_CASE("A trainer's own line says why, not the launcher's") {
  const Log log;
  std::ofstream(log.path)
      << "train_ddp: no such thing\n-----\nmpirun detected that a process exited\n-----\n";
  CHECK(last_words(log.path) == "train_ddp: no such thing");
  std::ofstream(log.path) << "bash: oops\n\n";
  CHECK(last_words(log.path) == "bash: oops");
}
