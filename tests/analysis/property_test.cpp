// Whatever runs there are: no bound of a positive quantity lies below 0, no share is above 100 %, no two
// sentences of a verdict contradict each other, and every number in one stands in a table.
#include <fmt/format.h>

#include <cmath>
#include <regex>
#include <set>

#include "analysis/advice/verdict.hpp"
#include "analysis/support/synthetic_run.hpp"
#include "analysis/tables/group_columns.hpp"
#include "analysis/tables/pages.hpp"
#include "analysis/tables/summary.hpp"
#include "base/random.hpp"
#include "support/catch.hpp"

using namespace lockstep;
using namespace lockstep::test;

namespace {

constexpr int kSets = 200;

double between(RandomStream& random, double low, double high) {
  return low + (high - low) * random.uniform();
}

// What a rank of a pipeline or a grid also does: it waits for its input.
void add_bubble(RunData& run, double seconds) {
  run.settings["parallel.schedule"] = "gpipe";
  run.settings["parallel.stages"] = run.header.mode == "hybrid" ? "2" : std::to_string(run.steps.ranks());
  run.settings["parallel.micro_batches"] = "4";
  for (std::int64_t r = 0; r < run.steps.ranks(); ++r)
    for (std::int64_t k = 0; k < run.steps.steps(); ++k) {
      run.steps.bubble.at(r, k) += seconds;
      run.steps.wall.at(r, k) += seconds;
      run.steps.start.at(r, k) += seconds * static_cast<double>(k);
    }
}

// What may be wrong with a launch, or odd in it.
void spoil(RunData& run, RandomStream& random) {
  switch (random.below(30)) {
    case 0:
      run.header.status = "interrupted";
      break;
    case 1:
      run.fingerprint = "ffffffffffffffff";
      break;
    case 2:
      run.epochs.back().test_metric = run.epochs.back().validation_metric = std::nan("");
      break;
    case 3:
      run.comm = {};
      break;
    case 4:
      for (double& v : run.steps.other.values) v = -0.2e-3;  // more phases than time
      break;
    default:
      break;
  }
}

constexpr const char* kModes[] = {"ddp", "ddp", "ddp", "ps", "mp", "pipe", "hybrid"};
bool has_stages(const std::string& mode) { return mode == "mp" || mode == "pipe" || mode == "hybrid"; }

// Launches of seq and of one mode on up to four numbers of ranks, with any number of launches, noise and losses.
std::vector<RunData> random_runs(RandomStream& random) {
  std::vector<RunData> runs;
  constexpr double kNoises[] = {0, 0.01, 0.6};
  const double noise = kNoises[random.below(3)];
  const std::string mode = kModes[random.below(7)];
  const bool weak = random.below(4) == 0, crowded = random.below(4) == 0;
  const double starved = random.below(4) == 0 ? 15e-3 : 0, drag = random.below(3) == 0 ? 10 : 1;
  for (const int ranks : {1, 2, 4, 8}) {
    const auto launches = random.below(4) + (ranks == 1 ? 1 : 0);
    const double slower = between(random, 0.3, 3) * (ranks == 1 ? 1 : drag),
                 transfer = between(random, 0, 8e-3), late = random.below(2) == 0 ? 0 : 4e-3;
    for (std::uint64_t launch = 0; launch < launches; ++launch) {
      const double step = slower * std::exp(noise * random.normal()) / (weak ? 1 : ranks);
      SyntheticRun run{.mode = ranks == 1 ? "seq" : mode,
                       .ranks = ranks,
                       .steps = 15,
                       .batch = weak ? 64 * ranks : 64,
                       .seed = static_cast<int>(launch) + 1,
                       .scaling = weak && ranks > 1 ? "weak" : "strong"};
      run.data = between(random, 0, 1e-3) + (ranks == 1 ? starved : 0);
      run.forward = 10e-3 * step;
      run.backward = 20e-3 * step;
      run.transfer = ranks == 1 ? 0 : transfer;
      run.late = ranks == 1 ? 0 : late;
      run.jitter = 0.02;
      run.accuracy = between(random, 0.84, 0.86);
      runs.push_back(make_run(run));
      if (ranks > 1 && has_stages(mode)) add_bubble(runs.back(), between(random, 0, 10e-3));
      for (RankEnvironment& rank : runs.back().ranks) rank.cores_bound = crowded ? 1 : 8;
      for (RankEnvironment& rank : runs.back().ranks) rank.cores = crowded ? "0" : "0 1 2 3 4 5 6 7";
      spoil(runs.back(), random);
    }
  }
  return runs;
}

std::vector<Table> tables_of(const Analysis& analysis) {
  std::vector<Table> tables = {groups_table(analysis)};
  PageOptions options;
  options.ranks = {2, 16};
  options.link = Link{2e-6, 25e9};
  for (const Page& page :
       {summary_page(analysis), scaling_page(analysis, options), advise_page(analysis, options),
        predict_page(analysis, options), overlap_page(analysis, options), pop_page(analysis, options),
        budget_page(analysis, options), pipeline_page(analysis, options),
        convergence_page(analysis, options)})
    for (const Table& table : page.tables) tables.push_back(table);
  return tables;
}

// Of either sign.
bool may_be_negative(const Column& column) {
  static const std::set<std::string> kEither = {"difference",       "karp_flatt",    "karp_flatt_one_rank",
                                                "compute_slowdown", "comm_slowdown", "exposed_by_ablation",
                                                "budget_other",     "other_share",   "other"};
  return kEither.contains(column.key) || column.header == "difference" || column.header == "Karp-Flatt";
}

void check_cell(const Column& column, const Cell& cell) {
  CAPTURE(column.key, column.header);
  const auto* estimate = std::get_if<Estimate>(&cell);
  if (estimate && !may_be_negative(column))
    for (const auto* bounds : {&estimate->interval, &estimate->within_launch})
      if (*bounds) {
        CHECK((*bounds)->low >= 0);
        CHECK((*bounds)->low <= estimate->value * (1 + 1e-12));
        CHECK(estimate->value <= (*bounds)->high * (1 + 1e-12));
      }
  if (const auto* share = std::get_if<double>(&cell); share && column.style == Style::percent)
    CHECK(*share <= 1 + 1e-9);
}

bool holds(const std::string& text, const std::string& words) {
  return text.find(words) != std::string::npos;
}

// No sentence of the first kind may stand beside one of the second.
void check_pairs(const std::string& text, const std::vector<std::string>& groups) {
  constexpr std::pair<const char*, const char*> kPairs[] = {
      {"Parallel training pays", "does not pay"},
      {"Parallel training pays here", "Whether parallel training pays cannot be said"},
      {"does not pay", "Whether parallel training pays cannot be said"},
      {"does not pay", "times as fast as seq (95 %"},
      {"does not pay", "faster than seq cannot be said yet"},
      {"It cannot be said yet whether", "Parallel training pays here"},
      {"that was tried is slower", "no run of it can be used"},
      {"that was tried is slower", "No speedup is claimed"},
      {"no run that it may be compared with", "No speedup is claimed"},
      {"no run that it may be compared with", "times as fast"},
      {"is sure to help", ": gain "},
      {"Next to nothing is lost", "% goes into"},
      {"No run used more than one rank", " x2"},
      {"No run used more than one rank", " x4"},
      {"No run used more than one rank", " x8"}};
  CAPTURE(text);
  for (const auto& [one, other] : kPairs) {
    if (std::string(one) == "Next to nothing is lost" && groups.size() > 2) continue;  // of another group
    CAPTURE(one, other);
    CHECK_FALSE((holds(text, one) && holds(text, other)));
  }
  for (const std::string& name : groups) {
    const bool fastest = holds(text, "pays here: " + name + " is the fastest");
    for (const std::string& denied : {name + " is slower than", "Whether " + name + " is faster than",
                                      "No speedup is claimed for " + name + ":", name + " ran, and no run"})
      CHECK_FALSE((fastest && holds(text, denied)));
  }
}

// What no sentence may hold: numbers that are none, and shares above the whole.
void check_words(const std::string& sentence) {
  CAPTURE(sentence);
  for (const char* word : {"nan", "inf ", "  ", "{}", " ,", "- ms"}) CHECK_FALSE(holds(sentence, word));
  CHECK_FALSE(std::regex_search(sentence, std::regex("-0\\.?0*([^0-9.]|$)")));
  const std::regex share("([0-9.]+) % (goes|of the lost|of all waiting)");
  for (auto at = std::sregex_iterator(sentence.begin(), sentence.end(), share); at != std::sregex_iterator();
       ++at)
    CHECK(std::stod((*at)[1].str()) <= 100);
}

// Numbers of a sentence that tells of measurements; those of a refusal are the rule's.
std::vector<std::string> numbers_said(std::string sentence) {
  if (holds(sentence, "No speedup is claimed") || holds(sentence, "no run of it")) return {};
  for (const char* words :
       {"hardware=[0-9a-f]+", "(ddp|ps|mp|pipe|hybrid) x[0-9]+", "rank [0-9]+", "95 % interval",
        "about [0-9]+ more", "not even 100", "(the fastest|these) [0-9]+ do", "the same [0-9]+ seeds",
        "training.global_batch=[0-9]+"})
    sentence = std::regex_replace(sentence, std::regex(words), "");
  const std::regex number("-?[0-9]+(\\.[0-9]+)?");
  std::vector<std::string> found;
  for (auto at = std::sregex_iterator(sentence.begin(), sentence.end(), number); at != std::sregex_iterator();
       ++at)
    found.push_back(at->str());
  return found;
}

std::string shown_text(const std::vector<Table>& tables) {
  std::string text;
  for (const Table& table : tables)
    for (const ShownTable::Row& row : shown(table).rows)
      for (const std::string& cell : row.cells) text += " " + cell + " ";
  return std::regex_replace(text, std::regex("[\\[\\](),]|([0-9])-"), "$1 ");
}

}  // namespace

