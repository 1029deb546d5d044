#include "analysis/verbs/command_line.hpp"

#include "analysis/support/synthetic_run.hpp"
#include "analysis/verbs/verb_help.hpp"
#include "base/error.hpp"
#include "support/catch.hpp"

using namespace lockstep;

namespace {

std::string refusal(const std::vector<std::string>& arguments) {
  try {
    parse_analyze(arguments);
  } catch (const Error& error) {
    CHECK(error.code() == ExitCode::bad_input);
    return error.what();
  }
  return "accepted";
}

std::string verb_of(const AnalyzeOptions& options) { return options.verb->name; }

}  // namespace

TEST_CASE("paths alone are reported on") {
  const AnalyzeOptions o = parse_analyze({"a", "b"});
  CHECK(verb_of(o) == "report");
  CHECK(o.paths == std::vector<std::string>{"a", "b"});
  CHECK(o.format == Format::table);
  CHECK(o.baseline == Baseline::seq);
  CHECK_FALSE(o.strict);
}

TEST_CASE("the verb stands before the paths or after them") {
  CHECK(verb_of(parse_analyze({"summary", "a"})) == "summary");
  CHECK(verb_of(parse_analyze({"a", "summary"})) == "summary");
  CHECK(parse_analyze({"summary", "summary"}).paths == std::vector<std::string>{"summary"});
  CHECK(parse_analyze({"report", "a"}).paths == std::vector<std::string>{"a"});
}

TEST_CASE("flags") {
  const AnalyzeOptions o =
      parse_analyze({"--format", "json", "a", "--output=x.json", "--strict", "--baseline", "ddp1"});
  CHECK(o.format == Format::json);
  CHECK(o.output == "x.json");
  CHECK(o.strict);
  CHECK(o.baseline == Baseline::one_rank);
  CHECK(parse_analyze({"--help"}).help);
  CHECK(parse_analyze({"--version"}).version);
}

TEST_CASE("export takes its format as a word or as a flag; a folder may be called csv") {
  const AnalyzeOptions word = parse_analyze({"export", "json", "a", "--table", "comm"});
  CHECK(verb_of(word) == "export");
  CHECK(word.format == Format::json);
  CHECK(word.table == RunTable::comm);
  CHECK(word.paths == std::vector<std::string>{"a"});
  CHECK(parse_analyze({"export", "--format", "tex", "a"}).format == Format::tex);
  CHECK(parse_analyze({"export", "csv"}).paths == std::vector<std::string>{"csv"});
  CHECK(parse_analyze({"trace", "a", "--steps", "3:5"}).steps == "3:5");
  CHECK(parse_analyze({"a", "--dark"}).dark);
  CHECK(refusal({"export", "a", "--table", "x"}) == "--table x: not one of steps, epochs, comm");
}

TEST_CASE("what is wrong is said with what is right") {
  CHECK(refusal({}) == "no path given; analyze PATH... reads the runs below each PATH, see analyze --help");
  CHECK(refusal({"summary"}) == refusal({}));
  CHECK(refusal({"a", "--fromat", "md"}) == "unknown flag '--fromat'; did you mean '--format'?");
  CHECK(refusal({"a", "--format", "xml"}) == "--format xml: not one of table, json, csv, md, tex");
  CHECK(refusal({"a", "--baseline=me"}) == "--baseline me: not one of seq, ddp1");
  CHECK(refusal({"a", "--output"}) == "--output needs a value: print to FILE instead of the terminal");
  CHECK(refusal({"a", "--strict=no"}) == "--strict takes no value");
}

TEST_CASE("the help names every verb and flag") {
  const std::string help = analyze_help();
  for (const char* word : {"report", "summary", "--format F", "--output FILE", "--baseline B", "--strict",
                           "--help", "--version"})
    CHECK(help.find(word) != std::string::npos);
}

TEST_CASE("each verb has a help of its own, with its flags and an example") {
  for (const Verb& verb : verbs()) {
    const std::string help = verb_help(verb);
    CAPTURE(help);
    CHECK(help.find(std::string("Usage: analyze ") + verb.name + " ") != std::string::npos);
    CHECK(help.find("Example:\n  analyze ") != std::string::npos);
    CHECK((help.find("--link") != std::string::npos) ==
          (std::string("predict advise").find(verb.name) != std::string::npos));
  }
}

// As header or as one of a list of headers before a colon.
TEST_CASE("the help of a verb names each column that it shows") {
  const Analysis analysis = test::analyse(test::usual_runs());
  for (const Verb& verb : verbs()) {
    if (!verb.tables) continue;
    PageOptions options;
    options.ranks = {4};
    for (const Table& table : verb.tables(analysis, options).tables)
      for (const Column& column : table.columns)
        if (column.in_text && !column.header.empty()) {
          CAPTURE(verb.name, column.header);
          CHECK(verb_help(verb).find(column.header) != std::string::npos);
        }
  }
}

TEST_CASE("a verb that is misspelt is not taken for a path") {
  const auto said = [](const std::vector<std::string>& arguments) {
    try {
      require_paths(parse_analyze(arguments));
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string("accepted");
  };
  CHECK(said({"sumary", "/tmp"}) == "'sumary' is neither a path nor a verb; did you mean 'summary'?");
  CHECK(said({"/tmp", "pipline"}) == "'pipline' is neither a path nor a verb; did you mean 'pipeline'?");
  CHECK(
      said({"/tmp", "xyz"}).starts_with("'xyz' is neither a path nor a verb; the verbs are report, summary"));
  CHECK(said({"/tmp"}) == "accepted");
  CHECK(said({"summary", "absent"}) == "accepted");  // a path that is missing is said where paths are read
}

TEST_CASE("what predict, advise and diff are given") {
  const AnalyzeOptions o = parse_analyze({"predict", "a", "--ranks", "8,64,1024", "--link=200Gb:2us"});
  CHECK(verb_of(o) == "predict");
  CHECK(o.ranks == std::vector<std::int64_t>{8, 64, 1024});
  CHECK(o.link->bandwidth == Approx(25e9));
  CHECK(o.link->latency == Approx(2e-6));
  CHECK(parse_link("1.5GB:300ns").bandwidth == Approx(1.5e9));
  CHECK(parse_link("100Mb:1ms").latency == Approx(1e-3));
  CHECK(parse_analyze({"diff", "a", "b", "--threshold", "10%"}).threshold == Approx(0.1));
  CHECK(parse_analyze({"diff", "a", "b"}).threshold == Approx(0.05));
}

TEST_CASE("what they are wrongly given") {
  CHECK(refusal({"predict", "a", "--ranks", "8,x"}) == "--ranks x: not a whole number from 1 to 1000000");
  CHECK(refusal({"predict", "a", "--ranks", "0"}) == "--ranks 0: not a whole number from 1 to 1000000");
  for (const char* link : {"200Gb", "200:2us", "fast:2us", "200Gb:2", "0Gb:2us", "200Gb:-1us", "200Gb:2us "})
    CHECK(refusal({"predict", "a", "--link", link}) ==
          std::string("--link ") + link +
              ": not bandwidth and latency, for example 200Gb:2us (Gb, Mb, GB, MB; ns, us, ms, s)");
  CHECK(refusal({"diff", "a", "b", "--threshold", "much"}) ==
        "--threshold much: not a number from 0 to 1000000");
  CHECK(refusal({"diff", "a"}) == "diff compares the runs below two paths, 1 given: analyze diff A B");
}
