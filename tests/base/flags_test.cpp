#include "base/flags.hpp"

#include "support/catch.hpp"

using namespace lockstep;

namespace {

struct Options {
  std::string output;
  std::vector<std::string> sets;
  std::int64_t ranks = 0;
  bool quiet = false;
};
constexpr Flag<Options> kFlags[] = {
    {"--output", "DIR", "where it goes", [](Options& o, const FlagValue& v) { o.output = v.text; }},
    {"--set", "K=V", "a key", [](Options& o, const FlagValue& v) { o.sets.push_back(v.text); }, true},
    {"--ranks", "N", "how many", [](Options& o, const FlagValue& v) { o.ranks = whole_number(v, 1, 64); }},
    {"--quiet", nullptr, "no words", [](Options& o, const FlagValue&) { o.quiet = true; }},
};

std::string refusal(const std::vector<std::string>& arguments) {
  Options options;
  try {
    parse_flags<Options>(kFlags, arguments, "program", options);
  } catch (const Error& error) {
    return error.code() == ExitCode::bad_input ? error.what() : "another exit code";
  }
  return "accepted";
}

}  // namespace

TEST_CASE("flags and words in any order, values with a space or an equals sign") {
  Options o;
  const auto words = parse_flags<Options>(
      kFlags, {"a", "--output", "-x", "--set=k=[1, 2]", "b", "--quiet", "--set", "", "--", "--quiet"},
      "program", o);
  CHECK(words == std::vector<std::string>{"a", "b", "--quiet"});
  CHECK(o.output == "-x");
  CHECK(o.sets == std::vector<std::string>{"k=[1, 2]", ""});
  CHECK(o.quiet);
}

TEST_CASE("what is wrong with a flag is said in one line") {
  CHECK(refusal({"--ouput", "x"}) == "unknown flag '--ouput'; did you mean '--output'?");
  CHECK(refusal({"--outp", "x"}) == "unknown flag '--outp'; did you mean '--output'?");
  CHECK(refusal({"--banana"}) == "unknown flag '--banana'; see program --help");
  CHECK(refusal({"-q"}) == "unknown flag '-q'; see program --help");
  CHECK(refusal({"--output"}) == "--output needs a value: where it goes");
  CHECK(refusal({"--output="}) == "--output needs a value: where it goes");
  CHECK(refusal({"--output", "--quiet"}) == "--output needs a value: where it goes");
  CHECK(refusal({"--quiet=1"}) == "--quiet takes no value");
  CHECK(refusal({"--output", "a", "--output=b"}) == "--output is given twice");
  for (const char* text : {"0", "65", "-1", "4x", "1e1", " 4", "", "99999999999999999999"})
    CHECK(refusal({"--ranks", text}) == std::string("--ranks ") + text + ": not a whole number from 1 to 64");
}

TEST_CASE("numbers, lists and choices") {
  CHECK(real_number({"--x", "2.5"}, 0, 3) == 2.5);
  for (const char* text : {"nan", "inf", "3.5", "-0.1", "1 "})
    CHECK_THROWS_AS(real_number({"--x", text}, 0, 3), Error);
  CHECK(listed("a,,b") == std::vector<std::string>{"a", "", "b"});
  CHECK(listed("") == std::vector<std::string>{""});
  constexpr Choice<int> kRows[] = {{"one", 1}, {"two", 2}};
  CHECK(chosen(kRows, {"--x", "two"}).value == 2);
  CHECK_THROWS_WITH(chosen(kRows, {"--x", "tw"}), "--x tw: not one of one, two");
}

TEST_CASE("the help has a line a flag, meanings in one column") {
  CHECK(
      flag_lines(flag_texts<Options>(kFlags)) ==
      "  --output DIR  where it goes\n  --set K=V     a key\n  --ranks N     how many\n  --quiet       no words\n");
}
