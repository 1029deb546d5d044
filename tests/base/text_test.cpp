#include "base/text.hpp"

#include "support/catch.hpp"

using namespace lockstep;
using namespace std::string_literals;

namespace {
const std::string kMany = "A \xc3\xbc \xe2\x82\xac \xf0\x9f\x9a\x80";  // one, two, three and four bytes
}

TEST_CASE("UTF-8 is what Unicode says it is") {
  CHECK_FALSE(invalid_utf8(kMany));
  CHECK_FALSE(invalid_utf8(""));
  CHECK(valid_utf8(kMany) == kMany);
  CHECK(code_point(kMany, 2) == 0xFC);
  CHECK(code_point(kMany, 5) == 0x20AC);
  CHECK(code_point(kMany, 9) == 0x1F680);
  for (const std::string& bad : {"\xfc"s, "\x80"s, "\xc0\xaf"s, "\xe0\x80\xaf"s, "\xed\xa0\x80"s,
                                 "\xf4\x90\x80\x80"s, "\xf5\x80\x80\x80"s, "\xe2\x82"s, "\xc3"s, "\xff"s}) {
    CAPTURE(bad.size(), static_cast<int>(bad[0]));
    CHECK(invalid_utf8("ok" + bad) == 2U);
    CHECK(valid_utf8(bad).starts_with("\xEF\xBF\xBD"));
    CHECK_FALSE(invalid_utf8(valid_utf8(bad)));
  }
  CHECK(valid_utf8("M\xfcller") == "M\xEF\xBF\xBDller");
}

TEST_CASE("what a message quotes stays on its line and moves no cursor") {
  CHECK(printable("a\nb\r\tc\x1b[2J\x7f\0"s) == "a\\nb\\r\\tc\\x1b[2J\\x7f\\x00");
  CHECK(printable("\xc2\x9b"
                  "2J") == "\\x9b2J");  // the one-character form of ESC [
  CHECK(printable("\xe2\x80\xae"
                  "gpj.exe") == "\\u202egpj.exe");  // right to left
  CHECK(printable("\xe2\x81\xa6\xe2\x81\xa9\xe2\x80\x8f\xd8\x9c\xe2\x80\xa8") ==
        "\\u2066\\u2069\\u200f\\u061c\\u2028");
  CHECK(printable("\x9b") == "\xEF\xBF\xBD");
  CHECK(printable(kMany) == kMany);
}

TEST_CASE("UTF-16 of either byte order becomes UTF-8, or is damaged") {
  CHECK(utf8_of_utf16("A\0 \0\xfc\0 \0\xac\x20 \0\x3d\xd8\x80\xde"s, false) == kMany);
  CHECK(utf8_of_utf16("\0A\0 \0\xfc\0 \x20\xac\0 \xd8\x3d\xde\x80"s, true) == kMany);
  CHECK(utf8_of_utf16("", false) == "");
  CHECK_FALSE(utf8_of_utf16("A"s, false));
  CHECK_FALSE(utf8_of_utf16("\x3d\xd8"s, false));  // half of a pair, at the end
  CHECK_FALSE(
      utf8_of_utf16("\x3d\xd8"
                    "A\0"s,
                    false));  // and before something else
  CHECK_FALSE(utf8_of_utf16("\x80\xde"s, false));
}

TEST_CASE("lines and columns are counted from one") {
  const auto at = [](std::size_t offset) {
    const TextPlace place = place_in("ab\n\ncd", offset);
    return std::pair(place.line, place.column);
  };
  CHECK(at(0) == std::pair<std::size_t, std::size_t>(1, 1));
  CHECK(at(2) == std::pair<std::size_t, std::size_t>(1, 3));
  CHECK(at(3) == std::pair<std::size_t, std::size_t>(2, 1));
  CHECK(at(5) == std::pair<std::size_t, std::size_t>(3, 2));
}
