#include "base/suggestions.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <limits>
#include <numeric>

namespace lockstep {

namespace {

// Lower case, with '-' read as '_': neither is a spelling mistake worth counting.
std::string folded(std::string_view word) {
  std::string out(word);
  for (char& c : out) c = c == '-' ? '_' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

struct Dotted {
  std::string prefix, last;
  explicit Dotted(const std::string& word) : last(word.substr(word.rfind('.') + 1)) {
    prefix = word.substr(0, word.size() - last.size());
  }
};

// Damerau-Levenshtein, restricted to transpositions of neighbours (optimal string alignment).
int distance(const std::string& a, const std::string& b) {
  std::vector<int> before(b.size() + 1), previous(b.size() + 1), current(b.size() + 1);
  std::iota(previous.begin(), previous.end(), 0);
  for (std::size_t i = 1; i <= a.size(); ++i) {
    current[0] = static_cast<int>(i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      current[j] = std::min({previous[j] + 1, current[j - 1] + 1, previous[j - 1] + (a[i - 1] != b[j - 1])});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        current[j] = std::min(current[j], before[j - 2] + 1);
    }
    before.swap(previous);
    previous.swap(current);
  }
  return previous[b.size()];
}

// Whether the two have a word of four letters or more in common: "batchsize" and "global_batch".
bool share_word(const std::string& a, const std::string& b) {
  for (std::size_t begin = 0; begin < b.size();) {
    const std::size_t end = std::min(b.find('_', begin), b.size());
    if (end - begin >= 4 && a.find(b.substr(begin, end - begin)) != std::string::npos) return true;
    begin = end + 1;
  }
  return false;
}

constexpr int kFar = std::numeric_limits<int>::max();

// Smaller is nearer. A letter wrong in the last component weighs as much as a wholly different prefix; a
// shared word comes after three wrong letters.
int cost(const Dotted& word, const Dotted& candidate) {
  const int prefix = std::min(distance(word.prefix, candidate.prefix), 9);
  const int letters = distance(word.last, candidate.last);
  const int allowed = std::max(1, static_cast<int>(word.last.size()) / 3);
  if (letters <= allowed && letters < static_cast<int>(word.last.size())) return 10 * letters + prefix;
  const bool shared = share_word(word.last, candidate.last) || share_word(candidate.last, word.last);
  return shared ? 35 + prefix : kFar;
}

}  // namespace

std::string nearest(std::string_view word, const std::vector<std::string>& candidates) {
  constexpr std::size_t kLongest = 100;  // nothing longer is a misspelt word
  if (word.size() > kLongest) return {};
  const Dotted wanted(folded(word));
  int best = kFar;
  std::string found;
  for (const std::string& candidate : candidates) {
    const int c = cost(wanted, Dotted(folded(candidate)));
    if (c < best) {
      best = c;
      found = candidate;
    }
  }
  return found;
}

std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates) {
  const std::string found = nearest(word, candidates);
  return found.empty() ? "" : fmt::format("; did you mean '{}'?", found);
}

}  // namespace lockstep
