// Tokenizers against their definitions, written out plainly here.
#include <cctype>
#include <numeric>

#include "base/random.hpp"
#include "data/basic_english.hpp"
#include "data/support.hpp"
#include "data/text_data.hpp"
#include "data/tokenizer.hpp"

using namespace lockstep;
using namespace lockstep::test;

namespace {

std::vector<std::int32_t> encode(const TextEncoder& encoder, const std::string& text,
                                 std::size_t max_length) {
  std::vector<std::int32_t> ids(max_length + 1, 0);
  ids.back() = -7;
  encoder.encode(text, ids.data(), max_length);
  CHECK(ids.back() == -7);  // nothing is written beyond the end
  ids.pop_back();
  return ids;
}

// The definition, a byte at a time.
std::vector<std::int32_t> plain_hash(const std::string& text, std::size_t max_length,
                                     std::int64_t vocabulary) {
  std::vector<std::int32_t> ids;
  std::string word;
  for (const char c : text + " ") {
    if (c != ' ' && (c < '\t' || c > '\r')) {
      word += c;
      continue;
    }
    if (word.empty()) continue;
    std::uint32_t hash = 2166136261U;
    for (const char b : word) {
      const char lower = b >= 'A' && b <= 'Z' ? static_cast<char>(b + 32) : b;
      hash = (hash ^ static_cast<unsigned char>(lower)) * 16777619U;
    }
    ids.push_back(static_cast<std::int32_t>(1 + hash % static_cast<std::uint32_t>(vocabulary - 1)));
    word.clear();
  }
  ids.resize(max_length);
  return ids;
}

std::vector<std::string> basic_english(const std::string& text) {
  std::vector<std::string> tokens;
  std::string scratch;
  for_each_basic_english_token(text, scratch, [&](std::string_view token) { tokens.emplace_back(token); });
  return tokens;
}

}  // namespace

TEST_CASE("hash ids are FNV-1a's, and published values hold") {
  // FNV-1a 32 of "a" is 0xe40c292c, of "foobar" 0xbf9cf968 (the algorithm's own test vectors).
  const auto encoder = hash_encoder(20000);
  const auto ids = encode(*encoder, "a foobar A FooBar", 6);
  CHECK(ids == std::vector<std::int32_t>{static_cast<std::int32_t>(1 + 0xe40c292cU % 19999),
                                         static_cast<std::int32_t>(1 + 0xbf9cf968U % 19999), ids[0], ids[1],
                                         0, 0});
}

TEST_CASE("the hash of any bytes equals the definition, for any length, vocabulary and cut") {
  RandomStream random({3});
  for (int round = 0; round < 3000; ++round) {
    const std::int64_t vocabulary =
        round % 3 == 0 ? 2 : 2 + static_cast<std::int64_t>(random.below(2147483645));
    const auto encoder = hash_encoder(vocabulary);
    std::string text;
    const std::uint64_t spaces = 1 + random.below(40);
    for (std::uint64_t left = random.below(round < 100 ? 6000 : 300); left > 0; --left)
      text +=
          random.below(spaces) == 0 ? " \t\n\v\f\r"[random.below(6)] : static_cast<char>(random.below(256));
    const std::size_t max_length = random.below(round < 100 ? 1200 : 90);
    CAPTURE(round, vocabulary, max_length, text.size());
    REQUIRE(encode(*encoder, text, max_length) == plain_hash(text, max_length, vocabulary));
  }
}

TEST_CASE("the hash of long documents is what it has always been") {
  RandomStream random({11});
  std::uint64_t sum = 0;
  for (int round = 0; round < 200; ++round) {
    std::string text;
    for (std::uint64_t left = random.below(4000); left > 0; --left)
      text += random.below(7) == 0 ? ' ' : static_cast<char>(random.below(256));
    const auto encoder = hash_encoder(2 + static_cast<std::int64_t>(random.below(100000)));
    std::uint64_t place = 0;
    for (const std::int32_t id : encode(*encoder, text, random.below(900)))
      sum += ++place * static_cast<std::uint64_t>(id);
  }
  CHECK(sum == 180383655959);  // a cache written earlier still holds the same rows
}

TEST_CASE("every byte is lowered, split or kept as the definition says") {
  const auto encoder = hash_encoder(1000003);
  for (int byte = 0; byte < 256; ++byte) {
    CAPTURE(byte);
    const std::string text = std::string("ab") + static_cast<char>(byte) + "cd";
    CHECK(encode(*encoder, text, 4) == plain_hash(text, 4, 1000003));
  }
}

