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
  contains(message("of 1 2 3\nthe 1 x 3\n"), "v.txt:2: 'x' is no number");
  contains(message("of 1 2 3\nthe 1  3\n"), "v.txt:2: '' is no number");
  contains(message("of 1 2 3\nthe 1 nan 3\n"), "'nan' is no number");
  contains(message("400000\n"), "v.txt:1");
  contains(message(""), "is empty");
  contains(input_error_of([&] { read_word_vectors(folder / "none.txt", kWords); }), "none.txt");
}
