#include "config/command_line.hpp"

#include <boost/program_options.hpp>
#include <sstream>

#include "base/error.hpp"
#include "config/key_docs.hpp"
#include "config/suggestions.hpp"

namespace lockstep {

namespace {

namespace po = boost::program_options;

constexpr unsigned kColumns = 100;

// The flags: name, target, value's name and meaning, once. The defaults are CommandLine's own.
po::options_description flags(CommandLine& c) {
  po::options_description all("flags", kColumns, kColumns / 2);
  all.add_options()("config", po::value(&c.config)->value_name("FILE"),
                    "the run's configuration, YAML or JSON")(
      "set", po::value(&c.sets)->value_name("KEY=VALUE")->composing(),
      "set one key, after the file; repeatable; null takes it back to its default")(
      "output", po::value(&c.output)->value_name("DIR")->default_value(c.output),
      "where the run's folder is made")(
      "dry-run", po::bool_switch(&c.dry_run),
      "print the resolved configuration, device map, bucket plan and memory estimate, and train nothing")(
      "resume", po::value(&c.resume)->value_name("DIR"),
      "go on from the newest checkpoint of the run folder DIR")(
      "quiet", po::bool_switch(&c.quiet), "no progress on the terminal; errors still go to stderr")(
      "help", po::bool_switch(&c.help), "print this text")("version", po::bool_switch(&c.version),
                                                           "print version, commit and compiler");
  return all;
}

std::vector<std::string> flag_names() {
  CommandLine unused;
  std::vector<std::string> names;
  for (const auto& option : flags(unused).options()) names.push_back("--" + option->long_name());
  return names;
}

void parse(int argc, const char* const* argv, CommandLine& line) {
  const po::options_description all = flags(line);
  namespace style = po::command_line_style;
  const int strict = style::default_style & ~style::allow_guessing & ~style::allow_short;
  po::variables_map values;
  po::store(po::command_line_parser(argc, argv).options(all).positional({}).style(strict).run(), values);
  po::notify(values);
}

}  // namespace

CommandLine parse_command_line(int argc, const char* const* argv, const std::string& program) {
  CommandLine line;
  try {
    parse(argc, argv, line);
  } catch (const po::unknown_option& e) {
    const std::string& given = e.get_option_name();
    const std::string hint = did_you_mean(given, flag_names());
    throw input_error("unknown flag '{}'{}", given,
                      hint.empty() ? fmt::format("; see {} --help", program) : hint);
  } catch (const po::too_many_positional_options_error&) {
    throw input_error("every argument is a flag or a flag's value, and one is not; see {} --help", program);
  } catch (const po::error& e) {
    throw input_error("{}; see {} --help", e.what(), program);
  }
  if (line.config.empty() && line.resume.empty() && !line.help && !line.version)
    throw input_error("no configuration; give one with --config FILE (see {} --help)", program);
  return line;
}

std::vector<FlagDoc> flag_docs() {
  CommandLine unused;
  std::vector<FlagDoc> docs;
  for (const auto& option : flags(unused).options())
    docs.push_back({"--" + option->long_name() +
                        (option->format_parameter().empty() ? "" : " " + option->format_parameter()),
                    option->description()});
  return docs;
}

std::string help_text(const std::string& program, const std::string& about) {
  CommandLine unused;
  std::ostringstream text;
  text << program << ": " << about << "\n\nusage: " << program << " --config FILE [flag]...\n\n"
       << flags(unused)
       << "\nkeys, for the file and for --set (docs/configuration.md explains the models' own):\n"
       << key_help();
  return text.str();
}

}  // namespace lockstep
