#include "apps/sweep/options.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>

#include "base/error.hpp"
#include "config/suggestions.hpp"

namespace lockstep {

namespace {

// What was given, before the words fit together.
struct Given {
  std::vector<std::string> words;  // that are no flags
  std::string config, output, modes, ranks, launches, launcher;
  std::vector<std::string> sets;
};

struct FlagRow {
  const char* name;
  const char* value;  // what it takes; nullptr: nothing
  const char* about;
  void (*set)(Given&, SweepOptions&, const std::string& value);
  bool of_compare = false;
};
using Text = const std::string&;
constexpr FlagRow kFlags[] = {
    {"--config", "FILE", "compare: the configuration of every run",
     [](Given& g, SweepOptions&, Text v) { g.config = v; }, true},
    {"--modes", "M,M,...", "compare: modes, out of seq, ddp, ps, mp, hybrid (seq,ddp,mp)",
     [](Given& g, SweepOptions&, Text v) { g.modes = v; }, true},
    {"--ranks", "N,N,...", "compare: numbers of ranks (1,2,4)",
     [](Given& g, SweepOptions&, Text v) { g.ranks = v; }, true},
    {"--launches", "N", "compare: launches of each (3)",
     [](Given& g, SweepOptions&, Text v) { g.launches = v; }, true},
    {"--set", "KEY=VALUE", "compare: set one key of the configuration; repeatable",
     [](Given& g, SweepOptions&, Text v) { g.sets.push_back(v); }, true},
    {"--launcher", "COMMAND", "compare: command that starts several ranks; see docs/sweep.md",
     [](Given& g, SweepOptions&, Text v) { g.launcher = v; }, true},
    {"--output", "DIR", "folder of the sweep (experiments/ and its name); an existing sweep is continued",
     [](Given& g, SweepOptions&, Text v) { g.output = v; }},
    {"--dry-run", nullptr, "print the runs, their commands and the estimated time; start nothing",
     [](Given&, SweepOptions& o, Text) { o.dry_run = true; }},
    {"--retry-failed", nullptr, "repeat failed runs",
     [](Given&, SweepOptions& o, Text) { o.retry_failed = true; }},
    {"--quiet", nullptr, "print nothing but errors", [](Given&, SweepOptions& o, Text) { o.quiet = true; }},
    {"--help", nullptr, "this text", [](Given&, SweepOptions& o, Text) { o.help = true; }},
    {"--version", nullptr, "version, commit and compiler",
     [](Given&, SweepOptions& o, Text) { o.version = true; }},
};

const FlagRow& flag_named(const std::string& name) {
  std::vector<std::string> known;
  for (const FlagRow& flag : kFlags) {
    if (name == flag.name) return flag;
    known.emplace_back(flag.name);
  }
  throw input_error("unknown flag '{}'{}; see sweep --help", name, did_you_mean(name, known));
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

int whole_number(const std::string& flag, const std::string& text, int least, int most) {
  int value = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end || value < least || value > most)
    throw input_error("{}: '{}' is not a whole number from {} to {}", flag, text, least, most);
  return value;
}

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
  const std::vector<std::string> modes = listed(given.modes.empty() ? "seq,ddp,mp" : given.modes);
  const std::vector<std::string> ranks = listed(given.ranks.empty() ? "1,2,4" : given.ranks);
  for (const std::string& mode : modes) sweep_mode(mode, "--modes");
  for (const std::string& n : ranks) whole_number("--ranks", n, 1, 65536);
  require_distinct("--modes", modes);
  require_distinct("--ranks", ranks);
  sweep.axes = {{"mode", modes}, {"ranks", ranks}};
  if (!given.launches.empty())
    sweep.repeats.least = sweep.repeats.most = whole_number("--launches", given.launches, 1, 1000);
  if (!given.launcher.empty()) {
    if (given.launcher.find("{command}") == std::string::npos)
      throw input_error("--launcher: lacks {{command}}, the program with its flags");
    sweep.launcher = given.launcher;
  }
  return sweep;
}

SweepFile sweep_of(const Given& given, const std::vector<const FlagRow*>& flags) {
  if (given.words.empty()) throw input_error("give a sweep's file, or compare (see sweep --help)");
  if (given.words.size() > 1)
    throw input_error("'{}' is an extra argument; see sweep --help", given.words[1]);
  if (given.words.front() == "compare") return comparison(given);
  for (const FlagRow* flag : flags)
    if (flag->of_compare)
      throw input_error("{} is a flag of sweep compare; write it into {} instead", flag->name,
                        given.words.front());
  return load_sweep(given.words.front());
}

}  // namespace

SweepOptions parse_sweep_options(int argc, const char* const* argv) {
  SweepOptions options;
  Given given;
  std::vector<const FlagRow*> flags;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (!argument.starts_with('-')) {
      given.words.push_back(argument);
      continue;
    }
    const std::size_t equals = argument.find('=');
    const FlagRow& flag = flag_named(argument.substr(0, equals));
    flags.push_back(&flag);
    std::string value;
    if (flag.value && equals != std::string::npos)
      value = argument.substr(equals + 1);
    else if (flag.value && i + 1 < argc)
      value = argv[++i];
    else if (flag.value || equals != std::string::npos)
      throw input_error("{} {}; see sweep --help", flag.name,
                        flag.value ? "needs a value" : "takes no value");
    flag.set(given, options, value);
  }
  if (options.help || options.version) return options;
  options.sweep = sweep_of(given, flags);
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
  for (const FlagRow& flag : kFlags)
    out += fmt::format("  {:<20} {}\n", flag.value ? fmt::format("{} {}", flag.name, flag.value) : flag.name,
                       flag.about);
  return out +
         "\nExit codes: 0 all runs succeeded; 1 some failed, or the sweep was interrupted; 2 wrong usage, or a\n"
         "wrong configuration.\n";
}

}  // namespace lockstep
