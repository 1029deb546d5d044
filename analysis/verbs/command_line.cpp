#include "analysis/verbs/command_line.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <filesystem>
#include <iterator>
#include <span>

#include "base/error.hpp"

namespace lockstep {

namespace {

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

std::vector<std::int64_t> ranks_in(const std::string& text) {
  std::vector<std::int64_t> ranks;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    std::int64_t value = 0;
    const auto [stop, error] = std::from_chars(text.data() + begin, text.data() + end, value);
    if (error != std::errc() || stop != text.data() + end || value < 1 || value > 1'000'000)
      throw input_error("--ranks {}: not a list of numbers of ranks, as 8,64,1024", text);
    ranks.push_back(value);
    begin = end + 1;
  }
  return ranks;
}

double percent_in(const std::string& text) {
  double value = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const std::string rest(stop, text.data() + text.size());
  if (error != std::errc() || (!rest.empty() && rest != "%") || !(value >= 0 && value < 1e6))
    throw input_error("--threshold {}: not a percentage, as 5", text);
  return value / 100;
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
    {"--ranks", "P,P,...", "predict: for these numbers of ranks",
     [](AnalyzeOptions& o, const std::string& v) { o.ranks = ranks_in(v); }},
    {"--link", "RATE:LATENCY", "predict, advise: over this link instead of the measured one, as 200Gb:2us",
     [](AnalyzeOptions& o, const std::string& v) { o.link = parse_link(v); }},
    {"--threshold", "PERCENT", "diff: a step longer by more than this is a regression, exit code 3 (5)",
     [](AnalyzeOptions& o, const std::string& v) { o.threshold = percent_in(v); }},
    {"--table", "T", "what export writes: steps (the default), epochs or comm",
     [](AnalyzeOptions& o, const std::string& v) { o.table = chosen(kTables, "--table", v); }},
    {"--steps", "A:B", "what trace shows: steps A to B-1; by default ten around the median step",
     [](AnalyzeOptions& o, const std::string& v) { o.steps = v; }},
    {"--strict", nullptr, "exit code 3 when a claim is refused",
     [](AnalyzeOptions& o, const std::string&) { o.strict = true; }},
    {"--full", nullptr, "report, summary: print all tables, not the answer alone",
     [](AnalyzeOptions& o, const std::string&) { o.full = true; }},
    {"--watch", nullptr, "report, summary: print the summary anew whenever a run ends or grows, until Ctrl-C",
     [](AnalyzeOptions& o, const std::string&) { o.watch = true; }},
    {"--dark", nullptr, "pictures and page of the report on a dark ground",
     [](AnalyzeOptions& o, const std::string&) { o.dark = true; }},
    {"--help", nullptr, "this text", [](AnalyzeOptions& o, const std::string&) { o.help = true; }},
    {"--version", nullptr, "version, commit and compiler",
     [](AnalyzeOptions& o, const std::string&) { o.version = true; }},
};

const Verb* find_verb(const std::string& word) {
  const auto found =
      std::find_if(verbs().begin(), verbs().end(), [&](const Verb& v) { return word == v.name; });
  return found == verbs().end() ? nullptr : &*found;
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
  const Verb* verb = find_verb(leads ? words.front() : words.back());
  if (!verb) return;
  options.verb = verb;
  options.names_verb = true;
  words.erase(leads ? words.begin() : words.end() - 1);
  if (verb->run == run_export) take_format(options);
}

// --full and --watch are of what is printed of the summary.
void require_terminal_output(const AnalyzeOptions& options) {
  const bool summary = options.verb->run == run_report || options.verb->run == run_summary;
  for (const auto& [flag, given] : {std::pair("--full", options.full), std::pair("--watch", options.watch)}) {
    if (!given) continue;
    if (!summary) throw input_error("{} belongs to report and summary, not to {}", flag, options.verb->name);
    if (options.format != Format::table)
      throw input_error("{} is of what a terminal shows: leave out --format", flag);
  }
  if (options.watch && !options.output.empty())
    throw input_error("--watch prints to the terminal: leave out --output");
}

// "2us" with {"us", 1e-6}, ...: the number times the unit; nothing for another unit.
std::optional<double> quantity_in(const std::string& text, std::span<const Choice<double>> units) {
  double value = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const std::string unit(stop, text.data() + text.size());
  if (error != std::errc() || !(value >= 0 && value < 1e12)) return {};
  for (const Choice<double>& u : units)
    if (unit == u.name) return value * u.value;
  return {};
}

}  // namespace

