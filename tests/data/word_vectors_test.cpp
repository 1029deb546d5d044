// Word vectors: which rows come out, and what is refused.
#include "data/word_vectors.hpp"

#include "data/support.hpp"

using namespace lockstep;
using namespace lockstep::test;

namespace {

const std::vector<std::string> kWords = {"<pad>", "<unk>", "the", "caf\xc3\xa9", "missing"};

}  // namespace

TEST_CASE("rows come in the order of the words, plain or compressed, and are zero where the file has none") {
  const ScratchFolder folder;
  const std::string text = "of 9 9 9\nthe 0.25 -1.5e-1 3\r\ncaf\xc3\xa9 1 2 -3\nthe 7 7 7\n. . . 1 2 3";
  for (const std::string& path : {folder.write("v.txt", text), folder.write("v.txt.gz", gzip(text))}) {
    const WordVectors vectors = read_word_vectors(path, kWords);
    CHECK(vectors.width == 3);
    CHECK(vectors.found == 2);
    CHECK(vectors.has == std::vector<std::uint8_t>{0, 0, 1, 1, 0});
    CHECK(vectors.values == std::vector<float>{0, 0, 0, 0, 0, 0, 0.25F, -0.15F, 3, 1, 2, -3, 0, 0, 0});
  }
}

TEST_CASE("a file larger than the reader's memory gives the same rows") {
  const ScratchFolder folder;
  std::string text;
  std::vector<std::string> words;
  for (int i = 0; i < 120000; ++i) {
    text += "word" + std::to_string(i) + " " + std::to_string(i) + " " + std::string(i % 30 + 1, '1') +
            ".5 0.25\n";
    if (i % 1000 == 0) words.push_back("word" + std::to_string(i));
  }
  const WordVectors vectors = read_word_vectors(folder.write("large", text), words);
  CHECK(vectors.found == 120);
  for (std::size_t i = 0; i < words.size(); ++i) {
    CHECK(vectors.values[3 * i] == static_cast<float>(1000 * i));
    CHECK(vectors.values[3 * i + 2] == 0.25F);
  }
}

TEST_CASE("a line that does not fit is named") {
  const ScratchFolder folder;
  const auto message = [&](const std::string& text) {
    return input_error_of([&] { read_word_vectors(folder.write("v.txt", text), kWords); });
  };
  contains(message("the 1 2 3\nof 1 2\n"), "v.txt:2: 2 numbers, but the first line has 3");
  contains(message("the 1 2 3\nof 1 2 3 4\n"), "v.txt:2: 4 numbers");
  contains(message("of 1 2 3\n\nthe 1 2 3\n"), "v.txt:2");
  contains(message("of 1 2 3\nthe 1 x 3\n"), "v.txt:2: 'x' is not a number");
  contains(message("of 1 2 3\nthe 1  3\n"), "v.txt:2: '' is not a number");
  for (const char* bad : {"nan", "inf", "-inf", "1e39", "-1e400", "0x10", "1,5", "+-1", "++1", "+", "1e"})
    contains(message(fmt::format("of 1 2 3\nthe 1 {} 3\n", bad)),
             fmt::format("v.txt:2: '{}' is not a number", bad));
  contains(message("400000\n"), "v.txt:1");
  contains(message("word and no numbers\n"),
           "v.txt:1: a word and two or more numbers belong here, not 'word and");
  contains(message("2 3\nthe 1 2\n"), "v.txt:2: 2 numbers, but line 1 promises 3");
  contains(message(""), "is empty");
  contains(message("19 50\n"), "is empty");
  contains(input_error_of([&] { read_word_vectors(folder / "none.txt", kWords); }), "none.txt");
}

