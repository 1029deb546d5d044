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

constexpr int kSets = 60;

double between(RandomStream& random, double low, double high) {
  return low + (high - low) * random.uniform();
}

// Launches of seq and of ddp on up to four numbers of ranks, with any number of launches, noise and losses.
std::vector<RunData> random_runs(RandomStream& random) {
  std::vector<RunData> runs;
  const double noise = random.below(2) == 0 ? 0.01 : 0.6;
  for (const int ranks : {1, 2, 4, 8}) {
    const auto launches = random.below(4) + (ranks == 1 ? 1 : 0);
    const double slower = between(random, 0.3, 3), transfer = between(random, 0, 8e-3),
                 late = random.below(2) == 0 ? 0 : 4e-3;
    for (std::uint64_t launch = 0; launch < launches; ++launch) {
      const double step = slower * std::exp(noise * random.normal()) / ranks;
      SyntheticRun run{.mode = ranks == 1 ? "seq" : "ddp",
                       .ranks = ranks,
                       .steps = 15,
                       .seed = static_cast<int>(launch) + 1};
      run.data = between(random, 0, 1e-3);
      run.forward = 10e-3 * step;
      run.backward = 20e-3 * step;
      run.transfer = ranks == 1 ? 0 : transfer;
      run.late = ranks == 1 ? 0 : late;
      run.jitter = 0.02;
      run.accuracy = between(random, 0.84, 0.86);
      runs.push_back(make_run(run));
      if (random.below(15) == 0) runs.back().header.status = "interrupted";
      if (random.below(15) == 0) runs.back().fingerprint = "ffffffffffffffff";
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
        predict_page(analysis, options), overlap_page(analysis, options), pop_page(analysis, options)})
    for (const Table& table : page.tables) tables.push_back(table);
  return tables;
}

// Of either sign.
bool may_be_negative(const Column& column) {
  static const std::set<std::string> kEither = {"difference",       "karp_flatt",    "karp_flatt_one_rank",
                                                "compute_slowdown", "comm_slowdown", "exposed_by_ablation"};
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
void check_pairs(const std::string& text) {
  constexpr std::pair<const char*, const char*> kPairs[] = {
      {"Parallel training pays here", "does not pay here"},
      {"Parallel training pays here", "Whether parallel training pays cannot be said"},
      {"does not pay here", "Whether parallel training pays cannot be said"},
      {"does not pay here", "times as fast as seq (95 %"},
      {"does not pay here", "faster than seq cannot be said yet"},
      {"Nothing ran on more than one rank", " x2"},
      {"Nothing ran on more than one rank", " x4"},
      {"Nothing ran on more than one rank", " x8"}};
  CAPTURE(text);
  for (const auto& [one, other] : kPairs) CHECK_FALSE((holds(text, one) && holds(text, other)));
  for (const char* group : {"ddp x2", "ddp x4", "ddp x8"}) {
    const std::string name = group;
    const bool fastest = holds(text, "pays here: " + name + " is the fastest");
    for (const std::string& denied : {name + " is slower than", "Whether " + name + " is faster than",
                                      "No speedup is claimed for " + name + ":", name + " ran, and no run"})
      CHECK_FALSE((fastest && holds(text, denied)));
  }
}

// Numbers of a sentence that tells of measurements; those of a refusal are the rule's.
std::vector<std::string> numbers_said(std::string sentence) {
  if (holds(sentence, "No speedup is claimed") || holds(sentence, "no run of it")) return {};
  for (const char* words : {"hardware=[0-9a-f]+", "ddp x[0-9]+", "rank [0-9]+", "95 % interval",
                            "about [0-9]+ more", "not even 100", "the fastest [0-9]+ are"})
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
    check_pairs(text);
  }
}
