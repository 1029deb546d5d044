// Runs what ends its process, in a child of its own: how that ends, and what it says. Before threads are
// started.
#pragma once

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <functional>
#include <string>
#include <utility>

namespace lockstep::test {

struct Ended {
  int code = -1;       // of the exit; -1: a signal ended it
  std::string errors;  // what was written to stderr
};

// A running child. patience: seconds after which SIGALRM ends it.
class Child {
 public:
  explicit Child(const std::function<void()>& body, unsigned patience = 60) {
    int ends[2];
    if (pipe(ends) != 0 || (pid_ = fork()) < 0) std::abort();
    if (pid_ == 0) {
      alarm(patience);
      dup2(ends[1], STDERR_FILENO);
      close(ends[0]);
      close(ends[1]);
      body();
      _exit(0);
    }
    close(ends[1]);
    errors_ = ends[0];
  }
  ~Child() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      end();
    }
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  pid_t pid() const { return pid_; }
  // Waits for its end.
  Ended end() {
    Ended result;
    char buffer[4096];
    for (ssize_t n = 0; (n = read(errors_, buffer, sizeof buffer)) > 0;)
      result.errors.append(buffer, static_cast<std::size_t>(n));
    close(errors_);
    int status = 0;
    waitpid(std::exchange(pid_, 0), &status, 0);
    if (WIFEXITED(status)) result.code = WEXITSTATUS(status);
    return result;
  }

 private:
  pid_t pid_ = 0;
  int errors_ = -1;
};

inline Ended in_child(const std::function<void()>& body) { return Child(body).end(); }

}  // namespace lockstep::test
