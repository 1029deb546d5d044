#include "tasks/bleu.hpp"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <map>
#include <utility>

namespace lockstep {

namespace {

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
}

bool digit(char c) { return c >= '0' && c <= '9'; }

// The class [\{-\~\[-\` -\&\(-\+\:-\@\/] of mteval-v13a: ASCII punctuation but ' , - .
bool splits_always(char c) {
  const auto u = static_cast<unsigned char>(c);
  return (u >= '{' && u <= '~') || (u >= '[' && u <= '`') || (u >= ' ' && u <= '&') ||
         (u >= '(' && u <= '+') || (u >= ':' && u <= '@') || u == '/';
}

// Puts spaces around punctuation by the four rules of mteval-v13a, one after the other.
std::string spaced(const std::string& text) {
  std::string first;
  for (const char c : text) {
    if (splits_always(c))
      first += {' ', c, ' '};
    else
      first += c;
  }
  // A period or comma that does not follow a digit, then one that does not precede one, then a dash after a
  // digit. As sacrebleu's regular expressions: pairs that a match has consumed are not looked at again.
  std::string second;
  for (std::size_t i = 0; i < first.size(); ++i) {
    const bool pair =
        i + 1 < first.size() && !digit(first[i]) && (first[i + 1] == '.' || first[i + 1] == ',');
    second += first[i];
    if (pair) second += {' ', first[++i], ' '};
  }
  std::string third;
  for (std::size_t i = 0; i < second.size(); ++i) {
    const bool pair =
        i + 1 < second.size() && (second[i] == '.' || second[i] == ',') && !digit(second[i + 1]);
    if (pair)
      third += {' ', second[i], ' ', second[i + 1]}, ++i;
    else
      third += second[i];
  }
  std::string fourth;
  for (std::size_t i = 0; i < third.size(); ++i) {
    const bool pair = i + 1 < third.size() && digit(third[i]) && third[i + 1] == '-';
    fourth += third[i];
    if (pair) fourth += {' ', third[++i], ' '};
  }
  return fourth;
}

std::vector<std::string> split_on_space(const std::string& text) {
  std::vector<std::string> words;
  std::string word;
  for (const char c : text + " ") {
    if (std::isspace(static_cast<unsigned char>(c)) == 0) {
      word += c;
    } else if (!word.empty()) {
      words.push_back(std::exchange(word, {}));
    }
  }
  return words;
}

std::map<std::vector<std::string>, std::int64_t> ngrams_of(const std::vector<std::string>& tokens,
                                                           std::size_t order) {
  std::map<std::vector<std::string>, std::int64_t> counts;
  for (std::size_t begin = 0; begin + order <= tokens.size(); ++begin) {
    const auto first = tokens.begin() + static_cast<std::ptrdiff_t>(begin);
    ++counts[{first, first + static_cast<std::ptrdiff_t>(order)}];
  }
  return counts;
}

}  // namespace

std::vector<std::string> tokenize_13a(std::string_view sentence) {
  std::string text(sentence);
  replace_all(text, "<skipped>", "");
  replace_all(text, "-\n", "");
  replace_all(text, "\n", " ");
  if (text.find('&') != std::string::npos) {
    replace_all(text, "&quot;", "\"");
    replace_all(text, "&amp;", "&");
    replace_all(text, "&lt;", "<");
    replace_all(text, "&gt;", ">");
  }
  return split_on_space(spaced(" " + text + " "));
}

BleuCounts count_bleu(std::string_view hypothesis, std::string_view reference) {
  const std::vector<std::string> said = tokenize_13a(hypothesis), meant = tokenize_13a(reference);
  BleuCounts counts;
  counts.hypothesis_length = static_cast<std::int64_t>(said.size());
  counts.reference_length = static_cast<std::int64_t>(meant.size());
  for (std::size_t n = 0; n < kBleuOrder; ++n) {
    const auto there = ngrams_of(meant, n + 1);
    for (const auto& [ngram, count] : ngrams_of(said, n + 1)) {
      const auto found = there.find(ngram);
      counts.ngrams[n] += count;
      if (found != there.end()) counts.matches[n] += std::min(count, found->second);
    }
  }
  return counts;
}

BleuCounts& operator+=(BleuCounts& sum, const BleuCounts& sentence) {
  for (std::size_t n = 0; n < kBleuOrder; ++n) {
    sum.matches[n] += sentence.matches[n];
    sum.ngrams[n] += sentence.ngrams[n];
  }
  sum.hypothesis_length += sentence.hypothesis_length;
  sum.reference_length += sentence.reference_length;
  return sum;
}

// Geometric mean of the precisions times the brevity penalty exp(1 - reference / hypothesis). The k-th order
// without a match counts as 1 / (2^k ngrams), sacrebleu's exponential smoothing.
double bleu(const BleuCounts& corpus) {
  if (corpus.matches[0] == 0) return 0;
  double log_sum = 0, smoothing = 1;
  for (std::size_t n = 0; n < kBleuOrder; ++n) {
    if (corpus.ngrams[n] == 0) return 0;
    double matches = static_cast<double>(corpus.matches[n]);
    if (corpus.matches[n] == 0) matches = 1 / (smoothing *= 2);
    log_sum += std::log(matches / static_cast<double>(corpus.ngrams[n]));
  }
  const double length = static_cast<double>(corpus.hypothesis_length),
               wanted = static_cast<double>(corpus.reference_length);
  const double brevity = length < wanted ? std::exp(1 - wanted / length) : 1;
  return 100 * brevity * std::exp(log_sum / static_cast<double>(kBleuOrder));
}

}  // namespace lockstep