TEST_CASE("what stands before the first word is none of it: a byte order mark, two counts") {
  const ScratchFolder folder;
  const std::string text = "the 0.25 -1.5 3\nof 9 9 9\n";
  for (const std::string start : {"\xef\xbb\xbf", "2 3\n",
                                  "\xef\xbb\xbf"
                                  "2 3\r\n",
                                  "2\t3 \n"}) {
    CAPTURE(start);
    const WordVectors vectors = read_word_vectors(folder.write("v.vec", start + text), kWords);
    CHECK(vectors.width == 3);
    CHECK(vectors.found == 1);
    CHECK(vectors.values[6] == 0.25F);
    CHECK(vectors.notes.empty());
  }
  const WordVectors cut = read_word_vectors(folder.write("v.vec", "9 3\n" + text), kWords);
  REQUIRE(cut.notes.size() == 1);
  contains(cut.notes[0], "v.vec: line 1 promises 9 words, but there are 2");
  contains(input_error_of([&] { read_word_vectors(folder.write("v.vec", "\xff\xfet\0h\0"), kWords); }),
           "UTF-16");
}

TEST_CASE("words with spaces are read over, in the first line as well; words may be numbers") {
  const ScratchFolder folder;
  const std::string path =
      folder.write("v.txt", ". . . 1 2 3\nat name@domain.com 4 5 6\n1998 7 8 9\nthe 7 8 9\n");
  const WordVectors vectors = read_word_vectors(path, {"the", ".", "at", "1998"});
  CHECK(vectors.width == 3);
  CHECK(vectors.has == std::vector<std::uint8_t>{1, 0, 0, 1});
  CHECK(vectors.values[9] == 7);
  CHECK(read_word_vectors(folder.write("v.txt", "1998 7 8 9\n"), {"1998"}).width == 3);
}

TEST_CASE("tabs separate as spaces do, a plus may stand before a number, and what is too small is 0") {
  const ScratchFolder folder;
  const auto values = [&](const std::string& line) {
    return read_word_vectors(folder.write("v.txt", line), {"the"}).values;
  };
  CHECK(values("the\t+0.5\t-1\t2\t\n") == std::vector<float>{0.5F, -1, 2});
  CHECK(values("the\t0.5 -1 2\n") == std::vector<float>{0.5F, -1, 2});
  CHECK(values("the -1.4e-46 1e-400 1e-40 -0\n") == std::vector<float>{0, 0, 1e-40F, 0});
}

TEST_CASE("of another width than the wanted one nothing is kept in memory") {
  const ScratchFolder folder;
  const WordVectors header =
      read_word_vectors(folder.write("v.vec", "2 900000000000\nthe 1 2\n"), kWords, {3, {}});
  CHECK(header.width == 900000000000);
  CHECK(header.values.empty());
  contains(input_error_of([&] { read_word_vectors(folder / "v.vec", kWords); }), "of memory");
  CHECK(read_word_vectors(folder.write("v.vec", "the 1 2\n"), kWords, {3, {}}).width == 2);
  CHECK(read_word_vectors(folder.write("v.vec", "the 1 2\n"), kWords, {2, {}}).found == 1);
}

TEST_CASE("Latin-1 words are kept as they are, with one note") {
  const ScratchFolder folder;
  const WordVectors vectors =
      read_word_vectors(folder.write("v.txt", "the 1 2\ncaf\xe9 3 4\nna\xefve 5 6\n"), {"the", "caf\xe9"});
  CHECK(vectors.found == 2);
  REQUIRE(vectors.notes.size() == 1);
  contains(vectors.notes[0], "v.txt:2: byte 0xe9 is not UTF-8");
  contains(vectors.notes[0], "iconv -f ISO-8859-1 -t UTF-8");
}

TEST_CASE("a line that is too long, and a file that holds more than it may, end the reading") {
  const ScratchFolder folder;
  const std::string line(std::size_t{17} << 20, 'x');
  contains(input_error_of([&] { read_word_vectors(folder.write("v.txt", "the 1 2\n" + line), kWords); }),
           "v.txt:2: a text of more than 16 MiB");
  const std::string path = folder.write("v.txt", "the 1 2\nof 3 4\n");
  CHECK(read_word_vectors(path, kWords, {0, 15}).found == 1);
  contains(input_error_of([&] { read_word_vectors(path, kWords, {0, 14}); }), "raise data.max_bytes");
}
