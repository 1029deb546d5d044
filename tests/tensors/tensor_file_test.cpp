// Files: whole or not there, refused at once when they are no files, and read by Python as ours.
#include "tensors/tensor_file.hpp"

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/durable_file.hpp"
#include "results/support.hpp"
#include "support/catch.hpp"
#include "tensors/support.hpp"

using namespace lockstep;

namespace {

std::string content(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

const std::string kData = "0123456789abcdef";

void write_tensors(const std::string& path) {
  write_tensor_file(path, {{"a", "F32", {2, 2}, kData}, {"b", "BOOL", {2}, std::string_view("\1\0", 2)}},
                    {{"run", "u"}});
}

std::string refusal(const std::string& path) {
  try {
    const TensorFile file(path);
    return "";
  } catch (const Error& error) {
    CHECK(error.code() == ExitCode::bad_input);
    return error.what();
  }
}

// No file may grow beyond so many bytes while this lives: writing more fails as on a full disk.
struct FileLimit {
  explicit FileLimit(rlim_t bytes) : handler(std::signal(SIGXFSZ, SIG_IGN)) {
    getrlimit(RLIMIT_FSIZE, &before);
    const rlimit limit{bytes, before.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileLimit() {
    setrlimit(RLIMIT_FSIZE, &before);
    std::signal(SIGXFSZ, handler);
  }
  rlimit before{};
  void (*handler)(int);
};

constexpr const char* kRead = R"(
import json, struct, sys, zlib
data = open(sys.argv[1], "rb").read()
(length,) = struct.unpack("<Q", data[:8])
header = json.loads(data[8 : 8 + length])
meta = header.pop("__metadata__")
assert meta["run"] == "u", meta
at = data.index(meta["header_crc32"].encode())
assert zlib.crc32(data[8:at] + b"00000000" + data[at + 8 : 8 + length]) == int(meta["header_crc32"], 16)
for name, t in header.items():
    begin, end = (8 + length + o for o in t["data_offsets"])
    assert zlib.crc32(data[begin:end]) == int(meta["crc32:" + name], 16), name
assert header["a"]["shape"] == [2, 2] and header["a"]["dtype"] == "F32", header
try:
    from safetensors import safe_open
except ImportError:
    print("without the package safetensors")
    sys.exit(0)
with safe_open(sys.argv[1], framework="numpy") as f:
    assert sorted(f.keys()) == ["a", "b"] and f.metadata()["run"] == "u"
    assert f.get_tensor("a").tobytes() == b"0123456789abcdef"
    assert f.get_tensor("b").tolist() == [True, False]
print("with the package safetensors")
)";

}  // namespace

TEST_CASE("a file is read tensor by tensor") {
  const TemporaryFolder folder;
  const std::string path = folder / "x.safetensors";
  write_tensors(path);
  const TensorFile file(path);
  REQUIRE(file.find("a") != nullptr);
  CHECK(file.find("c") == nullptr);
  std::string into(kData.size(), ' ');
  file.read(*file.find("a"), into.data());
  CHECK(into == kData);
  CHECK(file.header().texts.at("run") == "u");
  CHECK_FALSE(std::filesystem::exists(path + ".partial"));
}

TEST_CASE("a tensor that changed after it was written is found when it is read") {
  const TemporaryFolder folder;
  const std::string path = folder / "x.safetensors";
  write_tensors(path);
  std::string bytes = content(path);
  bytes[bytes.size() - 3] ^= 1;  // the last of "a"
  std::ofstream(path, std::ios::binary) << bytes;
  const TensorFile file(path);
  std::string into(kData.size(), ' ');
  CHECK_THROWS_WITH(file.read(*file.find("a"), into.data()),
                    path + ": damaged: the checksum of tensor 'a' does not match");
  std::filesystem::resize_file(path, bytes.size() - 10);
  CHECK_THROWS_WITH(file.read(*file.find("a"), into.data()), path + ": damaged: it is cut short");
}

TEST_CASE("what is not a regular file is refused at once") {
  const TemporaryFolder folder;
  write_tensors(folder / "x");
  REQUIRE(symlink((folder / "x").c_str(), (folder / "link").c_str()) == 0);
  REQUIRE(mkfifo((folder / "fifo").c_str(), 0600) == 0);
  CHECK(refusal(folder / "link") == (folder / "link") + ": is a link; name the file that it leads to");
  CHECK(refusal(folder / "fifo") == (folder / "fifo") + ": is not a regular file");
  CHECK(refusal("/dev/zero") == "/dev/zero: is not a regular file");
  CHECK(refusal(folder.path) == folder.path + ": is not a regular file");
  CHECK(refusal(folder / "none") == (folder / "none") + ": cannot be read: No such file or directory");
}

TEST_CASE("files of other programs are refused") {
  const TemporaryFolder folder;
  const std::string path = folder / "x";
  const auto refuses = [&](const std::string& bytes, const std::string& words) {
    std::ofstream(path, std::ios::binary) << bytes;
    return refusal(path).find(words) != std::string::npos;
  };
  CHECK(refuses("PK\x03\x04 and the rest of an archive", "reading one can run code"));
  CHECK(refuses("PK\x03\x04", "reading one can run code"));
  CHECK(refuses(std::string("\x80\x02}q.", 5), "damaged: it is cut short"));
  CHECK(refuses("", "damaged: it is cut short"));
  const std::string foreign = R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})";
  CHECK(refuses(length_bytes(foreign.size()) + foreign + "x",
                "damaged: its header does not begin with a checksum"));
}

