// What analyze prints for known runs, in every format, against files kept in golden/.
#include <algorithm>
#include <sstream>

#include "analysis/support/golden.hpp"
#include "analysis/support/synthetic_run.hpp"
#include "analysis/verbs/command_line.hpp"
#include "support/catch.hpp"

using namespace lockstep;
using namespace lockstep::test;

namespace {

// Of everything something: repeated and single launches, refused pairs, a run left out, one rank, an open
// budget.
Analysis varied_analysis() {
  std::vector<RunData> runs = usual_runs();
  runs.push_back(make_run({.mode = "ddp", .other = 0.3e-3}));
  runs.push_back(make_run(usual_ddp(1, 4)));
  runs.back().fingerprint = "ffffffffffffffff";
  runs.push_back(make_run(usual_ddp(1, 8)));
  for (double& v : runs.back().steps.other.values) v += 1e-3;
  runs.push_back(make_run(usual_ddp(1, 16)));
  runs.back().header.status = "interrupted";
  return analyse(runs);
}

void check_format(Format format, const std::string& name) {
  check_golden(masked_version(render(varied_analysis(), format, {})), name);
}

}  // namespace

TEST_CASE("the answer on a terminal", "[golden]") { check_format(Format::table, "answer.txt"); }
TEST_CASE("all tables on a terminal", "[golden]") {
  AnalyzeOptions options;
  options.full = true;
  check_golden(masked_version(render(varied_analysis(), Format::table, options)), "summary.txt");
}
TEST_CASE("the JSON", "[golden]") { check_format(Format::json, "summary.json"); }
TEST_CASE("the CSV", "[golden]") { check_format(Format::csv, "summary.csv"); }
TEST_CASE("the LaTeX", "[golden]") { check_format(Format::tex, "summary.tex"); }
TEST_CASE("the Markdown", "[golden]") { check_format(Format::md, "summary.md"); }

TEST_CASE("a usual summary fits on a page of 100 columns and holds no escape codes") {
  const std::string text = render(analyse(usual_runs()), Format::table, {});
  CHECK(text.find('\x1b') == std::string::npos);
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    CAPTURE(line);
    CHECK(line.size() <= 100);
  }
}

TEST_CASE("ten configurations fit on one screen, and of more the best ten are shown and the rest counted") {
  const auto with = [](int configurations) {
    std::vector<RunData> runs = {make_run({})};
    for (int i = 1; i < configurations; ++i)
      runs.push_back(make_run({.mode = "ddp", .ranks = i + 1, .forward = 10e-3 / (i + 1), .transfer = 1e-3}));
    return render(analyse(runs), Format::table, {});
  };
  const std::string ten = with(10), many = with(30);
  CHECK(std::count(ten.begin(), ten.end(), '\n') <= 24);
  CHECK(lacks(ten, "more configurations"));
  CHECK(std::count(many.begin(), many.end(), '\n') <= 25);
  CHECK((says(many, "19 more configurations.") || says(many, "20 more configurations.")));
  CHECK(says(many, "baseline"));
}

TEST_CASE("every row of the CSV has as many fields as its header") {
  std::istringstream lines(render(analyse(usual_runs()), Format::csv, {}));
  std::size_t fields = 0, rows = 0;
  for (std::string line; std::getline(lines, line); ++rows) {
    const auto commas = static_cast<std::size_t>(std::count(line.begin(), line.end(), ','));
    if (rows == 0) fields = commas;
    CHECK(commas == fields);
  }
  CHECK(rows == 3);
}
