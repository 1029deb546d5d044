#include "analysis/output/escape.hpp"

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
  CHECK(one_line("a\nb\tc\x7f"
                 "d\xc2\x85"
                 "e") == "a b c d e");
  CHECK(one_line("abcdef", 4) == "abc\xe2\x80\xa6");
  CHECK(one_line("abcd", 4) == "abcd");
}

TEST_CASE("HTML, LaTeX and file names") {
  CHECK(html_escaped("<a href='x'>&\"") == "&lt;a href=&#39;x&#39;&gt;&amp;&quot;");
  CHECK(tex_escaped("50 % of a_b & {c} \\x ~^ $") ==
        "50 \\% of a\\_b \\& \\{c\\} \\textbackslash{}x \\textasciitilde{}\\textasciicircum{} \\$");
  CHECK(file_word("ddp x2 overlap=false") == "ddp_x2_overlap_false");
  CHECK(file_word("../../etc/passwd") == "etc_passwd");
  CHECK(file_word("\xff") == "x");
  for (const char c : file_word(test::hostile_text()))
    CHECK(((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'));
}
