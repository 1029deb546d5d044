#include "analysis/render/html.hpp"

#include <regex>

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

std::string page_of(const std::vector<RunData>& runs, std::vector<HtmlPicture> pictures = {},
                    bool dark = false) {
  const Analysis analysis = analyse(runs);
  std::vector<Page> pages;
  for (const Verb& verb : verbs())
    if (verb.tables) pages.push_back(verb.tables(analysis, {}));
  return render_html({analysis, inputs_of(analysis, runs), pages, std::move(pictures), "", dark});
}

// Names of elements whose end is missing or in the wrong place.
std::vector<std::string> badly_nested(const std::string& page) {
  std::vector<std::string> open, wrong;
  const std::string body =
      std::regex_replace(std::regex_replace(page, std::regex("<style>[^<]*</style>"), ""),
                         std::regex("<script>[^]*</script>"), "");
  const std::regex tag("<(/?)([a-z0-9]+)[^>]*>");
  for (std::sregex_iterator it(body.begin(), body.end(), tag), end; it != end; ++it) {
    const std::string name = (*it)[2];
    if (name == "meta") continue;
    if ((*it)[1] == "") {
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

TEST_CASE("the page has verdict, tables, numbers with definition and runs, commands, environment") {
  const std::string page = page_of(usual_runs(), {{"speedup", "Speedup", "caption", {"u-1"}, "<svg></svg>"}});
  CHECK(page.find("<div class=\"verdict\">") < page.find("<figure"));
  CHECK(page.find("<figure") < page.find("p50 ms"));
  CHECK(says(page,
             "<td title=\"throughput: samples / wall of a mean steady step, in samples/s\nruns seq-1-1, "
             "seq-1-2, seq-1-3\">"));
  CHECK(says(page, "mpirun -np 2 train_ddp --config"));
  CHECK(says(page, "train_seq --config"));
  CHECK(says(page, "00112233aabbccdd"));
  CHECK(says(page, "2.11.0"));
  CHECK(says(page,
             "<td class=\"text\">parallel.backend</td><td class=\"text\">self</td><td "
             "class=\"text\">mpi</td>"));
  CHECK(says(page, "<summary>POP efficiencies: 6 runs of 2 configurations</summary>"));
  CHECK(badly_nested(page).empty());
}

TEST_CASE("the page needs nothing from elsewhere") {
  const std::string page = page_of(usual_runs());
  for (const char* outside : {"http://", "https://", "src=", "@import", "url(", "<link"})
    CHECK(lacks(page, outside));
  CHECK(says(page, "default-src 'none'"));
  CHECK(lacks(page, "data-theme=\"dark\""));
  CHECK(says(page_of(usual_runs(), {}, true), "<html lang=\"en\" data-theme=\"dark\">"));
}

TEST_CASE("hostile names are shown, not obeyed") {
  const std::string page = page_of(hostile_runs());
  CHECK(lacks(page, "<script>alert"));
  CHECK(lacks(page, "</title><script"));
  CHECK(says(page, "&lt;script&gt;alert(1)&lt;/script&gt;"));
  CHECK(page.find('\xff') == std::string::npos);
  CHECK(badly_nested(page).empty());
}

TEST_CASE("an unknown section shows up: tables and items of a page") {
  HtmlWriter html(Hovers{{{"seq", "run u-1"}}});
  Table table{"new",
              "A new section",
              {{"group", "", ""}, {"speedup", "1", "speedup"}, {"new_thing", "1", "new thing"}}};
  table.rows = {{"seq", 1.5, std::int64_t{7}}, {"ddp", Refused{"x", "because"}}};
  html.body({"", {}, {table}, {"a < b"}});
  CHECK(says(html.str(), "<h2 id=\"s1\">A new section</h2>"));
  CHECK(says(html.str(), "title=\"speedup: S\nrun u-1\">1.50</td><td title=\"run u-1\">7</td>"));
  CHECK(says(html.str(), "<td class=\"text\" colspan=\"2\">refused [x]: because</td>"));
  CHECK(says(html.str(), "<li>a &lt; b</li>"));
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
