// The command lines of all programs: each has a table of its flags, from which parsing (by Boost.Program_options) and help
// follow.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace lockstep {

// A flag as it was given: "--ranks" and "4". The text is empty where the flag takes none.
struct FlagValue {
  std::string flag, text;
};

template <typename Options>
struct Flag {
  const char* name;   // "--ranks"
  const char* value;  // what it takes, "N"; nullptr: nothing
  const char* about;  // one line for --help
  void (*set)(Options&, const FlagValue&);
  bool repeatable = false;
};

// What the table of a program says of a flag, whatever its options are.
struct FlagText {
  std::string name, value, about;  // value is empty where it takes none
  bool repeatable = false;

  [[nodiscard]] std::string usage() const { return value.empty() ? name : name + ' ' + value; }
};

template <typename Options>
std::vector<FlagText> flag_texts(std::span<const Flag<Options>> flags) {
  std::vector<FlagText> texts;
  for (const Flag<Options>& f : flags)
    texts.push_back({f.name, f.value ? f.value : "", f.about, f.repeatable});
  return texts;
}

struct GivenFlag {
  std::size_t row;  // in the table
  FlagValue value;
};
struct GivenArguments {
  std::vector<GivenFlag> flags;    // in order
  std::vector<std::string> words;  // that are no flags, in order; all that follows "--" is one
};

// "--flag value" as well as "--flag=value". Error(bad_input) for an unknown flag (naming the nearest), a value that is
// missing or too much, and a flag that is given twice though it is not repeatable. arguments: without the program's name.
GivenArguments given_arguments(std::span<const FlagText> flags, const std::vector<std::string>& arguments,
                               const std::string& program);

// Sets what was given, in order; returns the words that are no flags.
template <typename Options>
std::vector<std::string> parse_flags(std::span<const Flag<Options>> flags,
                                     const std::vector<std::string>& arguments, const std::string& program,
                                     Options& options) {
  GivenArguments given = given_arguments(flag_texts(flags), arguments, program);
  for (const GivenFlag& g : given.flags) flags[g.row].set(options, g.value);
  return std::move(given.words);
}

// The lines of --help: usage and meaning of each, the meanings in one column.
std::string flag_lines(std::span<const FlagText> flags);

// "a,b" as its items; an empty one where two commas meet, or at either end.
std::vector<std::string> listed(const std::string& text);

// All of the text as a whole number within the bounds; nothing otherwise.
std::optional<std::int64_t> whole_number_in(std::string_view text, std::int64_t least, std::int64_t most);
// Error(bad_input) naming the bounds unless all of the text is a number within them.
std::int64_t whole_number(const FlagValue& given, std::int64_t least, std::int64_t most);
double real_number(const FlagValue& given, double least, double most);

// The row of that name in a table of rows that have a `name`; Error(bad_input) listing all.
template <typename Table>
const auto& chosen(const Table& rows, const FlagValue& given) {
  std::string allowed;
  for (const auto& row : rows) {
    if (given.text == row.name) return row;
    allowed += (allowed.empty() ? "" : ", ") + std::string(row.name);
  }
  throw input_error("{} {}: not one of {}", given.flag, given.text, allowed);
}

// A row for it.
template <typename T>
struct Choice {
  const char* name;
  T value;
};

}  // namespace lockstep
