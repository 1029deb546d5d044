// A page in each format, and numbers as people read them.
#include "analysis/render/render.hpp"

#include <limits>

#include "analysis/quantities/numbers.hpp"
#include "analysis/render/json.hpp"
#include "support/catch.hpp"

using namespace lockstep;

TEST_CASE("numbers have three significant digits and no powers of ten") {
  CHECK(number(0.0012345) == "0.00123");
  CHECK(number(1.2345) == "1.23");
  CHECK(number(12.345) == "12.3");
  CHECK(number(100.0) == "100");
  CHECK(number(0.9996) == "1.00");
  CHECK(number(12345.6) == "12346");
  CHECK(number(0.0) == "0");
  CHECK(number(-1.5) == "-1.50");
  CHECK(number(std::numeric_limits<double>::quiet_NaN()) == "-");
  CHECK(number(std::optional<double>()) == "-");
  CHECK(percent(0.12345) == "12.3");
  CHECK(percent(-1e-9) == "0.0");
  CHECK(with_interval({1.42, Estimate::Bounds{1.381, 1.469}}) == "1.42 [1.38, 1.47]");
  CHECK(with_interval({0.0142, {}}, 1000) == "14.2");
}

namespace {

// A number with and without its interval, a word, nothing, and two rows that end early.
Page made_up() {
  Table table{"times",
              "Time",
              {{"group", "", ""},
               {"seconds", "s", "ms", 1000},
               {"share", "1", "%", 1, true, Style::percent},
               {"why", "", "", 1, false},
               {"name", "", "name"}}};
  table.rows = {{"seq", Estimate{1e-3, Estimate::Bounds{0.9e-3, 1.1e-3}}, 0.5, "because", "a"},
                {"ddp x1", Estimate{2e-3, {}}, Cell(), Cell(), std::int64_t{7}},
                {"ddp x2", Refused{"x", "because", "speedup"}},
                {"ddp x4", Refused{"", "no run"}}};
  return {"Two runs",     {"A lead."}, {table},
          {"one", "two"}, "Verdict",   {{"Empty", {}}, {"Last", {"three"}, false}}};
}

}  // namespace

TEST_CASE("text: tables are aligned, a sentence may take the place of cells") {
  CHECK(render_text(made_up()) ==
        "Two runs\n========\n\nVerdict\n  A lead.\n\nTime\n"
        "                         ms     %  name\n"
        "  seq     1.00 [0.90, 1.10]  50.0     a\n"
        "  ddp x1               2.00     -     7\n"
        "  ddp x2  speedup refused [x]: because\n"
        "  ddp x4  no run\n"
        "\nNotes\n  - one\n  - two\n\nLast\n  three\n");
}

TEST_CASE("Markdown of the same page") {
  CHECK(render_markdown(made_up()) ==
        "# Two runs\n\n## Verdict\n\nA lead.\n\n## Time\n\n|  | ms | % | name |\n|---|---:|---:|---:|\n"
        "| seq | 1.00 [0.90, 1.10] | 50.0 | a |\n| ddp x1 | 2.00 | - | 7 |\n"
        "| ddp x2 | speedup refused [x]: because | | |\n| ddp x4 | no run | | |\n\n"
        "## Notes\n\n- one\n- two\n\n## Last\n\nthree\n");
}

TEST_CASE("CSV of the same table: estimates have bounds, a refusal is its code") {
  CHECK(
      render_csv(made_up()) ==
      "table,group,seconds,seconds_low,seconds_high,share,why,name\n"
      "times,seq,0.001,0.0009,0.0011,0.5,because,a\ntimes,ddp x1,0.002,,,,,7\ntimes,ddp x2,refused [x],,,,,\n"
      "times,ddp x4,no run,,,,,\n");
}

