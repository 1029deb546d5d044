#include "base/regular_file.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <fstream>

#include "base/error.hpp"
#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

using namespace lockstep;

namespace {

std::string refusal(const std::string& path) {
  try {
    open_regular_file(path);
  } catch (const Error& e) {
    CHECK(e.code() == ExitCode::bad_input);
    return e.what();
  }
  return "accepted";
}

void make_socket(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  REQUIRE(path.copy(address.sun_path, sizeof address.sun_path - 1) == path.size());
  const FileDescriptor listener(::socket(AF_UNIX, SOCK_STREAM, 0));
  REQUIRE(::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
}

}  // namespace

TEST_CASE("what is not a regular file is refused at once, by its kind") {
  const TemporaryFolder folder;
  const std::string pipe = folder / "pipe", socket = folder / "s", link = folder / "link",
                    loop = folder / "loop";
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);  // nobody writes to it: opening it the ordinary way never ends
  REQUIRE(::symlink("pipe", link.c_str()) == 0);
  REQUIRE(::symlink("loop", loop.c_str()) == 0);
  make_socket(socket);
  CHECK(refusal(pipe) == pipe + ": is a named pipe; give a regular file");
  CHECK(refusal(link) == link + ": is a named pipe; give a regular file");
  CHECK(refusal(socket) == socket + ": is a socket; give a regular file");
  CHECK(refusal(folder.path) == folder.path + ": is a folder; give a regular file");
  CHECK(refusal("/dev/zero") == "/dev/zero: is a character device; give a regular file");
  CHECK(refusal(loop) == loop + ": cannot be read: Too many levels of symbolic links");
  CHECK(refusal(folder / "none") == folder / "none: cannot be read: No such file or directory");
  CHECK(refusal("") == ": cannot be read: No such file or directory");
  CHECK_THROWS_AS(require_regular_file(pipe), Error);
  CHECK_THROWS_AS(read_regular_file(pipe, 10), Error);
}

TEST_CASE("a regular file is opened, and read up to its limit") {
  const TemporaryFolder folder;
  const std::string path = folder / "file", empty = folder / "empty";
  const std::string text = std::string(100000, 'x') + '\0' + "end";  // more than one block
  std::ofstream(path, std::ios::binary) << text;
  std::ofstream{empty};
  CHECK(open_regular_file(path).bytes == static_cast<std::int64_t>(text.size()));
  CHECK(read_regular_file(path, 1 << 20) == text);
  CHECK(read_regular_file(path, static_cast<std::int64_t>(text.size())) == text);
  CHECK(read_regular_file(empty, 0).empty());
  CHECK_THROWS_WITH(read_regular_file(path, 100),
                    path + ": is larger than 100 bytes, the limit here; give a smaller file");
  // Files of /proc say that they hold nothing.
  CHECK_FALSE(read_regular_file("/proc/self/status", 1 << 20).empty());
  CHECK_THROWS_AS(read_regular_file("/proc/self/status", 10), Error);
}

TEST_CASE("a descriptor has one owner, and closes with it") {
  const auto is_open = [](int fd) { return ::fcntl(fd, F_GETFD) >= 0; };
  int number;
  {
    FileDescriptor a(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    number = a.get();
    FileDescriptor b(std::move(a));
    CHECK(b.get() == number);
    CHECK(is_open(number));
  }
  CHECK_FALSE(is_open(number));
  FileDescriptor given(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const FileDescriptor taken(given.release());
  CHECK_FALSE(given.valid());
  CHECK(is_open(taken.get()));
}
