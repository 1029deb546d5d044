#include "analysis/import/json_value.hpp"

#include <cmath>

#include "analysis/support/synthetic_run.hpp"
#include "base/error.hpp"
#include "support/catch.hpp"

using namespace lockstep;
using namespace lockstep::test;

namespace {

std::string complaint(const std::string& text) {
  try {
    parse_json(text, "x.json");
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("JSON is read") {
  const JsonValue v =
      parse_json(R"( {"a": [1, -2.5e3, true, null], "b": {"c": "x\n\u00e9\ud83d\ude00"}} )", "x");
  CHECK(v.find("a")->items[1].number == -2500);
  CHECK(v.find("a")->items[2].kind == JsonValue::Kind::boolean);
  CHECK(v.find("b")->find("c")->text == "x\n\xc3\xa9\xf0\x9f\x98\x80");
  CHECK(v.find("z") == nullptr);
  CHECK(std::isnan(parse_json("NaN", "x").number));
}

TEST_CASE("what is no JSON is refused with its line") {
  CHECK(says(complaint("{\n\"a\": }"), "x.json:2: not JSON: a value was expected"));
  CHECK(says(complaint("[1, 2"), "',' or ']' was expected"));
  CHECK(says(complaint("{} x"), "something follows"));
  CHECK(says(complaint(""), "not JSON"));
  CHECK(says(complaint("\"abc"), "ends in a string"));
  CHECK(says(complaint("\"\\u12\""), "four hexadecimal digits"));
  CHECK(says(complaint("\"\\q\""), "unknown escape"));
  CHECK(says(complaint(std::string(100000, '[')), "nested too deeply"));
}
