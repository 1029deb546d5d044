#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <functional>
#include <set>
#include <stdexcept>

#include "base/digest.hpp"
#include "base/error.hpp"
#include "base/parallel_for.hpp"
#include "base/provenance.hpp"
#include "base/random.hpp"
#include "base/standard_output.hpp"
#include "support/catch.hpp"

using namespace lockstep;

TEST_CASE("a digest depends on content, length and order") {
  std::set<std::uint64_t> seen;
  for (const char* text : {"", "a", "b", "ab", "ba", "12345678", "123456789", "12345678\n"})
    seen.insert(Digest().add(text).value());
  CHECK(seen.size() == 8);
  CHECK(Digest().add("ab").value() == Digest().add("ab").value());
  CHECK(Digest().add("a").add("b").value() != Digest().add("ab").value());
}

TEST_CASE("a digest is XXH3's, seeded by what came before") {
  // Of xxhsum -H3: an empty input, and "abc".
  CHECK(Digest().add("", 0).hex() == "xxh3-2d06800538d394c2");
  CHECK(Digest().add("abc", 3).hex() == "xxh3-78af5f94892f3950");
  CHECK(Digest().add("a").value() == Digest().add("a", 1).add_value(std::size_t{1}).value());
}

TEST_CASE("digests of different functions are not compared") {
  const std::string now = Digest().add("x").hex(), before = "00112233aabbccdd";
  CHECK(comparable_digests(now, Digest().add("y").hex()));
  CHECK(comparable_digests(before, "ffeeddccbbaa9988"));
  CHECK_FALSE(comparable_digests(now, before));
  CHECK_FALSE(comparable_digests(before, now));
  CHECK(comparable_digests(now, ""));
}

TEST_CASE("flipping any bit of a block changes its digest") {
  std::string block(64, 'x');
  const std::uint64_t before = Digest().add(block).value();
  for (std::size_t i = 0; i < block.size() * 8; ++i) {
    std::string damaged = block;
    damaged[i / 8] = static_cast<char>(damaged[i / 8] ^ (1 << i % 8));
    CHECK(Digest().add(damaged).value() != before);
  }
}

TEST_CASE("a stream follows from its keys alone") {
  RandomStream a({1, 2, 3}), b({1, 2, 3}), c({1, 3, 2});
  bool differs = false;
  for (int i = 0; i < 100; ++i) {
    const std::uint64_t value = a.next();
    CHECK(value == b.next());
    differs = differs || value != c.next();
  }
  CHECK(differs);
}

TEST_CASE("uniform, bounded and normal numbers are what they say") {
  RandomStream stream({7});
  constexpr int kDraws = 40000;
  double sum = 0, normal_sum = 0, normal_squares = 0;
  std::vector<int> counts(7, 0);
  for (int i = 0; i < kDraws; ++i) {
    const double u = stream.uniform();
    REQUIRE((u >= 0 && u < 1));
    sum += u;
    ++counts[stream.below(7)];
    const double n = stream.normal();
    normal_sum += n;
    normal_squares += n * n;
  }
  CHECK(sum / kDraws == Approx(0.5).margin(0.01));
  CHECK(normal_sum / kDraws == Approx(0).margin(0.03));
  CHECK(normal_squares / kDraws == Approx(1).margin(0.04));
  for (const int count : counts) CHECK(count == Approx(kDraws / 7.0).epsilon(0.06));
}

TEST_CASE("a permutation holds every number once and differs between streams") {
  const auto order = random_permutation(1000, RandomStream({1}));
  auto sorted = order;
  std::sort(sorted.begin(), sorted.end());
  for (std::int64_t i = 0; i < 1000; ++i) CHECK(sorted[static_cast<std::size_t>(i)] == i);
  CHECK(order != random_permutation(1000, RandomStream({2})));
  CHECK(order == random_permutation(1000, RandomStream({1})));
  CHECK(random_permutation(0, RandomStream({1})).empty());
}

TEST_CASE("parallel_for covers the range once, whatever the threads") {
  for (const int threads : {0, 1, 3, 50})
    for (const std::size_t count : {0u, 1u, 7u, 1000u}) {
      std::vector<std::atomic<int>> visits(count);
      parallel_for(count, threads, [&](std::size_t begin, std::size_t end) {
        for (std::size_t i = begin; i < end; ++i) ++visits[i];
      });
      for (const auto& v : visits) CHECK(v == 1);
    }
}

TEST_CASE("parallel_for rethrows the failure of the lowest range") {
  const auto body = [](std::size_t begin, std::size_t) {
    if (begin >= 50) throw std::runtime_error("part " + std::to_string(begin / 25));
  };
  CHECK_THROWS_WITH(parallel_for(100, 4, body), "part 2");
}

TEST_CASE("errors carry their exit code, and the build says what it is") {
  CHECK(input_error("{}: {}", "file", 3).code() == ExitCode::bad_input);
  CHECK(std::string(input_error("{}: {}", "file", 3).what()) == "file: 3");
  CHECK(run_error("x").code() == ExitCode::failed);
  CHECK(errno_text(28) == "No space left on device");
  CHECK_FALSE(provenance().version.empty());
  CHECK_FALSE(provenance().compiler.empty());
}

namespace {

// What body says of a stdout that is this file; the test's own is put back. "" when it has no objection.
std::string objection(const char* path, int flags, const std::function<void()>& body) {
  std::fflush(stdout);
  const int own = dup(STDOUT_FILENO), other = open(path, flags);
  REQUIRE(other >= 0);
  dup2(other, STDOUT_FILENO);
  close(other);
  std::string said;
  try {
    body();
  } catch (const Error& error) {
    said = error.what();
    if (error.code() != ExitCode::failed) said += " (not as a failure)";
  }
  std::clearerr(stdout);
  dup2(own, STDOUT_FILENO);
  close(own);
  return said;
}

}  // namespace

TEST_CASE("a stdout that takes nothing more is an error, however late it shows") {
  const std::string long_text(100'000, '.');
  const auto write = [](const std::string& text) { return [text] { write_standard_output(text); }; };
  CHECK(objection("/dev/null", O_WRONLY, write("text")).empty());
  CHECK(objection("/dev/full", O_WRONLY, write("text")) == "stdout: No space left on device");
  CHECK(objection("/dev/full", O_WRONLY, write(long_text)) == "stdout: No space left on device");
  CHECK(objection("/dev/null", O_RDONLY, write("text")) == "stdout: Bad file descriptor");
  CHECK(objection("/dev/full", O_WRONLY, [] {
          std::fputs("printed before", stdout);
          flush_standard_output();
        }) == "stdout: No space left on device");
  // An error of an earlier write is not forgotten because the last flush had nothing to do.
  CHECK_FALSE(objection("/dev/full", O_WRONLY, [] {
                std::fputs("printed before", stdout);
                std::fflush(stdout);
                flush_standard_output();
              }).empty());
}
