#include "analysis/command_line.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "base/error.hpp"

namespace lockstep {

namespace {

struct VerbRow {
  const char* name;
  Verb verb;
  const char* about;
};
constexpr VerbRow kVerbs[] = {
    {"report", Verb::report,
     "print the summary, write tables, pictures and a page to PATH/report/ (the default)"},
    {"summary", Verb::summary, "print the summary, write nothing"},
    {"trace", Verb::trace, "one run as a trace for ui.perfetto.dev or chrome://tracing"},
    {"export", Verb::export_tables, "the samples of all runs as one long table: export csv|json|tex PATH..."},
    {"import", Verb::import_results, "what may be claimed from other projects' CSV and JSON files"},
};

template <typename T>
struct Choice {
  const char* name;
  T value;
};
constexpr Choice<Format> kFormats[] = {{"table", Format::table},
                                       {"json", Format::json},
                                       {"csv", Format::csv},
                                       {"md", Format::md},
                                       {"tex", Format::tex}};
constexpr Choice<RunTable> kTables[] = {
    {"steps", RunTable::steps}, {"epochs", RunTable::epochs}, {"comm", RunTable::comm}};
constexpr Choice<Baseline> kBaselines[] = {{"seq", Baseline::seq}, {"ddp1", Baseline::one_rank}};

template <typename T, std::size_t N>
T chosen(const Choice<T> (&choices)[N], const std::string& flag, const std::string& value) {
  std::string allowed;
  for (const Choice<T>& c : choices) {
    if (value == c.name) return c.value;
    allowed += (allowed.empty() ? "" : ", ") + std::string(c.name);
  }
  throw input_error("{} {}: not one of {}", flag, value, allowed);
}

struct FlagRow {
  const char* name;
  const char* value;  // what it takes; nullptr: nothing
  const char* about;
  void (*set)(AnalyzeOptions&, const std::string& value);
};
constexpr FlagRow kFlags[] = {
    {"--format", "F", "what is printed: table (the default), json, csv, md or tex",
     [](AnalyzeOptions& o, const std::string& v) { o.format = chosen(kFormats, "--format", v); }},
    {"--output", "FILE", "print to FILE instead of the terminal",
     [](AnalyzeOptions& o, const std::string& v) { o.output = v; }},
    {"--baseline", "B", "what the speedup leads with: seq (the default) or ddp1, one rank of the same mode",
     [](AnalyzeOptions& o, const std::string& v) { o.baseline = chosen(kBaselines, "--baseline", v); }},
    {"--table", "T", "what export writes: steps (the default), epochs or comm",
     [](AnalyzeOptions& o, const std::string& v) { o.table = chosen(kTables, "--table", v); }},
    {"--steps", "A:B", "what trace shows: steps A to B-1; by default ten around the median step",
     [](AnalyzeOptions& o, const std::string& v) { o.steps = v; }},
    {"--strict", nullptr, "exit code 3 when a claim is refused",
     [](AnalyzeOptions& o, const std::string&) { o.strict = true; }},
    {"--dark", nullptr, "pictures and page of the report on a dark ground",
     [](AnalyzeOptions& o, const std::string&) { o.dark = true; }},
    {"--help", nullptr, "this text", [](AnalyzeOptions& o, const std::string&) { o.help = true; }},
    {"--version", nullptr, "version, commit and compiler",
     [](AnalyzeOptions& o, const std::string&) { o.version = true; }},
};

const VerbRow* find_verb(const std::string& word) {
  const auto found =
      std::find_if(std::begin(kVerbs), std::end(kVerbs), [&](const VerbRow& v) { return word == v.name; });
  return found == std::end(kVerbs) ? nullptr : &*found;
}

const FlagRow& flag_named(const std::string& name) {
  const auto found =
      std::find_if(std::begin(kFlags), std::end(kFlags), [&](const FlagRow& f) { return name == f.name; });
  if (found == std::end(kFlags)) throw input_error("unknown flag '{}'; see analyze --help", name);
  return *found;
}

// "--format=json" as well as "--format json".
void take_flag(AnalyzeOptions& options, const std::vector<std::string>& arguments, std::size_t& at) {
  const std::string& argument = arguments[at];
  const std::size_t equals = argument.find('=');
  const FlagRow& flag = flag_named(argument.substr(0, equals));
  if (!flag.value) {
    if (equals != std::string::npos) throw input_error("{} takes no value", flag.name);
    return flag.set(options, "");
  }
  if (equals != std::string::npos) return flag.set(options, argument.substr(equals + 1));
  if (at + 1 == arguments.size()) throw input_error("{} needs a value: {}", flag.name, flag.about);
  flag.set(options, arguments[++at]);
}

// "export csv PATH" as well as "export --format csv PATH".
void take_format(AnalyzeOptions& options) {
  if (options.paths.size() < 2) return;
  for (const Choice<Format>& format : kFormats) {
    if (options.paths.front() != format.name) continue;
    options.format = format.value;
    options.paths.erase(options.paths.begin());
    return;
  }
}

// The verb stands before the paths or after them.
void take_verb(AnalyzeOptions& options) {
  std::vector<std::string>& words = options.paths;
  if (words.empty()) return;
  const bool leads = find_verb(words.front()) != nullptr;
  const VerbRow* verb = find_verb(leads ? words.front() : words.back());
  if (!verb) return;
  options.verb = verb->verb;
  words.erase(leads ? words.begin() : words.end() - 1);
  if (verb->verb == Verb::export_tables) take_format(options);
}

}  // namespace

AnalyzeOptions parse_analyze(const std::vector<std::string>& arguments) {
  AnalyzeOptions options;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    if (arguments[i].size() > 1 && arguments[i].starts_with('-'))
      take_flag(options, arguments, i);
    else
      options.paths.push_back(arguments[i]);
  }
  take_verb(options);
  if (options.paths.empty() && !options.help && !options.version)
    throw input_error("no path given; analyze PATH... reads the runs below each PATH, see analyze --help");
  return options;
}

std::string analyze_help() {
  std::string out =
      "analyze: what the runs show, and what they do not\n\n"
      "Usage: analyze [verb] PATH... [flags]\n\n"
      "Reads every run (run.h5) below each PATH, groups launches of one configuration, and prints times,\n"
      "speedups, communication, time budgets and a verdict. A claim that the runs do not support is refused, "
      "with\n"
      "the reason in its place.\n\nVerbs:\n";
  for (const VerbRow& verb : kVerbs) out += fmt::format("  {:<18} {}\n", verb.name, verb.about);
  out += "\nFlags:\n";
  for (const FlagRow& flag : kFlags)
    out += fmt::format("  {:<18} {}\n", flag.value ? fmt::format("{} {}", flag.name, flag.value) : flag.name,
                       flag.about);
  return out +
         "\nExit codes: 0 done; 1 failed while running; 2 wrong usage, or no run could be read; 3 a run is "
         "invalid,\n"
         "or a claim is refused under --strict.\n";
}

}  // namespace lockstep
