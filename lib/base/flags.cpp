#include "base/flags.hpp"

#include <algorithm>
#include <boost/program_options.hpp>
#include <charconv>

#include "base/suggestions.hpp"

namespace lockstep {

namespace {

namespace po = boost::program_options;

po::options_description described(std::span<const FlagText> flags) {
  po::options_description all;
  for (const FlagText& flag : flags) {
    const std::string name = flag.name.substr(2);  // Boost's names have no dashes
    if (flag.value.empty())
      all.add_options()(name.c_str(), "");
    else
      all.add_options()(name.c_str(), po::value<std::string>(), "");
  }
  return all;
}

std::size_t row_of(std::span<const FlagText> flags, const std::string& name) {
  const auto found =
      std::find_if(flags.begin(), flags.end(), [&](const FlagText& f) { return f.name == name; });
  return static_cast<std::size_t>(found - flags.begin());
}

Error unknown(std::span<const FlagText> flags, const std::string& given, const std::string& program) {
  std::vector<std::string> names;
  for (const FlagText& flag : flags) names.push_back(flag.name);
  const std::string hint = did_you_mean(given, names);
  return input_error("unknown flag '{}'{}", given,
                     hint.empty() ? fmt::format("; see {} --help", program) : hint);
}

Error misused(const FlagText& flag) {
  if (flag.value.empty()) return input_error("{} takes no value", flag.name);
  return input_error("{} needs a value: {}", flag.name, flag.about);
}

template <typename T>
std::optional<T> number_in(std::string_view text, T least, T most) {
  T value{};
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  // Also refuses what is not a number.
  if (error != std::errc() || stop != end || !(value >= least && value <= most)) return {};
  return value;
}

template <typename T>
T number(const FlagValue& given, const char* kind, T least, T most) {
  if (const auto value = number_in(given.text, least, most)) return *value;
  throw input_error("{} {}: not a {} from {} to {}", given.flag, given.text, kind, least, most);
}

}  // namespace

GivenArguments given_arguments(std::span<const FlagText> flags, const std::vector<std::string>& arguments,
                               const std::string& program) {
  namespace style = po::command_line_style;
  GivenArguments given;
  try {
    const po::options_description all = described(flags);
    const auto parsed = po::command_line_parser(arguments)
                            .options(all)
                            .style(style::default_style & ~style::allow_guessing)
                            .run();
    for (const auto& option : parsed.options) {
      if (option.position_key >= 0) {
        given.words.push_back(option.value.at(0));
        continue;
      }
      const std::size_t row = row_of(flags, "--" + option.string_key);
      const std::string value = option.value.empty() ? "" : option.value.front();
      if (row_of(flags, value) < flags.size())
        throw misused(flags[row]);  // Boost takes the next flag for the value
      given.flags.push_back({row, {flags[row].name, value}});
    }
  } catch (const po::unknown_option& error) {
    throw unknown(flags, error.get_option_name(), program);
  } catch (const po::error_with_option_name& error) {
    throw misused(flags[row_of(flags, error.get_option_name())]);
  }
  std::vector<bool> seen(flags.size());
  for (const GivenFlag& g : given.flags) {
    if (seen[g.row] && !flags[g.row].repeatable) throw input_error("{} is given twice", g.value.flag);
    seen[g.row] = true;
  }
  return given;
}

std::string flag_lines(std::span<const FlagText> flags) {
  std::size_t width = 0;
  for (const FlagText& flag : flags) width = std::max(width, flag.usage().size());
  std::string lines;
  for (const FlagText& flag : flags) lines += fmt::format("  {:<{}}  {}\n", flag.usage(), width, flag.about);
  return lines;
}

std::vector<std::string> listed(const std::string& text) {
  std::vector<std::string> items;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    items.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return items;
}

std::optional<std::int64_t> whole_number_in(std::string_view text, std::int64_t least, std::int64_t most) {
  return number_in(text, least, most);
}

std::int64_t whole_number(const FlagValue& given, std::int64_t least, std::int64_t most) {
  return number(given, "whole number", least, most);
}

double real_number(const FlagValue& given, double least, double most) {
  return number(given, "number", least, most);
}

}  // namespace lockstep