TEST_CASE("a header that claims more than the file has costs no memory") {
  const TemporaryFolder folder;
  const std::string path = folder / "x";
  std::ofstream(path, std::ios::binary) << length_bytes(std::uint64_t{1} << 40);
  std::filesystem::resize_file(path, (std::uint64_t{1} << 40) + 8);  // a hole
  CHECK(refusal(path).find("damaged: its header has 1099511627776 bytes") != std::string::npos);
}

TEST_CASE("a disk that takes no more leaves the file that was there, and says why") {
  const TemporaryFolder folder;
  const std::string path = folder / "x", large(1 << 20, 'x');
  write_tensors(path);
  const std::string before = content(path);
  {
    const FileLimit limit(64 << 10);
    CHECK_THROWS_WITH(write_tensor_file(path, {{"a", "U8", {1 << 20}, large}}, {}),
                      path + ": cannot be written: File too large");
  }
  CHECK(content(path) == before);
  CHECK_FALSE(std::filesystem::exists(path + ".partial"));
  CHECK_THROWS_WITH(write_tensors(folder / "none/x"),
                    (folder / "none/x") + ": cannot be written: No such file or directory");
}

TEST_CASE("a file that is given up leaves nothing, and a link in its place is not followed") {
  const TemporaryFolder folder;
  { DurableFile(folder / "x").write("abc", 3); }
  CHECK(std::filesystem::is_empty(folder.path));
  std::ofstream(folder / "elsewhere") << "kept";
  REQUIRE(symlink((folder / "elsewhere").c_str(), (folder / "x.partial").c_str()) == 0);
  {
    DurableFile file(folder / "x");
    file.write("abc", 3);
    file.commit();
  }
  CHECK(content(folder / "x") == "abc");
  CHECK(content(folder / "elsewhere") == "kept");
}

TEST_CASE("Python reads the file") {
  const std::string python = LOCKSTEP_TEST_PYTHON;
  if (python.empty()) return;
  const TemporaryFolder folder;
  write_tensors(folder / "x");
  std::ofstream(folder / "read.py") << kRead;
  CHECK(std::system(fmt::format("'{}' '{}' '{}'", python, folder / "read.py", folder / "x").c_str()) == 0);
}
