// BLEU of a corpus (Papineni et al. 2002), as sacrebleu computes it: tokenizer 13a, n-grams up to 4,
// exponential smoothing, one reference a sentence.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace lockstep {

inline constexpr std::size_t kBleuOrder = 4;

// What adds up over sentences, and over ranks.
struct BleuCounts {
  std::array<std::int64_t, kBleuOrder> matches{}, ngrams{};  // n-grams of the hypothesis, found and in all
  std::int64_t hypothesis_length = 0, reference_length = 0;  // tokens
};

// mteval-v13a: entities unescaped, punctuation split off, case kept. Bytes beyond ASCII are letters.
std::vector<std::string> tokenize_13a(std::string_view sentence);

// Counts of one sentence, clipped to what the reference holds.
BleuCounts count_bleu(std::string_view hypothesis, std::string_view reference);
BleuCounts& operator+=(BleuCounts& sum, const BleuCounts& sentence);

// 0 to 100. 0 where no token matches.
double bleu(const BleuCounts& corpus);

}  // namespace lockstep
