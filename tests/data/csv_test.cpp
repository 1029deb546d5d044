// Labelled CSV: what quotes and backslashes mean, and errors that name file and line.
#include "data/csv.hpp"

#include "base/random.hpp"
#include "data/support.hpp"
#include "data/text_data.hpp"

using namespace lockstep;
using namespace lockstep::test;

namespace {

struct Parsed {
  std::int32_t label;
  std::string text;
  bool operator==(const Parsed&) const = default;
};

std::vector<Parsed> parse(const std::string& bytes, std::int64_t classes = 0) {
  const CsvTable table = parse_csv(bytes, "f.csv", classes);
  std::vector<Parsed> rows;
  std::string text;
  const LabelledTexts texts = labelled_texts(table);
  for (std::int64_t row = 0; row < texts.rows; ++row) {
    texts.text(row, text);
    rows.push_back({texts.label(row) + 1, text});
  }
  return rows;
}

std::string text_of(const std::string& line) {
  const auto rows = parse(line);
  REQUIRE(rows.size() == 1);
  return rows[0].text;
}

std::string error_of(const std::string& bytes, std::int64_t classes = 0) {
  return input_error_of([&] { parse(bytes, classes); });
}

}  // namespace

TEST_CASE("title and description are joined by a space") {
  CHECK(parse("\"3\",\"A title\",\"Some, text\"\n\"1\",\"B\",\"\"\n") ==
        std::vector<Parsed>{{3, "A title Some, text"}, {1, "B "}});
}

TEST_CASE("a header, a byte order mark, CRLF, empty lines and a missing last line break change nothing") {
  const std::vector<Parsed> expected = {{1, "a b"}, {2, "c d"}};
  CHECK(parse("\"1\",\"a\",\"b\"\n\"2\",\"c\",\"d\"") == expected);
  CHECK(parse("Class Index,Title,Description\n1,a,b\n2,c,d\n") == expected);
  CHECK(parse("\xef\xbb\xbf\"Class Index\",\"Title\",\"Description\"\r\n\"1\",\"a\",\"b\"\r\n2,c,d\r\n") ==
        expected);
  CHECK(parse("\n\"1\",\"a\",\"b\"\n\n\n\"2\",\"c\",\"d\"\n\n") == expected);
}

TEST_CASE("rows of a class and one text are read, too") {
  CHECK(parse("\"5\",\"good\"\n\"1\",\"bad\"\n") == std::vector<Parsed>{{5, "good"}, {1, "bad"}});
}

