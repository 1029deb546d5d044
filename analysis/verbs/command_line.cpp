#include "analysis/verbs/command_line.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <filesystem>
#include <span>

#include "base/error.hpp"
#include "base/flags.hpp"
#include "base/mode.hpp"
#include "base/suggestions.hpp"

namespace lockstep {

namespace {

constexpr Choice<Format> kFormats[] = {{"table", Format::table},
                                       {"json", Format::json},
                                       {"csv", Format::csv},
                                       {"md", Format::md},
                                       {"tex", Format::tex}};
constexpr Choice<RunTable> kTables[] = {
    {"steps", RunTable::steps}, {"epochs", RunTable::epochs}, {"comm", RunTable::comm}};
constexpr Choice<Baseline> kBaselines[] = {{"seq", Baseline::seq}, {"ddp1", Baseline::one_rank}};

std::vector<std::int64_t> ranks_in(const FlagValue& given) {
  std::vector<std::int64_t> ranks;
  for (const std::string& number : listed(given.text))
    ranks.push_back(whole_number({given.flag, number}, 1, 1'000'000));
  return ranks;
}

double percent_in(const FlagValue& given) {
  FlagValue number = given;
  if (number.text.ends_with('%')) number.text.pop_back();
  return real_number(number, 0, 1e6) / 100;
}

std::string mode_in(const FlagValue& given) {
  if (!named<Mode>(given.text))
    throw input_error("{} {}: not one of seq, ddp, ps, mp, pipe, hybrid", given.flag, given.text);
  return given.text;
}

using Value = const FlagValue&;
constexpr Flag<AnalyzeOptions> kFlags[] = {
    {"--format", "F", "what is printed: table (the default), json, csv, md or tex",
     [](AnalyzeOptions& o, Value v) { o.format = chosen(kFormats, v).value; }},
    {"--output", "FILE", "print to FILE instead of the terminal",
     [](AnalyzeOptions& o, Value v) { o.output = v.text; }},
    {"--baseline", "B",
     "the baseline of the first speedup: seq (the default) or ddp1, one rank of the same mode",
     [](AnalyzeOptions& o, Value v) { o.baseline = chosen(kBaselines, v).value; }},
    {"--ranks", "P,P,...",
     "predict: numbers of ranks to predict; import: ranks of a benchmark whose output lacks them",
     [](AnalyzeOptions& o, Value v) { o.ranks = ranks_in(v); }},
    {"--link", "RATE:LATENCY",
     "predict, advise: use this link instead of the measured one, for example 200Gb:2us",
     [](AnalyzeOptions& o, Value v) { o.link = parse_link(v.text); }},
    {"--threshold", "PERCENT", "diff: a step longer by more than this is a regression, exit code 3 (5)",
     [](AnalyzeOptions& o, Value v) { o.threshold = percent_in(v); }},
    {"--table", "T", "what export writes: steps (the default), epochs or comm",
     [](AnalyzeOptions& o, Value v) { o.table = chosen(kTables, v).value; }},
    {"--steps", "A:B", "what trace shows: steps A to B-1; by default ten around the median step",
     [](AnalyzeOptions& o, Value v) { o.steps = v.text; }},
    {"--into", "DIR", "import: folder for the run files of traces and benchmarks (imported)",
     [](AnalyzeOptions& o, Value v) { o.into = v.text; }},
    {"--model", "NAME", "import: the model in a trace",
     [](AnalyzeOptions& o, Value v) { o.facts.model = v.text; }},
    {"--data", "NAME", "import: the data set that it was trained on",
     [](AnalyzeOptions& o, Value v) { o.facts.data = v.text; }},
    {"--batch", "N", "import: samples per step, over all ranks",
     [](AnalyzeOptions& o, Value v) { o.facts.batch = whole_number(v, 1, 1'000'000'000); }},
    {"--loss", "X", "import: the training loss that was reached",
     [](AnalyzeOptions& o, Value v) { o.facts.loss = real_number(v, -1e300, 1e300); }},
    {"--mode", "M", "import: how the ranks shared the work: seq, ddp, ps, mp, pipe or hybrid",
     [](AnalyzeOptions& o, Value v) { o.facts.mode = mode_in(v); }},
    {"--hardware", "TEXT", "import: what it ran on; only runs with equal text are compared",
     [](AnalyzeOptions& o, Value v) { o.facts.hardware = v.text; }},
    {"--like", "RUN", "import: model, data, batch and hardware are those of this run file",
     [](AnalyzeOptions& o, Value v) { o.facts.like = v.text; }},
    {"--step-name", "NAME", "import: the annotation that marks a step in a trace (ProfilerStep)",
     [](AnalyzeOptions& o, Value v) { o.facts.step_name = v.text; }},
    {"--nodes", "N", "import: number of nodes, if the records lack it",
     [](AnalyzeOptions& o, Value v) { o.facts.nodes = whole_number(v, 1, 1'000'000'000); }},
    {"--strict", nullptr, "exit code 3 when a claim is refused",
     [](AnalyzeOptions& o, Value) { o.strict = true; }},
    {"--full", nullptr, "report, summary: print all tables, not only the answer",
     [](AnalyzeOptions& o, Value) { o.full = true; }},
    {"--watch", nullptr,
     "report, summary: print the summary again whenever a run grows or ends, until Ctrl-C",
     [](AnalyzeOptions& o, Value) { o.watch = true; }},
    {"--dark", nullptr, "pictures and page of the report on a dark background",
     [](AnalyzeOptions& o, Value) { o.dark = true; }},
    {"--help", nullptr, "this text", [](AnalyzeOptions& o, Value) { o.help = true; }},
    {"--version", nullptr, "version, commit and compiler",
     [](AnalyzeOptions& o, Value) { o.version = true; }},
};

const Verb* find_verb(const std::string& word) {
  const auto found =
      std::find_if(verbs().begin(), verbs().end(), [&](const Verb& v) { return word == v.name; });
  return found == verbs().end() ? nullptr : &*found;
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
      throw input_error("{} applies to terminal output only: leave out --format", flag);
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
    throw input_error(
        "--link {}: not bandwidth and latency, for example 200Gb:2us (Gb, Mb, GB, MB; ns, us, ms, s)", text);
  return {*latency, *rate};
}

AnalyzeOptions parse_analyze(const std::vector<std::string>& arguments) {
  AnalyzeOptions options;
  options.paths = parse_flags<AnalyzeOptions>(kFlags, arguments, "analyze", options);
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
  std::vector<FlagText> shown = flag_texts<AnalyzeOptions>(kFlags);
  if (!names.empty())
    std::erase_if(shown, [&](const FlagText& flag) {
      return (" " + names + " ").find(fmt::format(" {} ", flag.name)) == std::string::npos;
    });
  return flag_lines(shown);
}

void require_paths(const AnalyzeOptions& options) {
  std::vector<std::string> known;
  for (const Verb& verb : verbs()) known.emplace_back(verb.name);
  const auto is_word = [](const std::string& text) {
    return std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isalpha(c) || c == '-'; });
  };
  std::error_code error;
  for (const std::string& path : options.paths) {
    if (options.names_verb || !is_word(path) || std::filesystem::exists(path, error)) continue;
    const std::string meant = did_you_mean(path, known);
    throw input_error("'{}' is neither a path nor a verb{}", path,
                      meant.empty() ? fmt::format("; the verbs are {}", fmt::join(known, ", ")) : meant);
  }
}

std::string analyze_help() {
  std::string out =
      R"(analyze: what runs show, and what they do not

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
