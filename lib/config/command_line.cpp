#include "config/command_line.hpp"

#include "base/error.hpp"
#include "config/key_docs.hpp"

namespace lockstep {

namespace {

using Value = const FlagValue&;
constexpr Flag<CommandLine> kFlags[] = {
    {"--config", "FILE", "configuration of the run, YAML or JSON",
     [](CommandLine& c, Value v) { c.config = v.text; }},
    {"--set", "KEY=VALUE", "set a key, overriding the file; repeatable; null restores its default",
     [](CommandLine& c, Value v) { c.sets.push_back(v.text); }, true},
    {"--output", "DIR", "folder in which the run's folder is created (default: experiments)",
     [](CommandLine& c, Value v) { c.output = v.text; }},
    {"--dry-run", nullptr,
     "print the resolved configuration, device map, bucket plan and memory estimate, without training",
     [](CommandLine& c, Value) { c.dry_run = true; }},
    {"--ranks", "N", "with --dry-run: plan for N ranks, without starting them",
     [](CommandLine& c, Value v) { c.ranks = static_cast<int>(whole_number(v, 1, kMostRanks)); }},
    {"--svg", "FILE", "with --dry-run of train_mp: draw the schedule to FILE",
     [](CommandLine& c, Value v) { c.svg = v.text; }},
    {"--resume", "DIR",
     "continue from the newest checkpoint in the run folder DIR, or from DIR if it is a checkpoint file",
     [](CommandLine& c, Value v) { c.resume = v.text; }},
    {"--quiet", nullptr, "no progress on the terminal; errors still go to stderr",
     [](CommandLine& c, Value) { c.quiet = true; }},
    {"--help", nullptr, "print this help", [](CommandLine& c, Value) { c.help = true; }},
    {"--version", nullptr, "print version, commit and compiler",
     [](CommandLine& c, Value) { c.version = true; }},
};

}  // namespace

CommandLine parse_command_line(int argc, const char* const* argv, const std::string& program) {
  CommandLine line;
  const std::vector<std::string> words =
      parse_flags<CommandLine>(kFlags, {argv + 1, argv + argc}, program, line);
  if (!words.empty())
    throw input_error("'{}' is not a flag; give the configuration with --config FILE (see {} --help)",
                      words.front(), program);
  if (line.config.empty() && line.resume.empty() && !line.help && !line.version)
    throw input_error("no configuration; give one with --config FILE (see {} --help)", program);
  if (!line.dry_run && (line.ranks != 0 || !line.svg.empty()))
    throw input_error("{} only applies to a dry run; add --dry-run, or remove it",
                      line.svg.empty() ? "--ranks" : "--svg");
  return line;
}

std::vector<FlagText> trainer_flags() { return flag_texts<CommandLine>(kFlags); }

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
