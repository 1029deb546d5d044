// What is tried in a child process: what survives, what does not, and that one does not spoil the next.
#include "results/trial.hpp"

#include <unistd.h>

#include <cstdlib>
#include <stdexcept>
#include <vector>

#include "support/catch.hpp"

using namespace lockstep;

namespace {

Trials::Limits one_second(std::size_t) { return {1, 256 << 20}; }

std::vector<bool> survivors(std::size_t items, const Trials::Body& body) {
  Trials trials(items, body, one_second);
  std::vector<bool> found;
  for (std::size_t i = 0; i < items; ++i) found.push_back(trials.survived(i));
  return found;
}

}  // namespace

TEST_CASE("what returns, and what throws, survives") {
  CHECK(survivors(3, [](std::size_t i) {
          if (i == 1) throw std::runtime_error("said again in the parent");
        }) == std::vector<bool>{true, true, true});
}

TEST_CASE("what crashes or loops does not, and spoils no other") {
  CHECK(survivors(6, [](std::size_t i) {
          if (i == 1 || i == 2) std::abort();
          if (i == 4)
            for (volatile bool forever = true; forever;) {
            }
        }) == std::vector<bool>{true, false, false, true, false, true});
  CHECK(survivors(1, [](std::size_t) { _exit(3); }) == std::vector<bool>{false});
}

TEST_CASE("what writes past its memory does not, though it returns") {
  CHECK(survivors(3, [](std::size_t i) {
          std::vector<char*> pieces(40);
          for (char*& piece : pieces) piece = static_cast<char*>(std::malloc(40));
          for (std::size_t n = 0; n < pieces.size(); ++n)
            if (n != 20) std::free(pieces[n]);
          const volatile std::size_t end = i == 1 ? 200 : 40;
          for (std::size_t at = 0; at < end; ++at) static_cast<volatile char*>(pieces[20])[at] = 'x';
          std::free(pieces[20]);
        }) == std::vector<bool>{true, false, true});
}

TEST_CASE("items that nobody asks for are tried all the same") {
  Trials trials(
      4,
      [](std::size_t i) {
        if (i == 1) std::abort();
      },
      one_second);
  CHECK(trials.survived(2));
  CHECK(trials.survived(3));
}

TEST_CASE("a child that nobody waits for is ended") {
  Trials trials(
      2,
      [](std::size_t i) {
        while (i == 1) pause();
      },
      one_second);
  CHECK(trials.survived(0));
}
