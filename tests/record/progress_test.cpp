// The log of a run on a disk that takes no more.
#include "record/progress.hpp"

#include <sys/resource.h>

#include <csignal>
#include <string>

#include "base/error.hpp"
#include "support/catch.hpp"
#include "support/child.hpp"
#include "support/temporary_folder.hpp"

using namespace lockstep;
using namespace lockstep::test;

namespace {

// In the child: files end at so many bytes, as on a disk that is full.
void limit_files(rlim_t bytes) {
  std::signal(SIGXFSZ, SIG_IGN);
  const rlimit limit{bytes, bytes};
  if (setrlimit(RLIMIT_FSIZE, &limit) != 0) _exit(99);
}

}  // namespace

TEST_CASE("A line that the disk does not take is an error that names the log") {
  const TemporaryFolder folder;
  const std::string path = folder / "log.txt";
  const Ended ended = in_child([&] {
    limit_files(200);
    Progress progress(path, true);
    try {
      for (int i = 0; i < 100; ++i) progress.line("a line of the log");
    } catch (const Error& error) {
      dprintf(STDERR_FILENO, "%s", error.what());
      _exit(static_cast<int>(error.code()));
    }
  });
  CHECK(ended.code == 1);
  CHECK(ended.errors == path + ": cannot be written: File too large");
}

TEST_CASE("What is logged on the way out does not throw") {
  const TemporaryFolder folder;
  const Ended ended = in_child([&] {
    limit_files(200);
    Progress progress(folder / "log.txt", true);
    bool taken = true;
    for (int i = 0; i < 100; ++i) taken = progress.log("a line of the log");
    _exit(taken ? 1 : 0);
  });
  CHECK(ended.code == 0);
}