// The verdict, and the answer: headline, why and what next.
std::vector<std::string> sentences_of(const Analysis& analysis) {
  std::vector<std::string> sentences = verdict(analysis);
  const Page answer = answer_page(analysis);
  sentences.push_back(answer.title);
  for (const std::string& line : answer.answer) sentences.push_back(line);
  return sentences;
}

std::vector<std::string> labels_of(const Analysis& analysis) {
  std::vector<std::string> labels;
  for (const WorkloadSummary& workload : analysis.summaries)
    for (const GroupSummary& group : workload.groups) labels.push_back(group.group->label);
  return labels;
}

TEST_CASE("no bound below 0, no share above 100 %, no contradiction, no number that is in no table") {
  for (std::uint64_t seed = 1; seed <= kSets; ++seed) {
    RandomStream random({seed});
    const Analysis analysis = analyse(random_runs(random));
    CAPTURE(seed);
    const std::vector<Table> tables = tables_of(analysis);
    for (const Table& table : tables)
      for (const auto& row : table.rows)
        for (std::size_t i = 0; i < row.size(); ++i) check_cell(table.columns[i], row[i]);
    const std::string known = shown_text(tables);
    std::string text;
    for (const std::string& sentence : verdict(analysis)) {
      text += sentence + "\n";
      for (const std::string& number : numbers_said(sentence)) {
        CAPTURE(sentence, number);
        CHECK(holds(known, " " + number + " "));
      }
    }
    for (const std::string& sentence : sentences_of(analysis)) {
      text += sentence + "\n";
      check_words(sentence);
    }
    check_pairs(text, labels_of(analysis));
  }
}
