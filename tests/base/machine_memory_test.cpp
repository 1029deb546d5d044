#include "base/machine_memory.hpp"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.hpp"
#include "support/catch.hpp"

using namespace lockstep;

TEST_CASE("sizes are read at a glance") {
  CHECK(memory_text(0) == "0 B");
  CHECK(memory_text(512) == "512 B");
  CHECK(memory_text(1536) == "1.5 KiB");
  CHECK(memory_text(16.0 * (1 << 30)) == "16 GiB");
  CHECK(memory_text(4e18) == "3.64e+06 TiB");
}

TEST_CASE("what asks for more than there is is refused, infinity too") {
  CHECK_NOTHROW(require_memory(1024, 1024, "x"));
  CHECK_THROWS_WITH(require_memory(4.0 * (1 << 30), 1 << 30, "'a' and 'b'"),
                    "'a' and 'b' need 4 GiB of memory, but only 1 GiB are available; make them smaller");
  CHECK_THROWS_AS(require_memory(std::numeric_limits<double>::infinity(), INT64_MAX, "x"), Error);
}

#if !defined(__SANITIZE_ADDRESS__)  // its shadow memory takes terabytes of addresses
TEST_CASE("a limit of the process counts") {
  const std::int64_t before = machine_memory_bytes();
  CHECK(before > 64 << 20);
  const pid_t child = fork();
  if (child == 0) {
    const rlimit limit{64 << 20, RLIM_INFINITY};
    setrlimit(RLIMIT_AS, &limit);
    _exit(machine_memory_bytes() == 64 << 20 ? 0 : 1);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(status == 0);
}
#endif
