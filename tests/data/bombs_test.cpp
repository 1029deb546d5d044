// Files that are small and claim much: reading ends early, in little memory and time, with one line.
#include <sys/resource.h>
#include <sys/wait.h>

#include <cstring>

#include "data/dataset.hpp"
#include "data/idx.hpp"
#include "data/support.hpp"
#include "data/word_vectors.hpp"

using namespace lockstep;
using namespace lockstep::test;

namespace {

constexpr std::int64_t kMiB = std::int64_t{1} << 20;

// `start`, then 4 GiB of `pattern`, whose length divides 64 MiB, in 4 MB or less: members of a gzip file that
// are equal need to be packed only once.
std::string bomb(const std::string& start, const std::string& pattern) {
  std::string block;
  while (block.size() < 64 * kMiB) block += pattern;
  const std::string member = gzip(block);
  std::string packed = gzip(start);
  for (int i = 0; i < 64; ++i) packed += member;
  REQUIRE(packed.size() < 20 * kMiB);
  return packed;
}

struct Outcome {
  std::int64_t peak_growth = 0;  // bytes of memory that it took at most, beyond what was in use before
  double seconds = 0;            // of processor time: other work on the machine does not count
  std::string message;
};

std::int64_t peak_memory() {
  rusage usage{};
  REQUIRE(::getrusage(RUSAGE_SELF, &usage) == 0);
  return std::int64_t{usage.ru_maxrss} * 1024;
}

// Runs `body`, which must throw, in a child, whose peak of memory is its own.
template <typename Body>
Outcome outcome_of(Body&& body) {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    const std::int64_t before = peak_memory();
    std::string message = "accepted";
    try {
      body();
    } catch (const Error& error) {
      message = error.what();
    }
    const std::int64_t growth = peak_memory() - before;
    if (::write(ends[1], &growth, sizeof growth) < 0 || ::write(ends[1], message.data(), message.size()) < 0)
      ::_exit(1);
    ::_exit(0);
  }
  ::close(ends[1]);
  std::string bytes(1 << 16, '\0');
  std::size_t got = 0;
  for (ssize_t n = 1; n > 0; got += static_cast<std::size_t>(n))
    n = std::max<ssize_t>(::read(ends[0], bytes.data() + got, bytes.size() - got), 0);
  ::close(ends[0]);
  int status = 0;
  rusage usage{};
  REQUIRE(::wait4(child, &status, 0, &usage) == child);
  REQUIRE(status == 0);
  Outcome outcome;
  REQUIRE(got > sizeof outcome.peak_growth);
  std::memcpy(&outcome.peak_growth, bytes.data(), sizeof outcome.peak_growth);
  outcome.message = bytes.substr(sizeof outcome.peak_growth, got - sizeof outcome.peak_growth);
  outcome.seconds = static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec);
  return outcome;
}

// The file itself is mapped and counts as well; `bytes` is what is allowed beyond it.
template <typename Body>
void check_ends_early(const std::string& path, std::int64_t bytes, const std::string& words, Body&& body) {
  const Outcome outcome = outcome_of(body);
  INFO(path << ": " << outcome.message << ", " << outcome.peak_growth / kMiB << " MiB, " << outcome.seconds
            << " s");
  contains(outcome.message, words);
  CHECK(outcome.peak_growth < static_cast<std::int64_t>(std::filesystem::file_size(path)) + bytes);
  CHECK(outcome.seconds < 10);
}

}  // namespace

TEST_CASE("an IDX file is read no further than its header says, and no more is allocated than may be read") {
  const ScratchFolder folder;
  const std::string zeros(1024, '\0');
  const auto header = [](std::uint32_t n, std::uint32_t h, std::uint32_t w) {
    std::string bytes;
    for (const std::uint32_t number : {0x803U, n, h, w}) bytes.append(big_endian(number));
    return bytes;
  };
  const auto refused = [&](const std::string& start, std::int64_t bytes, const std::string& words) {
    const std::string path = folder.write("images.gz", bomb(start, zeros));
    check_ends_early(path, bytes, words, [&] { read_idx_images(path); });
  };
  refused(header(10, 28, 28), 8 * kMiB, "continues after byte");
  refused(header(4u << 20, 28, 28), 8 * kMiB, "raise data.max_bytes");
  refused(header(1, 65535, 65535), 8 * kMiB, "raise data.max_bytes");
  refused(header(0xffffffff, 65535, 65535), 8 * kMiB, "too short");
  const std::string labels =
      folder.write("labels.gz", bomb(big_endian(0x801) + big_endian(0xf0000000), zeros));
  check_ends_early(labels, 8 * kMiB, "raise data.max_bytes", [&] { read_idx_labels(labels, 10); });
}

TEST_CASE("word vectors end at a line that is too long, at a wrong width, or at the limit") {
  const ScratchFolder folder;
  const auto refused = [&](const std::string& bytes, const std::string& words) {
    const std::string path = folder.write("vectors.gz", bytes);
    check_ends_early(path, 100 * kMiB, words, [&] { read_word_vectors(path, {"the", "of"}, {2, {}}); });
  };
  refused(bomb("", std::string(1024, '\0')), "vectors.gz:1: a text of more than 16 MiB");
  refused(bomb("the 1 2\n", "0 1 0 1 "), "vectors.gz:2: a text of more than 16 MiB");
  refused(bomb("", "word 1 2"), "vectors.gz:1: a text of more than 16 MiB");
  refused(bomb("", "of 1 23\n"), "raise data.max_bytes");
}

TEST_CASE("parallel and running text end at the limit") {
  const ScratchFolder folder;
  RunConfig config;
  config.data.name = "multi30k";
  config.data.path = folder.path();
  for (const char* name :
       {"train.de", "train.en", "val.de", "val.en", "test_2016_flickr.de", "test_2016_flickr.en"})
    folder.write(name, "a b\nc d\n");
  std::filesystem::remove(folder / "train.en");
  for (const std::string& pattern :
       {std::string(1024, '\0'), std::string("a b c d\n"), std::string(1024, '\n')}) {
    const std::string path = folder.write("train.en.gz", bomb("", pattern));
    check_ends_early(path, 700 * kMiB, "raise data.max_bytes", [&] { load_data(config, 1); });
  }
  config.data.name = "text_file";
  config.data.path = folder / "train.en.gz";
  check_ends_early(config.data.path, 700 * kMiB, "raise data.max_bytes", [&] { load_data(config, 1); });
}

TEST_CASE(
    "a plain file with a hole as large as a disk is refused, and one that is its field is read no further") {
  const ScratchFolder folder;
  RunConfig config;
  config.data.name = "ag_news";
  config.data.path = folder.path();
  config.data.cache = "none";
  const std::string path = folder.write("train.csv", "1,a,b\n2,c,d\n");
  folder.write("test.csv", "1,a,b\n");
  std::filesystem::resize_file(path, std::uintmax_t{1} << 40);
  const Outcome huge = outcome_of([&] { load_data(config, 1); });
  contains(huge.message, "train.csv' is larger than 17179869184 bytes, the limit");
  CHECK(huge.peak_growth < 8 * kMiB);
  std::filesystem::resize_file(path, 100 * kMiB);
  contains(outcome_of([&] { load_data(config, 1); }).message, "train.csv:3: a text of more than 16 MiB");
}
