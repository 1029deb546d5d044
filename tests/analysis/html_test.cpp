#include "analysis/render/html.hpp"

#include <algorithm>
#include <cctype>

#include "analysis/render/html_writer.hpp"
#include "analysis/render/render.hpp"
#include "analysis/support/golden.hpp"
#include "analysis/support/pictured.hpp"
#include "analysis/tables/definitions.hpp"
#include "analysis/tables/group_columns.hpp"
#include "analysis/tables/summary.hpp"
#include "analysis/verbs/verbs.hpp"
#include "support/catch.hpp"

using namespace lockstep;
using namespace lockstep::test;

namespace {

std::string page_of(const std::vector<RunData>& runs, bool dark = false) {
  const Analysis analysis = analyse(runs);
  const std::vector<PictureInput> inputs = inputs_of(analysis, runs);
  const std::vector<DrawnPicture> pictures = draw_pictures(inputs);
  std::vector<HtmlReport::VerbPage> pages;
  for (const Verb& verb : verbs())
    if (verb.tables) pages.push_back({verb.name, verb.tables(analysis, {})});
  return render_html({analysis, inputs, pictures, std::move(pages), {}, dark});
}

std::size_t count_of(const std::string& text, const std::string& words) {
  std::size_t count = 0;
  for (std::size_t at = text.find(words); at != std::string::npos; at = text.find(words, at + words.size()))
    ++count;
  return count;
}

// What the page says, without its style and its scripts. By hand: std::regex calls itself for every character.
std::string body_of(std::string page) {
  const auto cut = [&](std::size_t from, std::size_t to) {
    if (from < to && to != std::string::npos) page.erase(from, to - from);
  };
  while (page.find("<style>") < page.find("</style>")) cut(page.find("<style>"), page.find("</style>") + 8);
  cut(page.find("<script>"), page.rfind("</script>") + 9);
  return page;
}

// Names of elements whose end is missing or in the wrong place.
std::vector<std::string> badly_nested(const std::string& page) {
  std::vector<std::string> open, wrong;
  const std::string body = body_of(page);
  for (std::size_t at = body.find('<'), stop = 0; at != std::string::npos; at = body.find('<', stop)) {
    stop = std::min(body.find('>', at), body.size());
    const std::string tag = body.substr(at + 1, stop - at - 1);
    const bool closes = tag.starts_with("/");
    const std::size_t begin = closes ? 1 : 0;
    std::size_t end = begin;
    while (end < tag.size() && std::isalnum(static_cast<unsigned char>(tag[end]))) ++end;
    const std::string name = tag.substr(begin, end - begin);
    if (name.empty() || name == "meta" || tag.ends_with("/")) continue;
    if (!closes) {
      open.push_back(name);
    } else if (open.empty() || open.back() != name) {
      wrong.push_back(name);
    } else {
      open.pop_back();
    }
  }
  wrong.insert(wrong.end(), open.begin(), open.end());
  return wrong;
}

}  // namespace

TEST_CASE("the answer comes first: its title, why, what next, and the one table; then sections") {
  const std::string page = page_of(usual_runs());
  const std::string title = "ddp x2 pays: 1.66x (";
  CHECK(says(page, "<title>" + title));
  CHECK(says(page, "<h1>" + title));
  CHECK(says(page, "the all-reduces themselves.</h1>"));
  const std::size_t why = page.find("<b>Why</b>"), next = page.find("<b>Next</b>"),
                    table = page.find("class=\"overview\""), sections = page.find("<nav "),
                    picture = page.find("<figure");
  CHECK(page.find("<h1>") < why);
  CHECK(why < next);
  CHECK(next < table);
  CHECK(table < sections);
  CHECK(sections < picture);
  CHECK(says(page, "<span class=\"word pays\">pays</span>"));
  CHECK(says(page, "<span class=\"word baseline\">baseline</span>"));
  for (const char* section : {"scaling", "time", "communication", "ranks", "learning", "runs", "method"}) {
    CAPTURE(section);
    CHECK(says(page, std::string("<a href=\"#") + section + "\">"));
    CHECK(says(page, std::string("<section id=\"") + section + "\""));
  }
  CHECK(lacks(page, "<section id=\"pipeline\""));  // no run is one
  CHECK(badly_nested(page).empty());
}

TEST_CASE("the page has numbers with their definitions, commands, environment, and says each run once") {
  const std::string page = page_of(usual_runs()), body = body_of(page);
  CHECK(says(page, "title=\"throughput: "));
  CHECK(says(page, "mpirun -np 2 train_ddp --config"));
  CHECK(says(page, "train_seq --config"));
  CHECK(says(page, "00112233aabbccdd"));
  CHECK(says(page, "2.11.0"));
  CHECK(says(page, ">parallel.backend</button>"));
  CHECK(says(page, "efficiencies: 6 runs of 2 configurations</summary>"));
  CHECK(count_of(body, "<td class=\"text\">ddp-2-1</td>") == 1);
  CHECK(says(body, "<tr class=\"run\" data-g=\"1\">"));
}

