#include "analysis/render/escape.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <map>
#include <string_view>

namespace lockstep {

namespace {

constexpr std::size_t kLongestWord = 60;

// A line is where the text has one: in a title or in preformatted text it matters.
std::string printable_lines(std::string_view text) {
  std::string out;
  for (std::size_t end = text.find('\n'); end != std::string_view::npos; end = text.find('\n')) {
    out += printable(text.substr(0, end)) + '\n';
    text.remove_prefix(end + 1);
  }
  return out + printable(text);
}

bool is_number(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

// What a spreadsheet would calculate: ASCII's = + - @ and their wide forms, of East Asian keyboards.
bool is_formula(const std::string& cell) {
  constexpr std::array kStarts = {
      "=", "+", "-", "@", "\xEF\xBC\x9D", "\xEF\xBC\x8B", "\xEF\xBC\x8D", "\xEF\xBC\xA0"};
  for (const char* start : kStarts)
    if (cell != start && cell.starts_with(start)) return !is_number(cell);
  return false;
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
  std::string line = printable(text);
  std::size_t taken = 0;
  for (std::size_t at = 0; at < line.size(); ++taken) {
    const std::size_t length = utf8_length(line, at);
    if (taken + 1 >= columns && at + length < line.size()) return line.substr(0, at) + "\xE2\x80\xA6";
    at += length;
  }
  return line;
}

// Terminal control characters are written as escapes too: a JSON reader gets the same text.
std::string json_quoted(const std::string& text) {
  const std::string valid = valid_utf8(text);
  std::string out = "\"";
  for (std::size_t at = 0; at < valid.size();) {
    const std::size_t length = utf8_length(valid, at);
    const char32_t point = code_point(valid, at);
    if (point == '"' || point == '\\' || (point == '/' && at > 0 && valid[at - 1] == '<'))
      out += std::string("\\") + valid[at];  // <\/script> ends no script that the text stands in
    else
      out +=
          steers(point) ? fmt::format("\\u{:04x}", static_cast<unsigned>(point)) : valid.substr(at, length);
    at += length;
  }
  return out + '"';
}

std::string csv_field(const std::string& text) {
  std::string cell = printable(text);
  const bool formula = is_formula(cell);
  if (!formula && cell.find_first_of(",\"") == std::string::npos) return cell;
  std::string out = formula ? "\"'" : "\"";
  for (const char c : cell) {
    if (c == '"') out += '"';
    out += c;
  }
  return out + '"';
}

std::string html_escaped(const std::string& text) {
  static const std::map<char, const char*> kHtml = {
      {'&', "&amp;"}, {'<', "&lt;"}, {'>', "&gt;"}, {'"', "&quot;"}, {'\'', "&#39;"}};
  return replaced(printable_lines(text), kHtml);
}

std::string html_sentence(const std::string& text) {
  const std::string escaped = html_escaped(text);
  std::string out;
  std::size_t done = 0;
  for (std::size_t at = escaped.find("--"); at != std::string::npos; at = escaped.find("--", done)) {
    const std::size_t end = std::min(escaped.find_first_of(" ,;)", at), escaped.size());
    const std::string word = escaped.substr(at, end - at);
    const bool option = (at == 0 || escaped[at - 1] == ' ') && word.size() > 2;
    out += escaped.substr(done, at - done);
    out += option ? "<span class=\"option\">" + word + "</span>" : word;
    done = end;
  }
  return out + escaped.substr(done);
}

std::string tex_escaped(const std::string& text) {
  static const std::map<char, const char*> kTex = {
      {'\\', "\\textbackslash{}"},
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
      {'*', "{*}"},  // after a row's end it would be read as part of it
      {'|', "\\textbar{}"},
      {'"', "''"}};
  return replaced(one_line(text, 1000), kTex);
}

// No HTML, code, pictures or links; the characters of our own sentences are unchanged.
std::string markdown_escaped(const std::string& text) {
  static const std::map<char, const char*> kMarkdown = {
      {'\\', "\\\\"}, {'<', "\\<"}, {'`', "\\`"}, {'|', "\\|"}};
  std::string out;
  char before = 0;
  for (const char c : replaced(printable(text), kMarkdown)) {
    const bool link = (c == '(' && before == ']') || (c == '[' && (before == '!' || before == 0));
    if (link) out += '\\';
    out += before = c;
  }
  return out;
}

// In single quotes gnuplot reads nothing but the quote itself; and two of them at an end, or more in a row,
// it reads wrongly.
std::string gnuplot_quoted(const std::string& text) {
  return "'" + replaced(one_line(text, kLongestWord), {{'\'', "\xE2\x80\x99"}}) + "'";
}

std::string gnuplot_tic(const std::string& text) { return replaced(gnuplot_quoted(text), {{'%', "%%"}}); }

}  // namespace lockstep
