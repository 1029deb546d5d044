#include "analysis/import/json_file.hpp"

#include <ctime>

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

TEST_CASE("numbers that no double holds and keys that stand twice are refused by their place") {
  CHECK(says(complaint("[\n1e999]"), "x.json:2: not JSON: number overflow"));
  CHECK(says(complaint("[\n\n-1e999]"), "x.json:3: not JSON: number overflow"));
  CHECK(parse_json("[1e-999, 123456789012345678901234567890]", "x").at(1).get<double>() ==
        123456789012345678901234567890.0);
  CHECK(says(complaint(R"({"a": 1, "b": 2, "a": 3})"), "x.json: /: the key 'a' occurs twice in one object"));
  CHECK(
      says(complaint(R"({"r": [{}, {"a": {"k": 1, "k": 1}}]})"), "x.json: /r/1/a: the key 'k' occurs twice"));
}

TEST_CASE("an object of very many keys takes time in proportion, and keeps their order") {
  std::string text = "{";
  for (int i = 0; i < 300'000; ++i)
    text += (i ? ",\"k" : "\"k") + std::to_string((i * 7919LL) % 300'000) + "\":1";
  const std::clock_t begin = std::clock();
  const Json v = parse_json(text + "}", "x");
  CHECK(static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC <
        10);  // each looked up among all: minutes
  CHECK(v.size() == 300'000);
  CHECK(std::next(v.begin()).key() == "k7919");
}
