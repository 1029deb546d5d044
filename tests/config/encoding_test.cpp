// Files as editors on other systems save them: byte order marks, line ends, UTF-16, Latin-1.
#include "base/text.hpp"
#include "given.hpp"
#include "support/catch.hpp"

using given::kMinimal;
using given::load;
using given::refusal;
using namespace lockstep;
using namespace std::string_literals;

namespace {

// ASCII as UTF-16.
std::string utf16(const std::string& text, bool big_endian) {
  std::string out;
  for (const char c : text) out += big_endian ? "\0"s + c : c + "\0"s;
  return out;
}

std::string with_crlf(const std::string& text, const std::string& end) {
  std::string out;
  for (const char c : text) out += c == '\n' ? end : std::string(1, c);
  return out;
}

}  // namespace

TEST_CASE("a byte order mark is no part of the first key") {
  const RunConfig c = load("\xEF\xBB\xBF" + kMinimal.substr(kMinimal.find("model")));
  CHECK(c.model.name == "mlp");
  CHECK(c.given_text.starts_with("model:"));
}

TEST_CASE("UTF-16 with a mark is read, and kept as UTF-8") {
  for (const std::string& file : {"\xFF\xFE" + utf16(kMinimal, false), "\xFE\xFF" + utf16(kMinimal, true)}) {
    const RunConfig c = load(file, {"run.seed=1"});
    CHECK(c.training.epochs == 3);
    CHECK(c.given_text == kMinimal + "# --set run.seed=1\n");
    CHECK(c.place("training.epochs").ends_with(":7: 'training.epochs'"));
  }
  CHECK(refusal("\xFF\xFE" + utf16(kMinimal, false) + "x") ==
        "x.yaml: starts like UTF-16 but is damaged; save it as UTF-8");
}

TEST_CASE("other encodings are named") {
  CHECK(refusal(utf16(kMinimal, false)) ==
        "x.yaml: is UTF-16 (little-endian, without a byte order mark); save it as UTF-8");
  CHECK(refusal(utf16(kMinimal, true)) ==
        "x.yaml: is UTF-16 (big-endian, without a byte order mark); save it as UTF-8");
  CHECK(refusal("\xFF\xFE\0\0m\0\0\0"s) == "x.yaml: is UTF-32; save it as UTF-8");
  CHECK(refusal("\0\0\xFE\xFF\0\0\0m"s) == "x.yaml: is UTF-32; save it as UTF-8");
  CHECK(refusal("# f\xfcr M\xfcller\n" + kMinimal) ==
        "x.yaml:1:4: the byte 0xfc is not UTF-8; save the file as UTF-8 (it may be Latin-1)");
  CHECK(refusal(kMinimal + "run: {name: M\xfcller}\n") ==
        "x.yaml:9:14: the byte 0xfc is not UTF-8; save the file as UTF-8 (it may be Latin-1)");
  CHECK(refusal(kMinimal + "run: {name: \x93quoted\x94}\n")
            .starts_with("x.yaml:9:13: the byte 0x93"));  // Windows-1252
}

TEST_CASE("lines end in any way, and keep their numbers") {
  for (const std::string end : {"\r\n", "\r"}) {
    CHECK(load(with_crlf(kMinimal, end)).training.epochs == 3);
    CHECK(refusal(with_crlf(kMinimal + "  batchsize: 3\n", end)) ==
          "x.yaml:9: unknown key 'training.batchsize'; did you mean 'training.global_batch'?");
  }
}

TEST_CASE("control characters are refused where they stand") {
  CHECK(refusal(kMinimal + "run: {name: a\0b}\n"s) ==
        "x.yaml:9:14: contains the control character \\x00; remove it");
  CHECK(refusal("\x1b[31m" + kMinimal) == "x.yaml:1:1: contains the control character \\x1b; remove it");
  // Written out they are text, but none that a file name or a run file can hold.
  CHECK(refusal(kMinimal + "run: {name: \"a\\0b\"}\n")
            .starts_with("x.yaml:9: 'run.name' must be a text, not the text \"a\\x00b"));
  CHECK(load(kMinimal + "run: {name: \"a\\tb\"}\n").run.name == "a\tb");
}

TEST_CASE("nor may what is set have any, of which yaml-cpp reads some for ever") {
  CHECK(refusal(kMinimal, {"run.name=!\0"s}) ==
        "--set: 'run.name=!\\x00' contains a control character; remove it");
  CHECK(refusal(kMinimal, {"run.name=a\x7f"}).ends_with("contains a control character; remove it"));
}

TEST_CASE("what is set must be UTF-8, and stays a comment of the text as given") {
  CHECK(
      refusal(kMinimal, {"run.name=M\xfcller"}) ==
      "--set: 'run.name=M\xEF\xBF\xBDller' is not UTF-8; type it in a UTF-8 terminal, or give it in the file");
  CHECK(load(kMinimal, {"run.name=M\xc3\xbcller"}).run.name == "M\xc3\xbcller");
  const RunConfig c = load(kMinimal, {"run.name=\"a\n  b\""});
  CHECK(c.given_text == kMinimal + "# --set run.name=\"a\n#   b\"\n");
  CHECK(load(c.given_text).training.epochs == 3);
}
