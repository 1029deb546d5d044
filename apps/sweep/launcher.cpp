#include "apps/sweep/launcher.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "base/error.hpp"

namespace lockstep {

namespace {

struct Word {
  std::string text;
  bool quoted = false;  // in part at least
};

// Words as a POSIX shell splits them: quotes and backslashes, no expansion.
std::vector<Word> split_words(const std::string& line) {
  std::vector<Word> words;
  char quote = 0;
  bool inside = false;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (quote == 0 && (c == ' ' || c == '\t' || c == '\n')) {
      inside = false;
      continue;
    }
    if (!inside) words.emplace_back();
    inside = true;
    if (quote == 0 && (c == '\'' || c == '"')) {
      quote = c;
      words.back().quoted = true;
    } else if (c == quote)
      quote = 0;
    else if (c == '\\' && quote != '\'' && i + 1 < line.size())
      words.back().text += line[++i];
    else
      words.back().text += c;
  }
  if (quote != 0) throw input_error("'launcher': a quotation mark is not closed in {}", line);
  return words;
}

std::string quoted(const std::string& word) {
  const bool plain = !word.empty() && std::all_of(word.begin(), word.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 ||
           std::string_view("_@%+=:,./-").find(static_cast<char>(c)) != std::string_view::npos;
  });
  if (plain) return word;
  std::string text = "'";
  for (const char c : word) text += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return text + '\'';
}

void replace_all(std::string& text, const std::string& from, const std::string& to) {
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
}

}  // namespace

std::string shell_line(const std::vector<std::string>& words) {
  std::string line;
  for (const std::string& word : words) line += (line.empty() ? "" : " ") + quoted(word);
  return line;
}

std::vector<std::string> launch_command(const std::string& words, const SweepPoint& point,
                                        const std::string& bin, const std::string& output) {
  std::vector<std::string> command = {
      bin + '/' + point.program, "--config", point.config, "--output", output, "--quiet"};
  for (const std::string& set : point.sets) {
    command.emplace_back("--set");
    command.push_back(set);
  }
  std::vector<std::string> all;
  for (auto& [word, quoted] : split_words(words)) {
    if (word == "{command}" && !quoted) {
      all.insert(all.end(), command.begin(), command.end());
      continue;
    }
    replace_all(word, "{ranks}", std::to_string(point.ranks));
    replace_all(word, "{output}", output);
    replace_all(word, "{command}", shell_line(command));
    all.push_back(std::move(word));
  }
  return all;
}

}  // namespace lockstep