TEST_CASE("JSON of the same page, and of a table in which every row has every column") {
  const Json page = Json::parse(render_json(made_up()));
  CHECK(page["lead"] == Json::array({"A lead."}));
  CHECK(page["times"][0]["seconds_high"] == 0.0011);
  CHECK(page["times"][1].dump() == R"({"group":"ddp x1","seconds":0.002,"share":null,"why":null,"name":7})");
  CHECK(page["times"][2].dump() == R"({"group":"ddp x2","refused":"x","sentence":"because"})");
  CHECK(page["units"].dump() == R"({"times.seconds":"s","times.share":"1"})");
  Table complete{.key = "g", .heading = "", .columns = {{"s", "s", "s"}}, .complete = true};
  complete.columns[0].bounds = true;
  complete.rows = {{Refused{"x", "because"}}, {Cell()}};
  CHECK(json_of(complete).dump() ==
        R"([{"s":null,"s_refused":"x","s_low":null,"s_high":null},{"s":null,"s_low":null,"s_high":null}])");
}

TEST_CASE("styles of numbers") {
  Table table{"",
              "",
              {{"a", "", "a"},
               {"b", "", "b", 1, true, Style::value},
               {"c", "", "c", 1, true, Style::marked},
               {"d", "", "d", 1, true, Style::decimals},
               {"e", "", "e", 1, true, Style::percent}}};
  const Estimate sure{1.42, Estimate::Bounds{1.381, 1.469}}, single{1.42, {}};
  table.rows = {{sure, sure, sure, 0.85, sure},
                {single, single, single, std::numeric_limits<double>::quiet_NaN(), 1e9}};
  CHECK(shown(table).rows[0].cells ==
        std::vector<std::string>{"1.42 [1.38, 1.47]", "1.42", "1.42 [1.38, 1.47]", "0.8500", "142.0"});
  CHECK(shown(table).rows[1].cells ==
        std::vector<std::string>{"1.42", "1.42", "1.42 single", "-", "100000000000.0"});
}

TEST_CASE("sentences are broken at the page's width, under their own beginning") {
  std::string words;
  for (int i = 0; i < 30; ++i) words += "sevenly ";
  const std::string text = render_text({"", {}, {}, {words + "end"}});
  CHECK(text.find("\n    sevenly") != std::string::npos);
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = text.find('\n', begin);
    CHECK(end - begin <= kPageColumns);
    begin = end + 1;
  }
}

TEST_CASE("a bar in a cell does not break a Markdown table; UTF-8 counts by code points") {
  CHECK(render_markdown({"", {}, {{"", "x", {{"a", "", "a|b"}}}}, {}}) == "## x\n\n| a\\|b |\n|---|\n");
  CHECK(display_width("caf\xc3\xa9") == 4);
}

TEST_CASE("strings of a page are shown in both renderings, and no cell widens a table without end") {
  Table table{"", "heading", {{"d", "", "d"}}};
  table.rows = {{"e\x07"}, {std::string(100'000, 'w')}};
  const Page page{"a\x1b[2J", {"b\nc"}, {table}, {"f\x9b"}};
  const std::string text = render_text(page);
  for (const char* said : {"a\\x1b[2J\n========\n", "b\\nc", "e\\x07", "f\xef\xbf\xbd"})
    CHECK(text.find(said) != std::string::npos);
  CHECK(text.size() < 2000);
  CHECK(render_markdown(page).find("e\\\\x07") != std::string::npos);
}

TEST_CASE("JSON text escapes what must be escaped and has no NaN") {
  Json json = {{"a\"b", "tab\t\\"}, {"n", std::numeric_limits<double>::infinity()}};
  json["list"] = {1, true, nullptr};
  json["none"] = Json::array();
  CHECK(json_text(json) ==
        "{\n  \"a\\\"b\": \"tab\\u0009\\\\\",\n  \"n\": null,\n  \"list\": [\n    1,\n    true,\n    null\n  "
        "],\n"
        "  \"none\": []\n}\n");
}
