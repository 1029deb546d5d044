#include "analysis/import/json_file.hpp"

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

TEST_CASE("numbers of Python that JSON lacks are null, in strings they are text") {
  const Json v = parse_json(R"({"a": [NaN, -Infinity, Infinity, -1], "b": "NaN \" NaN \\", "c": NaN})", "x");
  CHECK(v == Json::parse(R"({"a": [null, null, null, -1], "b": "NaN \" NaN \\", "c": null})"));
}

TEST_CASE("what is no JSON is refused in one line, with its own") {
  CHECK(says(complaint("{\n\"a\": }"), "x.json:2: not JSON: syntax error"));
  CHECK(says(complaint("[NaN,\n\n1, 2"), "x.json:3: not JSON: "));
  CHECK(says(complaint("{} x"), "x.json:1: not JSON: "));
  CHECK(says(complaint("\"a\nb\""), "not JSON: "));
  for (const char* text : {"", "\"abc", "\"\\", "\"\\u12\"", "Na", "-Infinit", "\"a\nb\"", "\xff\x01"}) {
    CAPTURE(text);
    CHECK(says(complaint(text), "not JSON: "));
    CHECK(lacks(complaint(text), "\n"));
  }
  CHECK(says(complaint(std::string(100000, '[')), "nested too deeply"));
}
