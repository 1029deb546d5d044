#include "config/command_line.hpp"

#include <boost/program_options.hpp>

#include "base/error.hpp"
#include "config/key_docs.hpp"
#include "config/suggestions.hpp"

namespace lockstep {

namespace {

namespace po = boost::program_options;

// The flags: name, target, value's name and meaning, once. The defaults are CommandLine's own.
po::options_description flags(CommandLine& c) {
  po::options_description all;
  const auto add = [&](const char* name, po::value_semantic* value, const std::string& doc) {
    all.add_options()(name, value, doc.c_str());
  };
  add("config", po::value(&c.config)->value_name("FILE"), "configuration of the run, YAML or JSON");
  add("set", po::value(&c.sets)->value_name("KEY=VALUE")->composing(),
      "set a key, overriding the file; repeatable; null restores its default");
  add("output", po::value(&c.output)->value_name("DIR"),
      fmt::format("folder in which the run's folder is created (default: {})", c.output));
  add("dry-run", po::bool_switch(&c.dry_run),
      "print the resolved configuration, device map, bucket plan and memory estimate, without training");
  add("ranks", po::value(&c.ranks)->value_name("N"),
      "with --dry-run: plan for N ranks, without starting them");
  add("svg", po::value(&c.svg)->value_name("FILE"), "with --dry-run of train_mp: draw the schedule to FILE");
  add("resume", po::value(&c.resume)->value_name("DIR"),
      "continue from the newest checkpoint in the run folder DIR, or from DIR if it is a checkpoint file");
  add("quiet", po::bool_switch(&c.quiet), "no progress on the terminal; errors still go to stderr");
  add("help", po::bool_switch(&c.help), "print this help");
  add("version", po::bool_switch(&c.version), "print version, commit and compiler");
  return all;
}

std::vector<std::string> flag_names() {
  CommandLine unused;
  std::vector<std::string> names;
  const po::options_description all = flags(unused);
  for (const auto& option : all.options()) names.push_back("--" + option->long_name());
  return names;
}

void parse(int argc, const char* const* argv, const std::string& program, CommandLine& line) {
  const po::options_description all = flags(line);
  namespace style = po::command_line_style;
  const int strict = style::default_style & ~style::allow_guessing;
  const po::parsed_options parsed = po::command_line_parser(argc, argv).options(all).style(strict).run();
  for (const auto& option : parsed.options)
    if (option.position_key >= 0)
      throw input_error("'{}' is not a flag; give the configuration with --config FILE (see {} --help)",
                        option.value.at(0), program);
  po::variables_map values;
  po::store(parsed, values);
  po::notify(values);
}

}  // namespace

CommandLine parse_command_line(int argc, const char* const* argv, const std::string& program) {
  CommandLine line;
  try {
    parse(argc, argv, program, line);
  } catch (const po::unknown_option& e) {
    const std::string given = e.get_option_name();
    const std::string hint = did_you_mean(given, flag_names());
    throw input_error("unknown flag '{}'{}", given,
                      hint.empty() ? fmt::format("; see {} --help", program) : hint);
  } catch (const po::error& e) {
    throw input_error("{}; see {} --help", e.what(), program);
  }
  if (line.config.empty() && line.resume.empty() && !line.help && !line.version)
    throw input_error("no configuration; give one with --config FILE (see {} --help)", program);
  if (!line.dry_run && (line.ranks != 0 || !line.svg.empty()))
    throw input_error("{} only applies to a dry run; add --dry-run, or remove it",
                      line.svg.empty() ? "--ranks" : "--svg");
  if (line.ranks < 0 || line.ranks > kMostRanks)
    throw input_error("--ranks must be a whole number from 1 to {}, not {}", kMostRanks, line.ranks);
  return line;
}

std::vector<FlagDoc> flag_docs() {
  CommandLine unused;
  std::vector<FlagDoc> docs;
  const po::options_description all = flags(unused);
  for (const auto& option : all.options())
    docs.push_back({"--" + option->long_name() +
                        (option->format_parameter().empty() ? "" : " " + option->format_parameter()),
                    option->description()});
  return docs;
}

std::string help_text(const std::string& program, const std::string& about) {
  return fmt::format(
      "{0}: {1}\n"
      "\n"
      "usage: {0} --config FILE [flag]...\n"
      "\n"
      "flags:\n"
      "{2}\n"
      "keys, for the file and for --set (docs/configuration.md also has those of the models):\n"
      "{3}",
      program, about, flag_help(), key_help());
}

}  // namespace lockstep
