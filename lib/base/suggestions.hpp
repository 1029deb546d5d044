// "Did you mean ...?": the known word that a misspelt one is nearest to. Knows nothing of configurations.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace lockstep {

// The candidate nearest to `word` by spelling (Damerau-Levenshtein) or by a shared word ("batchsize" and
// "global_batch"), comparing the last component of dotted names first; the earlier candidate of equals. Empty
// when nothing is close.
std::string nearest(std::string_view word, const std::vector<std::string>& candidates);

// "; did you mean 'x'?", or empty when nothing is close: the end of an error message.
std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace lockstep
