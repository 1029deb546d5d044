// The two renderings of a document, and numbers as people read them.
#include "analysis/render/text.hpp"

#include <limits>

#include "analysis/quantities/numbers.hpp"
#include "analysis/render/json_text.hpp"
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

TEST_CASE("tables are aligned, a sentence may take the place of cells") {
  Document page;
  page.title("Two runs");
  page.heading("Time");
  page.table(
      {{"", "ms", "name"}, {{{"seq", "1.00", "a"}, ""}, {{"ddp x2"}, "speedup refused [x]: because"}}});
  page.items({"one", "two"});
  CHECK(render_text(page) ==
        "Two runs\n========\n\nTime\n            ms  name\n  seq     1.00     a\n"
        "  ddp x2  speedup refused [x]: because\n  - one\n  - two\n");
  CHECK(render_markdown(page) ==
        "# Two runs\n\n## Time\n\n|  | ms | name |\n|---|---:|---:|\n| seq | 1.00 | a |\n"
        "| ddp x2 | speedup refused [x]: because | |\n\n- one\n- two\n");
}

TEST_CASE("sentences are broken at the page's width, under their own beginning") {
  Document page;
  std::string words;
  for (int i = 0; i < 30; ++i) words += "sevenly ";
  page.items({words + "end"});
  const std::string text = render_text(page);
  CHECK(text.find("\n    sevenly") != std::string::npos);
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = text.find('\n', begin);
    CHECK(end - begin <= kPageColumns);
    begin = end + 1;
  }
}

TEST_CASE("a bar in a cell does not break a Markdown table; UTF-8 counts by code points") {
  Document page;
  page.table({{"a|b"}, {}});
  CHECK(render_markdown(page) == "| a\\|b |\n|---|\n");
  CHECK(display_width("caf\xc3\xa9") == 4);
}

TEST_CASE("strings of a document are shown in both renderings, and no cell widens a table without end") {
  Document page;
  page.title("a\x1b[2J");
  page.text("b\nc");
  page.table({{"d"}, {{{"e\x07"}, ""}, {{std::string(100'000, 'w')}, ""}}});
  page.items({"f\x9b"});
  const std::string text = render_text(page);
  for (const char* said : {"a\\x1b[2J\n========\n", "b\\nc", "e\\x07", "f\xef\xbf\xbd"})
    CHECK(text.find(said) != std::string::npos);
  CHECK(text.size() < 2000);
  CHECK(render_markdown(page).find("e\\\\x07") != std::string::npos);
}

TEST_CASE("JSON text escapes what must be escaped and has no NaN") {
  JsonText json;
  json.begin_object().key("a\"b").text("tab\t\\").key("n").number(std::numeric_limits<double>::infinity());
  json.key("list")
      .begin_list()
      .integer(1)
      .boolean(true)
      .null()
      .end_list()
      .key("none")
      .begin_list()
      .end_list();
  json.end_object();
  CHECK(json.str() ==
        "{\n  \"a\\\"b\": \"tab\\u0009\\\\\",\n  \"n\": null,\n  \"list\": [\n    1,\n    true,\n    null\n  "
        "],\n"
        "  \"none\": []\n}");
}
