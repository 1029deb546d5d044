#include "analysis/output/escape.hpp"

#include <cctype>
#include <map>

namespace lockstep {

namespace {

constexpr const char* kReplacement = "\xEF\xBF\xBD";

unsigned byte_at(const std::string& text, std::size_t at) {
  return at < text.size() ? static_cast<unsigned char>(text[at]) : 0U;
}

// Bytes of the well-formed sequence that begins here (Unicode 15, table 3-7); 0: there is none.
std::size_t sequence_length(const std::string& text, std::size_t at) {
  const unsigned lead = byte_at(text, at), second = byte_at(text, at + 1);
  if (lead < 0x80) return 1;
  const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4) return 0;
  if ((lead == 0xE0 && second < 0xA0) || (lead == 0xED && second > 0x9F)) return 0;
  if ((lead == 0xF0 && second < 0x90) || (lead == 0xF4 && second > 0x8F)) return 0;
  for (std::size_t i = 1; i < length; ++i)
    if ((byte_at(text, at + i) & 0xC0U) != 0x80U) return 0;
  return length;
}

std::string replaced(const std::string& text, const std::map<char, const char*>& replacements) {
  std::string out;
  for (const char c : text) {
    const auto found = replacements.find(c);
    if (found == replacements.end())
      out += c;
    else
      out += found->second;
  }
  return out;
}

}  // namespace

std::string valid_utf8(const std::string& text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = sequence_length(text, at);
    out += length ? text.substr(at, length) : kReplacement;
    at += length ? length : 1;
  }
  return out;
}

std::string one_line(const std::string& text, std::size_t columns) {
  const std::string valid = valid_utf8(text);
  std::string out;
  std::size_t taken = 0;
  for (std::size_t at = 0; at < valid.size(); ++taken) {
    const std::size_t length = sequence_length(valid, at);
    if (taken + 1 >= columns && at + length < valid.size()) return out + "\xE2\x80\xA6";
    const bool control = byte_at(valid, at) < 0x20 || byte_at(valid, at) == 0x7F ||
                         (byte_at(valid, at) == 0xC2 && byte_at(valid, at + 1) < 0xA0);
    out += control ? " " : valid.substr(at, length);
    at += length;
  }
  return out;
}

std::string html_escaped(const std::string& text) {
  static const std::map<char, const char*> kHtml = {{'&', "&amp;"},  {'<', "&lt;"},   {'>', "&gt;"},
                                                    {'"', "&quot;"}, {'\'', "&#39;"}, {'\0', ""}};
  return replaced(valid_utf8(text), kHtml);
}

std::string tex_escaped(const std::string& text) {
  static const std::map<char, const char*> kTex = {{'\\', "\\textbackslash{}"},
                                                   {'{', "\\{"},
                                                   {'}', "\\}"},
                                                   {'$', "\\$"},
                                                   {'&', "\\&"},
                                                   {'#', "\\#"},
                                                   {'%', "\\%"},
                                                   {'_', "\\_"},
                                                   {'^', "\\textasciicircum{}"},
                                                   {'~', "\\textasciitilde{}"},
                                                   {'<', "$<$"},
                                                   {'>', "$>$"},
                                                   {'[', "{[}"},
                                                   {']', "{]}"},
                                                   {'"', "''"}};
  return replaced(one_line(text, 1000), kTex);
}

std::string file_word(const std::string& text) {
  std::string out;
  for (const char c : text.substr(0, 60)) {
    if (std::isalnum(static_cast<unsigned char>(c)) && static_cast<unsigned char>(c) < 0x80)
      out += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    else if (!out.empty() && out.back() != '_')
      out += '_';
  }
  return out.empty() ? "x" : out;
}

}  // namespace lockstep