Link parse_link(const std::string& text) {
  constexpr Choice<double> kRates[] = {{"Gb", 1e9 / 8}, {"Mb", 1e6 / 8}, {"GB", 1e9}, {"MB", 1e6}};
  constexpr Choice<double> kTimes[] = {{"ns", 1e-9}, {"us", 1e-6}, {"ms", 1e-3}, {"s", 1}};
  const std::size_t colon = text.find(':');
  const auto rate = quantity_in(text.substr(0, colon), kRates);
  const auto latency =
      colon == std::string::npos ? std::nullopt : quantity_in(text.substr(colon + 1), kTimes);
  if (!rate || !(*rate > 0) || !latency)
    throw input_error("--link {}: not bandwidth and latency, as 200Gb:2us (Gb, Mb, GB, MB; ns, us, ms, s)",
                      text);
  return {*latency, *rate};
}

AnalyzeOptions parse_analyze(const std::vector<std::string>& arguments) {
  AnalyzeOptions options;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    if (arguments[i].size() > 1 && arguments[i].starts_with('-'))
      take_flag(options, arguments, i);
    else
      options.paths.push_back(arguments[i]);
  }
  take_verb(options);
  if (options.verb->run == run_diff && options.paths.size() != 2 && !options.help)
    throw input_error("diff compares the runs below two paths, {} given: analyze diff A B",
                      options.paths.size());
  require_terminal_output(options);
  if (options.paths.empty() && !options.help && !options.version)
    throw input_error("no path given; analyze PATH... reads the runs below each PATH, see analyze --help");
  return options;
}

std::string flag_help(const std::string& names) {
  std::string out;
  for (const FlagRow& flag : kFlags)
    if (names.empty() || (" " + names + " ").find(fmt::format(" {} ", flag.name)) != std::string::npos)
      out += fmt::format("  {:<18} {}\n",
                         flag.value ? fmt::format("{} {}", flag.name, flag.value) : flag.name, flag.about);
  return out;
}

void require_paths(const AnalyzeOptions& options) {
  std::string known;
  for (const Verb& verb : verbs()) known += (known.empty() ? "" : ", ") + std::string(verb.name);
  const auto is_word = [](const std::string& text) {
    return std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isalpha(c) || c == '-'; });
  };
  std::error_code error;
  for (const std::string& path : options.paths)
    if (!options.names_verb && is_word(path) && !std::filesystem::exists(path, error))
      throw input_error("'{}' is neither a path nor a verb; the verbs are {}", path, known);
}

std::string analyze_help() {
  std::string out =
      R"(analyze: what the runs show, and what they do not

Usage: analyze [verb] PATH... [flags]
       analyze VERB --help: what the verb shows, its columns and its flags

Reads every run (run.h5) below each PATH, groups launches of one configuration, and prints times,
speedups, communication, time budgets and a verdict. A claim that the runs do not support is refused, with
the reason in its place.

Verbs:
)";
  for (const Verb& verb : verbs()) out += fmt::format("  {:<18} {}\n", verb.name, verb.about);
  out += "\nFlags:\n" + flag_help("");
  return out + R"(
Exit codes: 0 done; 1 failed while running; 2 wrong usage, or no run could be read; 3 a run is invalid,
or a claim is refused under --strict.
)";
}

}  // namespace lockstep
