#include "apps/sweep/options.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "base/error.hpp"
#include "base/flags.hpp"

namespace lockstep {

namespace {

// What was given, before the words fit together.
struct Given {
  std::string config, output, modes = "seq,ddp,mp", ranks = "1,2,4", launcher;
  FlagValue launches;
  std::vector<std::string> sets;
  SweepOptions options;
  std::string of_compare;  // the first flag that only compare takes

  Given& compare(const FlagValue& v) {
    if (of_compare.empty()) of_compare = v.flag;
    return *this;
  }
};

using Value = const FlagValue&;
constexpr Flag<Given> kFlags[] = {
    {"--config", "FILE", "compare: the configuration of every run",
     [](Given& g, Value v) { g.compare(v).config = v.text; }},
    {"--modes", "M,M,...", "compare: modes, out of seq, ddp, ps, mp, hybrid (seq,ddp,mp)",
     [](Given& g, Value v) { g.compare(v).modes = v.text; }},
    {"--ranks", "N,N,...", "compare: numbers of ranks (1,2,4)",
     [](Given& g, Value v) { g.compare(v).ranks = v.text; }},
    {"--launches", "N", "compare: launches of each (3)",
     [](Given& g, Value v) { g.compare(v).launches = v; }},
    {"--set", "KEY=VALUE", "compare: set one key of the configuration; repeatable",
     [](Given& g, Value v) { g.compare(v).sets.push_back(v.text); }, true},
    {"--launcher", "COMMAND", "compare: command that starts several ranks; see docs/sweep.md",
     [](Given& g, Value v) { g.compare(v).launcher = v.text; }},
    {"--output", "DIR", "folder of the sweep (experiments/ and its name); an existing sweep is continued",
     [](Given& g, Value v) { g.output = v.text; }},
    {"--dry-run", nullptr, "print the runs, their commands and the estimated time; start nothing",
     [](Given& g, Value) { g.options.dry_run = true; }},
    {"--retry-failed", nullptr, "repeat failed runs", [](Given& g, Value) { g.options.retry_failed = true; }},
    {"--quiet", nullptr, "print nothing but errors", [](Given& g, Value) { g.options.quiet = true; }},
    {"--help", nullptr, "this text", [](Given& g, Value) { g.options.help = true; }},
    {"--version", nullptr, "version, commit and compiler", [](Given& g, Value) { g.options.version = true; }},
};

void require_distinct(const std::string& flag, const std::vector<std::string>& items) {
  for (auto item = items.begin(); item != items.end(); ++item)
    if (std::find(items.begin(), item, *item) != item)
      throw input_error("{}: {} is listed twice", flag, *item);
}

SweepFile comparison(const Given& given) {
  if (given.config.empty())
    throw input_error("compare takes a configuration; give one with --config FILE (see sweep --help)");
  SweepFile sweep;
  sweep.name = "compare_" + std::filesystem::path(given.config).stem().string();
  sweep.config = given.config;
  sweep.sets = given.sets;
  const std::vector<std::string> modes = listed(given.modes), ranks = listed(given.ranks);
  for (const std::string& mode : modes) sweep_mode(mode, "--modes");
  for (const std::string& n : ranks) whole_number({"--ranks", n}, 1, 65536);
  require_distinct("--modes", modes);
  require_distinct("--ranks", ranks);
  sweep.axes = {{"mode", modes}, {"ranks", ranks}};
  if (!given.launches.flag.empty())
    sweep.repeats.least = sweep.repeats.most = static_cast<int>(whole_number(given.launches, 1, 1000));
  if (!given.launcher.empty()) {
    if (given.launcher.find("{command}") == std::string::npos)
      throw input_error("--launcher: lacks {{command}}, the program with its flags");
    sweep.launcher = given.launcher;
  }
  return sweep;
}

SweepFile sweep_of(const Given& given, const std::vector<std::string>& words) {
  if (words.empty()) throw input_error("give a sweep's file, or compare (see sweep --help)");
  if (words.size() > 1) throw input_error("'{}' is an extra argument; see sweep --help", words[1]);
  if (words.front() == "compare") return comparison(given);
  if (!given.of_compare.empty())
    throw input_error("{} is a flag of sweep compare; write it into {} instead", given.of_compare,
                      words.front());
  return load_sweep(words.front());
}

}  // namespace

SweepOptions parse_sweep_options(int argc, const char* const* argv) {
  Given given;
  const std::vector<std::string> words = parse_flags<Given>(kFlags, {argv + 1, argv + argc}, "sweep", given);
  SweepOptions& options = given.options;
  if (options.help || options.version) return options;
  options.sweep = sweep_of(given, words);
  options.output = given.output.empty() ? "experiments/" + options.sweep.name : given.output;
  return options;
}

std::string sweep_help() {
  std::string out =
      "sweep: runs a matrix of configurations for comparison\n"
      "\n"
      "Usage: sweep FILE.yaml [flags]\n"
      "       sweep compare --config FILE [flags]\n"
      "\n"
      "FILE.yaml lists what varies: modes, ranks, any key. compare is the short form for the most common\n"
      "question, which mode on how many ranks. Runs are made in random order, so that drift of the machine\n"
      "affects all alike. The same command continues an interrupted sweep. At the end analyze says what pays.\n"
      "\n"
      "Flags:\n";
  out += flag_lines(flag_texts<Given>(kFlags));
  return out +
         "\nExit codes: 0 all runs succeeded; 1 some failed, or the sweep was interrupted; 2 wrong usage, or a\n"
         "wrong configuration.\n";
}

}  // namespace lockstep
