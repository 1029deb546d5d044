// The tokenizer known as basic_english, and vocabularies counted from a training split.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "data/tokenizer.hpp"
#include "data/vocabulary.hpp"

namespace lockstep {

// Calls `token` with each token of the text: ASCII letters, and in UTF-8 those from U+00C0 to U+00DE, in
// lower case; any other byte beyond ASCII is part of a word as it is; ' . , ( ) ! ? are tokens of their own;
// " is dropped; ; : <br /> and ASCII white space separate. `scratch` holds the text meanwhile.
void for_each_basic_english_token(std::string_view text, std::string& scratch,
                                  const std::function<void(std::string_view)>& token);

// Ids: 0 padding, 1 unknown, then the words that occur at least min_freq times in the given rows, the
// frequent first and those of equal frequency by spelling, up to max_size ids in all. max_size
// >= 3.
std::unique_ptr<TextEncoder> basic_english_encoder(const TextRows& texts, std::span<const std::int64_t> rows,
                                                   std::int64_t min_freq, std::int64_t max_size, int threads);

}  // namespace lockstep
