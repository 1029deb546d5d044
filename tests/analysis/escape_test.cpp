#include "analysis/render/escape.hpp"

#include "analysis/plot/pictures.hpp"
#include "analysis/support/pictured.hpp"
#include "support/catch.hpp"

using namespace lockstep;

TEST_CASE("what is no UTF-8 is replaced, what is stays") {
  CHECK(valid_utf8("plain") == "plain");
  CHECK(valid_utf8("caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80") ==
        "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80");
  CHECK(valid_utf8("a\xff"
                   "b") ==
        "a\xef\xbf\xbd"
        "b");
  CHECK(valid_utf8("\xc3") == "\xef\xbf\xbd");                                  // cut short
  CHECK(valid_utf8("\xc0\xaf") == "\xef\xbf\xbd\xef\xbf\xbd");                  // overlong
  CHECK(valid_utf8("\xed\xa0\x80") == "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");  // a surrogate
  CHECK(valid_utf8("\xf4\x90\x80\x80").size() == 12);                           // beyond U+10FFFF
}

TEST_CASE("one line has no control character and an end") {
  CHECK(one_line("a\nb\x1b[31m") == "a\\nb\\x1b[31m");
  CHECK(one_line("abcdef", 4) == "abc\xe2\x80\xa6");
  CHECK(one_line("abcd", 4) == "abcd");
}

TEST_CASE("a spreadsheet calculates nothing of a cell, and numbers stay numbers") {
  CHECK(csv_field("plain") == "plain");
  CHECK(csv_field("a,\"b\"") == "\"a,\"\"b\"\"\"");
  CHECK(csv_field("=1+1") == "\"'=1+1\"");
  CHECK(csv_field("+cmd|'/C calc'!A0") == "\"'+cmd|'/C calc'!A0\"");
  CHECK(csv_field("-2+3") == "\"'-2+3\"");
  CHECK(csv_field("@SUM(A1)") == "\"'@SUM(A1)\"");
  CHECK(csv_field("=\"a\"") == "\"'=\"\"a\"\"\"");
  CHECK(csv_field("\xef\xbc\x9d"
                  "1") ==
        "\"'\xef\xbc\x9d"
        "1\"");  // a wide equals sign
  CHECK(csv_field("\t=1") == "\\t=1");
  CHECK(csv_field("\r=1") == "\\r=1");
  for (const char* number : {"-0.5", "+3", "-1e-3", "-inf", "1"}) CHECK(csv_field(number) == number);
  CHECK(csv_field("-") == "-");
}

TEST_CASE("JSON, Markdown and gnuplot") {
  CHECK(json_quoted("\x1b\x7f\xc2\x9b\xe2\x80\xae\xff") == "\"\\u001b\\u007f\\u009b\\u202e\xef\xbf\xbd\"");
  CHECK(json_quoted("</script>\"\\") == "\"<\\/script>\\\"\\\\\"");
  CHECK(markdown_escaped("<img src=x> `a` ![b](c) | \\<b>") ==
        "\\<img src=x> \\`a\\` !\\[b]\\(c) \\| \\\\\\<b>");
  CHECK(markdown_escaped("[a]: http://b") == "\\[a]: http://b");
  CHECK(markdown_escaped("speedup refused [x]: because") == "speedup refused [x]: because");
  CHECK(gnuplot_quoted("it's `x` \"y\"\n%s") == "'it\xe2\x80\x99s `x` \"y\"\\n%s'");
  CHECK(gnuplot_tic("100 %;") == "'100 %%;'");
}

TEST_CASE("HTML, LaTeX and file names") {
  CHECK(html_escaped("<a href='x'>&\"") == "&lt;a href=&#39;x&#39;&gt;&amp;&quot;");
  CHECK(
      html_sentence("with --set a=<b>, -- or a--b; --full") ==
      "with <span class=\"option\">--set</span> a=&lt;b&gt;, -- or a--b; <span class=\"option\">--full</span>");
  CHECK(tex_escaped("50 % of a_b & {c} \\x ~^ $") ==
        "50 \\% of a\\_b \\& \\{c\\} \\textbackslash{}x \\textasciitilde{}\\textasciicircum{} \\$");
  CHECK(file_word("ddp x2 overlap=false") == "ddp_x2_overlap_false");
  CHECK(file_word("../../etc/passwd") == "etc_passwd");
  CHECK(file_word("\xff") == "x");
  for (const char c : file_word(test::hostile_text()))
    CHECK(((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'));
}
