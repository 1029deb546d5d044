#include "data/basic_english.hpp"

#include <utility>

namespace lockstep {

namespace {

bool separates(char c) { return c == ' ' || (c >= '\t' && c <= '\r') || c == ';' || c == ':'; }
bool stands_alone(char c) {
  return c != '\0' && std::string_view("'.,()!?").find(c) != std::string_view::npos;
}

// The second byte of a capital letter of U+00C0 to U+00DE in UTF-8, whose first is 0xC3; U+00D7 is a sign.
bool is_latin_capital(unsigned char first, unsigned char second) {
  return first == 0xC3 && second >= 0x80 && second <= 0x9E && second != 0x97;
}

// In lower case, without the double quotes: what the later rules see.
void lower_without_quotes(std::string_view text, std::string& out) {
  out.clear();
  unsigned char before = 0;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool capital = (c >= 'A' && c <= 'Z') || is_latin_capital(before, byte);
    if (c != '"') out.push_back(capital ? static_cast<char>(byte + ('a' - 'A')) : c);
    before = byte;
  }
}

class VocabularyEncoder final : public TextEncoder {
 public:
  explicit VocabularyEncoder(Vocabulary vocabulary) : vocabulary_(std::move(vocabulary)) {}
  std::int64_t vocabulary() const override { return vocabulary_.size(); }
  std::shared_ptr<const std::vector<std::string>> words() const override { return vocabulary_.words(); }
  void encode(std::string_view text, std::int32_t* out, std::size_t max_length) const override {
    std::string scratch;
    std::int32_t* const full = out + max_length;
    for_each_basic_english_token(text, scratch, [&](std::string_view word) {
      if (out != full) *out++ = vocabulary_.id_of(word);
    });
  }

 private:
  Vocabulary vocabulary_;
};

}  // namespace

void for_each_basic_english_token(std::string_view text, std::string& scratch,
                                  const std::function<void(std::string_view)>& token) {
  constexpr std::string_view kBreak = "<br />";
  lower_without_quotes(text, scratch);
  const std::string_view all = scratch;
  std::size_t begin = 0;
  const auto end_word = [&](std::size_t end) {
    if (end > begin) token(all.substr(begin, end - begin));
  };
  for (std::size_t at = 0; at < all.size();) {
    const bool alone = stands_alone(all[at]),
               line_break = all[at] == '<' && all.substr(at).starts_with(kBreak);
    if (!alone && !line_break && !separates(all[at])) {
      ++at;
      continue;
    }
    end_word(at);
    if (alone) token(all.substr(at, 1));
    at += line_break ? kBreak.size() : 1;
    begin = at;
  }
  end_word(all.size());
}

std::unique_ptr<TextEncoder> basic_english_encoder(const TextRows& texts, std::span<const std::int64_t> rows,
                                                   std::int64_t min_freq, std::int64_t max_size,
                                                   int threads) {
  const VocabularyRules rules{.min_freq = min_freq, .max_size = max_size};
  return std::make_unique<VocabularyEncoder>(count_vocabulary(texts, rows, rules, threads));
}

}  // namespace lockstep