TEST_CASE("quotes inside a field are doubled or escaped; other backslashes are themselves") {
  CHECK(text_of(R"("1","a ""b"" c","d")") == R"(a "b" c d)");
  CHECK(text_of(R"("1","a \"b\" c","d")") == R"(a "b" c d)");
  CHECK(text_of(R"("1","said \"b\"","d")") == R"(said "b" d)");
  CHECK(text_of(R"("1","t","said \"b\"")") == R"(t said "b")");
  CHECK(text_of(R"("1","t","of\rocketeers")") == R"(t of\rocketeers)");
  CHECK(text_of(R"("1","t","\\""Quoted"" words")") == R"(t \\"Quoted" words)");
  CHECK(text_of(R"("1","t","ends so.\")") == R"(t ends so.\)");
  CHECK(text_of(R"("1","ends so.\","d")") == R"(ends so.\ d)");
  CHECK(text_of(R"("1","t","\", he said")") == R"(t ", he said)");
  CHECK(text_of(R"("1","""","""""")") == R"(" "")");
  CHECK(text_of("\"1\",\"\",\"\"") == " ");
}

TEST_CASE("line breaks in quotes are text, and bare fields may hold quotes") {
  CHECK(text_of("\"1\",\"two\nlines\",\"d\n\"") == "two\nlines d\n");
  CHECK(text_of("1,a \"b\" c,d") == "a \"b\" c d");
}

TEST_CASE("bytes beyond ASCII are kept as they are") {
  CHECK(text_of("\"1\",\"caf\xe9\",\"\xc3\xa9\"") == "caf\xe9 \xc3\xa9");
}

TEST_CASE("any text in quotes comes back as it was, among 12,000 rows") {
  RandomStream random({7});
  const std::vector<std::string> parts = {"word ", "\n",  "\n\"1\",\"x\",\"y\"\n", "\"", ",", "\n2,a,b\n",
                                          "\\ ",   "\r\n"};
  std::string bytes;
  std::vector<Parsed> expected;
  for (int row = 0; row < 12000; ++row) {
    expected.push_back({static_cast<std::int32_t>(1 + random.below(9)), "t "});
    std::string& text = expected.back().text;
    for (std::uint64_t i = random.below(6); i > 0; --i) text += parts[random.below(parts.size())];
    text += '.';
    bytes += fmt::format("\"{}\",\"t\",\"", expected.back().label);
    for (const char c : text.substr(2)) bytes += c == '"' ? std::string("\"\"") : std::string(1, c);
    bytes += "\"\n";
  }
  CHECK(parse(bytes) == expected);
}

TEST_CASE("a wrong row is named by file and line, also behind rows of several lines and many rows") {
  const std::string good = "\"1\",\"a\nb\",\"c\"\n";
  CHECK(error_of(good + good + "\"x\",\"a\",\"b\"\n") == "f.csv:5: class 'x' is not a number");
  CHECK(error_of(good + "\"0\",\"a\",\"b\"\n") == "f.csv:3: class 0 is not between 1 and 1000000");
  CHECK(error_of(good + "\"5\",\"a\",\"b\"\n", 4) == "f.csv:3: class 5 is not between 1 and 4");
  CHECK(error_of(good + "\"-1\",\"a\",\"b\"\n", 4) == "f.csv:3: class -1 is not between 1 and 4");
  CHECK(error_of(good + "\"1\",\"a\"\n") == "f.csv:3: fewer than 3 fields");
  CHECK(error_of(good + "\"1\",\"a\",\"b\",\"c\"\n") == "f.csv:3: more than 3 fields");
  CHECK(error_of(good + "\"1\",\"a\",\"b\n") == "f.csv:3: a quote that is not closed");
  contains(error_of(good + "\"1\",\"a\"b\",\"c\"\n" + good), "f.csv:3: text after a closing quote");
  contains(error_of(good + "\"1\",\"a\",\"b\n" + good), "f.csv:3: text after a closing quote");
  contains(error_of("one field\n"), "f.csv:1: 1 field where");

  std::string many;
  for (int i = 0; i < 40000; ++i) many += i == 33333 ? "\"1\",\"t\"\n" : "\"1\",\"t\",\"some text\"\n";
  CHECK(error_of(many) == "f.csv:33334: fewer than 3 fields");
}

TEST_CASE("spaces around quotes and classes are no text; those in bare fields are") {
  CHECK(text_of("1, \"a, b\" , \"c \" \r\n") == "a, b c ");
  CHECK(text_of("\" 1 \",  \"said \\\"so\\\", twice\",  \"d\"") == "said \"so\", twice d");
  CHECK(parse("\t2 , a, b \n") == std::vector<Parsed>{{2, " a  b "}});
}

TEST_CASE("other dialects are read as meant or named, with the remedy") {
  const std::string many_cr = "1,a,b\r2,c,d\r", quoted_cr = "\"1\",\"a\",\"b\"\r\"2\",\"c\",\"d\"\r";
  for (const std::string& bytes :
       {many_cr, quoted_cr, "Class Index,T,D\r" + many_cr, std::string("1,a\r2,b\r"), "1,x,y\n" + many_cr}) {
    contains(error_of(bytes), "tr '\\r' '\\n'");
    contains(error_of(bytes), bytes.starts_with("1,x") ? "f.csv:2: " : "f.csv:1: ");
  }
  CHECK(text_of("1,a,b\r\r\n") == "a b");
  contains(error_of("1\ta\tb\n2\tc\td\n"), "1 field where a class and one or two texts belong; tabs seem");
  contains(error_of("1;a;b\n"), "semicolons seem");
  contains(error_of("4.0,a,b\n"), "f.csv:1: class '4.0' is not a whole number");
  contains(error_of("1,a,b\n4.0,a,b\n"), "f.csv:2: class '4.0' is not a whole number");
  contains(error_of(",Class Index,Title,Description\n0,3,a,b\n"), "f.csv:1: 4 fields");
  contains(error_of(",Class Index,Title,Description\n0,3,a,b\n"), "row numbers");
  contains(error_of(",label,text\n0,3,a\n"), "row numbers");
  contains(error_of("text,label\nmany words,1\n"), "class 'text' is not a number; a header must begin with");
  contains(error_of("1,a,b\n99999999999999999999999,a,b\n"),
           "f.csv:2: class 99999999999999999999999 is not between");
  contains(error_of("1,a,b\n-99999999999999999999999,a,b\n"), "is not between 1 and");
  contains(error_of("1,a,b\n0,a,b\n"), "class 0 is not between 1 and");
}

TEST_CASE("other encodings and packed files are named, with the command that converts them") {
  const auto utf16 = [](const std::string& text, bool big_endian) {
    std::string bytes;
    for (const char c : text) bytes += big_endian ? std::string{'\0', c} : std::string{c, '\0'};
    return bytes;
  };
  const std::string csv = "\"3\",\"oil\",\"price\"\n";
  contains(error_of("\xff\xfe" + utf16(csv, false)), "'f.csv' is UTF-16, not UTF-8");
  contains(error_of("\xff\xfe" + utf16(csv, false)), "iconv -f UTF-16 -t UTF-8");
  contains(error_of("\xfe\xff" + utf16(csv, true)), "iconv -f UTF-16 -t UTF-8");
  contains(error_of(utf16(csv, false)), "iconv -f UTF-16LE");
  contains(error_of(utf16(csv, true)), "iconv -f UTF-16BE");
  contains(error_of(std::string("\xff\xfe\0\0\"\0\0\0", 8)), "UTF-32");
  contains(error_of(gzip(csv)), "unpack it: gunzip");
  contains(error_of("PK\x03\x04 and so on"), "unzip");
}

TEST_CASE("no message holds control characters, and none is cut at one") {
  const std::string message = error_of(std::string("\x1b]0;title\a\0,a,b\n", 16));
  for (const char c : message) CHECK(static_cast<unsigned char>(c) >= 0x20);
  contains(message, "\\x1b]0;title\\x07\\x00' is not a number");
  CHECK(text_of(std::string("1,a\0b,c\n", 8)) == std::string("a\0b c", 5));
}

TEST_CASE("a text beyond the limit ends the reading, bare or in a quote that is not closed") {
  const std::string most(std::size_t{16} << 20, 'x');
  CHECK(text_of("1,t," + most).size() == most.size() + 2);
  contains(error_of("1,t,u\n1,t," + most + "x\n"), "f.csv:2: a text of more than 16 MiB");
  contains(error_of("1,t,u\n1,t,\"" + most + "x\"\n"), "f.csv:2: a text of more than 16 MiB");
  contains(error_of(std::string(std::size_t{64} << 20, '\0')), "f.csv:1: a text of more than 16 MiB");
}

TEST_CASE("files without rows are refused") {
  contains(error_of(""), "'f.csv' has no rows");
  contains(error_of("\n\n"), "has no rows");
  contains(error_of("Class Index,Title,Description\n"), "has no rows");
}

TEST_CASE("the line of a row is found again for messages") {
  const std::string bytes =
      "Class Index,Title,Description\n\"1\",\"a\nb\",\"c\"\n\n\"2\",\"\nd\",\"e\"\n3,f,g\n";
  const CsvTable table = parse_csv(bytes, "f.csv", 0);
  REQUIRE(table.rows.size() == 3);
  CHECK(table.line_of(0) == 2);
  CHECK(table.line_of(1) == 5);
  CHECK(table.line_of(2) == 7);
  CHECK(table.largest_label == 3);
}
