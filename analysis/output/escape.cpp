#include "analysis/output/escape.hpp"

#include <cctype>
#include <map>

namespace lockstep {

namespace {

unsigned byte_at(const std::string& text, std::size_t at) {
  return at < text.size() ? static_cast<unsigned char>(text[at]) : 0U;
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

std::string one_line(const std::string& text, std::size_t columns) {
  const std::string valid = valid_utf8(text);
  std::string out;
  std::size_t taken = 0;
  for (std::size_t at = 0; at < valid.size(); ++taken) {
    const std::size_t length = utf8_length(valid, at);
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