TEST_CASE("empty and one-word documents") {
  const auto encoder = hash_encoder(100);
  CHECK(encode(*encoder, "", 3) == std::vector<std::int32_t>{0, 0, 0});
  CHECK(encode(*encoder, " \n ", 3) == std::vector<std::int32_t>{0, 0, 0});
  CHECK(encode(*encoder, "word", 3) == plain_hash("word", 3, 100));
  CHECK(encode(*encoder, "more words than fit", 2) == plain_hash("more words", 2, 100));
  contains(input_error_of([] { hash_encoder(1); }), "data.vocabulary");
}

TEST_CASE("basic_english splits as its rules say") {
  using Tokens = std::vector<std::string>;
  CHECK(basic_english("Basic English, the FIRST one.") ==
        Tokens{"basic", "english", ",", "the", "first", "one", "."});
  CHECK(basic_english("Don't (stop)! Why?") == Tokens{"don", "'", "t", "(", "stop", ")", "!", "why", "?"});
  CHECK(basic_english("say \"hello\";now:then") == Tokens{"say", "hello", "now", "then"});
  CHECK(basic_english("a<br />b <br/> c<BR />d") == Tokens{"a", "b", "<br/>", "c", "d"});
  CHECK(basic_english("$4.50 e-mail\\tab") == Tokens{"$4", ".", "50", "e-mail\\tab"});
  CHECK(basic_english("").empty());
  CHECK(basic_english(" ;: \"\"").empty());
  CHECK(basic_english("...") == Tokens{".", ".", "."});
  CHECK(basic_english("caf\xe9 \xc3") == Tokens{"caf\xe9", "\xc3"});  // Latin-1
  CHECK(basic_english("ÄPFEL Öl, ÜBER Straße ÀÞ 3×4 ÷") ==
        Tokens{"äpfel", "öl", ",", "über", "straße", "àþ", "3×4", "÷"});
}

TEST_CASE("a vocabulary is counted from the given rows, by frequency and then spelling") {
  const std::string bytes = "1,b b b,a a\n2,c a,b d d\n1,z z z z,z z z\n";
  const CsvTable table = parse_csv(bytes, "f.csv", 0);
  const std::int64_t rows[] = {0, 1};
  const auto all = basic_english_encoder(labelled_texts(table), rows, 1, 100, 2);
  CHECK(all->vocabulary() == 6);  // padding, unknown, b (4), a (3), d (2), c (1)
  CHECK(encode(*all, "b a d c z", 7) == std::vector<std::int32_t>{2, 3, 4, 5, 1, 0, 0});
  const auto frequent = basic_english_encoder(labelled_texts(table), rows, 2, 100, 1);
  CHECK(frequent->vocabulary() == 5);
  CHECK(encode(*frequent, "b a d c z", 5) == std::vector<std::int32_t>{2, 3, 4, 1, 1});
  const auto small = basic_english_encoder(labelled_texts(table), rows, 1, 4, 1);
  CHECK(small->vocabulary() == 4);
  CHECK(encode(*small, "b a d c z", 4) == std::vector<std::int32_t>{2, 3, 1, 1});
  contains(input_error_of([&] { basic_english_encoder(labelled_texts(table), rows, 99, 100, 1); }),
           "data.min_freq");
  contains(input_error_of([&] { basic_english_encoder(labelled_texts(table), rows, 1, 2, 1); }),
           "data.vocabulary");
}

TEST_CASE("words of equal frequency stand by spelling, for any number of threads") {
  std::string bytes;
  for (int i = 0; i < 500; ++i) bytes += "1,w" + std::to_string(i * 7919 % 500) + ",x\n";
  const CsvTable table = parse_csv(bytes, "f.csv", 0);
  std::vector<std::int64_t> rows(table.rows.size());
  std::iota(rows.begin(), rows.end(), 0);
  const auto one = basic_english_encoder(labelled_texts(table), rows, 1, 1000, 1),
             four = basic_english_encoder(labelled_texts(table), rows, 1, 1000, 4);
  CHECK(encode(*one, "x w0 w1 w10 w100", 5) == std::vector<std::int32_t>{2, 3, 4, 5, 6});
  for (int i = 0; i < 500; ++i) {
    const std::string word = "w" + std::to_string(i);
    CHECK(encode(*one, word, 1) == encode(*four, word, 1));
  }
}