TEST_CASE("the first use of a term links to its definition, which is there") {
  const std::string page = body_of(page_of(usual_runs()));
  for (const GlossaryTerm& term : kGlossary) {
    CAPTURE(term.word);
    const std::string id = std::string("def-") + term.metric;
    CHECK(count_of(page, "href=\"#" + id + "\"") == 1);
    CHECK(count_of(page, "<tr id=\"" + id + "\">") == 1);
  }
}

TEST_CASE("the page needs nothing from elsewhere") {
  const std::string page = page_of(usual_runs());
  for (const char* outside : {"http://", "https://", "src=", "@import", "url(", "<link"})
    CHECK(lacks(page, outside));
  CHECK(says(page, "default-src 'none'"));
  CHECK(lacks(page, "data-theme=\"dark\""));
  CHECK(says(page_of(usual_runs(), true), "<html lang=\"en\" data-theme=\"dark\">"));
}

TEST_CASE("hostile names are shown, not obeyed") {
  const std::string page = page_of(hostile_runs());
  CHECK(lacks(page, "<script>alert"));
  CHECK(lacks(page, "</title><script"));
  CHECK(says(page, "&lt;script&gt;alert(1)&lt;/script&gt;"));
  CHECK(page.find('\xff') == std::string::npos);
  CHECK(badly_nested(page).empty());
}

TEST_CASE("an unknown table shows up, with the numbers of its groups and its definitions") {
  HtmlWriter html(GroupNumbers{{"seq", "7"}});
  Table table{"new",
              "A new section",
              {{"group", "", ""}, {"speedup", "1", "speedup"}, {"new_thing", "1", "new thing"}}};
  table.rows = {{"seq", 1.5, std::int64_t{7}}, {"ddp", Refused{"x", "because"}}};
  html.body({"", {}, {table}, {"a < b"}});
  CHECK(says(html.str(), "<h3>A new section</h3>"));
  CHECK(says(html.str(), "title=\"" + definition_of("speedup")));
  CHECK(says(html.str(), "<tr data-g=\"7\"><td>seq</td><td>1.50</td><td>7</td>"));
  CHECK(says(html.str(), "<td class=\"text\" colspan=\"2\">refused [x]: because</td>"));
  CHECK(says(html.str(), "<li>a &lt; b</li>"));
}

TEST_CASE("three hundred runs: a page of a few megabytes, and what pictures leave out is said") {
  std::vector<RunData> runs;
  for (int seed = 1; seed <= 3; ++seed) {
    runs.push_back(make_run({.seed = seed}));
    for (int i = 0; i < 99; ++i) {
      runs.push_back(make_run({.mode = "ddp",
                               .ranks = 2 + i % 3,
                               .seed = seed,
                               .forward = 6e-3 + 1e-5 * i,
                               .transfer = 1e-3,
                               .jitter = 0.01}));
      runs.back().settings["parallel.bucket_mb"] = std::to_string(i);
      runs.back().header.uuid += "-" + std::to_string(i);
    }
  }
  const std::string page = page_of(runs), body = body_of(page);
  CHECK(page.size() < 5'000'000);
  CHECK(says(body, "300 runs of 100 configurations"));
  CHECK(count_of(body, "<tr class=\"row\"") == 100);
  CHECK(count_of(body, "<tr class=\"run\"") == 300);
  CHECK(says(body, "Values of the first 24 of 100 configurations"));
}

TEST_CASE("every metric has a definition, and so has every metric that a column is said to show") {
  for (const GroupColumn& c : group_columns()) {
    CAPTURE(c.column.key);
    CHECK_FALSE(definition_of(c.column.key).empty());
  }
  CHECK(definition_of("nonsense").empty());
  CHECK(definition_of("incomplete-run").empty());
  const Analysis analysis = analyse(usual_runs());
  std::vector<Page> pages = {summary_page(analysis)};
  for (const Verb& verb : verbs())
    if (verb.tables) pages.push_back(verb.tables(analysis, {}));
  int known = 0;
  for (const Page& page : pages)
    for (const Table& table : page.tables)
      for (const Column& column : table.columns) {
        if (column.definition.empty() || column.definition == "-") continue;
        CAPTURE(table.key, column.header, column.definition);
        CHECK_FALSE(definition_of(column.definition).empty());
        ++known;
      }
  CHECK(known > 60);
}

TEST_CASE("what a number means is said of the column, not of a namesake") {
  const std::string page = page_of(usual_runs());
  CHECK(lacks(page, "<th scope=\"col\" title=\"data: "));  // the data set, not a step's time in the loader
  CHECK(says(page, "<th scope=\"col\" title=\"budget_data: "));
}

TEST_CASE("the summary table as LaTeX", "[golden]") {
  check_golden(render_tex(short_tables(analyse(usual_runs()))), "table.tex");
  const std::string hostile = render_tex(short_tables(analyse(hostile_runs())));
  CHECK(lacks(hostile, "\\input"));
  CHECK(says(hostile, "\\textbackslash{}input"));
}
