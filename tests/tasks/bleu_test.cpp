#include "tasks/bleu.hpp"

#include "support/catch.hpp"

using namespace lockstep;

namespace {

using Words = std::vector<std::string>;

BleuCounts count_all(const std::vector<std::pair<std::string, std::string>>& pairs) {
  BleuCounts sum;
  for (const auto& [hypothesis, reference] : pairs) sum += count_bleu(hypothesis, reference);
  return sum;
}

}  // namespace

// What sacrebleu 2.5's Tokenizer13a gives.
TEST_CASE("13a splits as sacrebleu does") {
  CHECK(tokenize_13a("Hello, world!") == Words{"Hello", ",", "world", "!"});
  CHECK(tokenize_13a("It's 3.14, not 3,000-ish.") ==
        Words{"It's", "3.14", ",", "not", "3,000", "-", "ish", "."});
  CHECK(tokenize_13a("a-b 10-12 (x) \"q\" &amp; 'tis") ==
        Words{"a-b", "10", "-", "12", "(", "x", ")", "\"", "q", "\"", "&", "'tis"});
  CHECK(tokenize_13a("Ein M\u00e4dchen, gro\u00df.. und 5.") ==
        Words{"Ein", "M\u00e4dchen", ",", "gro\u00df", ".", ".", "und", "5", "."});
  CHECK(tokenize_13a("<unk> foo/bar; e.g. U.S.A. 1.5% $3") == Words{"<", "unk", ">", "foo", "/", "bar", ";",
                                                                    "e", ".",   "g", ".",   "U", ".",   "S",
                                                                    ".", "A",   ".", "1.5", "%", "$",   "3"});
  CHECK(tokenize_13a("...") == Words{".", ".", "."});
  CHECK(tokenize_13a("a ,.b") == Words{"a", ",", ".", "b"});
  CHECK(tokenize_13a("").empty());
}

// What sacrebleu 2.5's corpus_bleu gives.
TEST_CASE("the BLEU of a corpus is sacrebleu's") {
  const BleuCounts corpus = count_all({
      {"a man in a blue shirt is standing on a ladder cleaning a window",
       "a man in a blue shirt is standing on a ladder cleaning a window ."},
      {"two dogs run .", "two dogs are running through the grass ."},
      {"a woman holds a small white dog", "a woman is holding a little white dog ."},
      {"the the the the", "the cat"},
  });
  CHECK(corpus.matches == std::array<std::int64_t, 4>{23, 16, 12, 11});
  CHECK(corpus.ngrams == std::array<std::int64_t, 4>{29, 25, 21, 17});
  CHECK(corpus.hypothesis_length == 29);
  CHECK(corpus.reference_length == 34);
  CHECK(bleu(corpus) == Approx(55.39563216814824));
  CHECK(bleu(count_all({{"a b c d e", "a b c d e f g"}})) == Approx(67.03200460356396));
}

TEST_CASE("too short, and nothing in common, score nothing") {
  CHECK(bleu(count_all({{"a b c", "a b c"}})) == 0);
  CHECK(bleu(count_all({{"two dogs run", "two cats run fast"}})) == 0);
  CHECK(bleu(count_all({{"x y", "a b"}})) == 0);
  CHECK(bleu({}) == 0);
}
