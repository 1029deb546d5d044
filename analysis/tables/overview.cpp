#include "analysis/tables/overview.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "analysis/advice/headline.hpp"
#include "analysis/checks/rules.hpp"
#include "analysis/quantities/numbers.hpp"
#include "analysis/tables/group_table.hpp"

namespace lockstep {

namespace {

using Predictors = std::map<const GroupSummary*, Predictor>;

Predictors predictors_by_group(const Analysis& analysis, const WorkloadSummary& workload,
                               const PageOptions& options) {
  Predictors found;
  for (Predictor& predictor : every_predictor(workload, analysis.baseline)) {
    choose_link(predictor, analysis, options);
    const GroupSummary* group = &predictor.source();
    found.emplace(group, std::move(predictor));
  }
  return found;
}

std::optional<Advice> first_advice(const Predictor& predictor, const WorkloadSummary& workload) {
  for (const Advice& advice : advice_for(predictor, workload))
    if (advice.is_gain()) return advice;
  return {};
}

std::string gain_of(const Advice& advice) {
  return advice.gain.interval ? with_interval(advice.gain) : number(advice.gain.value) + " single";
}

OverviewRow row_of(const GroupSummary& group, const WorkloadSummary& workload, const Analysis& analysis,
                   const Predictors& predictors) {
  const Comparison& comparison = analysis.comparison(group);
  OverviewRow row;
  row.group = &group;
  row.verdict = verdict_word(group, workload, analysis);
  row.refusal = refusal_of(group, comparison);
  row.sentences = group_sentences(group, workload, analysis);
  if (row.refusal || !comparison.speedup) return row;
  row.speedup = comparison.speedup;
  row.efficiency = comparison.efficiency;
  row.lost = lost_of(group, workload, analysis);
  if (group.group->any().ranks < 2) return row;
  if (const auto predictor = predictors.find(&group); predictor != predictors.end())
    row.advice = first_advice(predictor->second, workload);
  if (outcome_of(*comparison.speedup) == Outcome::undecided)
    row.next = what_would_decide(group, comparison, *summary_of(workload, comparison.baseline));
  else if (row.advice)
    row.next = fmt::format("{} (gain {})", row.advice->what, gain_of(*row.advice));
  return row;
}

// What pays first; what is refused last; within them by speedup, a baseline having 1.
bool stands_before(const OverviewRow& a, const OverviewRow& b) {
  const auto place = [](const OverviewRow& row) {
    const int kind = row.verdict == "pays" ? 0 : row.refusal ? 2 : 1;
    return std::pair(kind, row.speedup ? -row.speedup->value : row.verdict == "baseline" ? -1.0 : 0.0);
  };
  return place(a) < place(b);
}

// A sentence of its own: it begins with a capital and ends with a full stop.
std::string as_sentence(std::string text) {
  if (text.empty()) return text;
  text.front() = static_cast<char>(std::toupper(static_cast<unsigned char>(text.front())));
  return text.back() == '.' ? text : text + ".";
}

// In full, of the row that the headline speaks of: the one on most ranks.
void explain_refusal(Overview& overview) {
  const auto ranks = [](const OverviewRow& row) { return row.group->group->any().ranks; };
  const auto most = std::max_element(overview.rows.begin(), overview.rows.end(),
                                     [&](const auto& a, const auto& b) { return ranks(a) < ranks(b); });
  if (most->refusal && ranks(*most) > 1) overview.why = most->sentences.front();
}

void explain(Overview& overview, const Analysis& analysis) {
  const GroupSummary* best = standing_of(*overview.workload, analysis).best;
  const auto row = std::find_if(overview.rows.begin(), overview.rows.end(),
                                [&](const OverviewRow& r) { return r.group == best; });
  if (row == overview.rows.end()) return explain_refusal(overview);
  const GroupSummary& baseline = *summary_of(*overview.workload, analysis.comparison(*best).baseline);
  overview.why = lost_time_sentence(*best, *overview.workload, baseline);
  const auto& comparison = analysis.comparison(*best);
  if (outcome_of(*comparison.speedup) == Outcome::undecided)
    overview.next = as_sentence(what_would_decide(*best, comparison, baseline));
  else if (row->advice)
    overview.next = fmt::format("{}: gain {}, because {}.", row->advice->what, gain_of(*row->advice),
                                row->advice->because);
  else
    overview.next = "No known change is sure to help.";
}

// "[cross-hardware] the two ran on different hardware": without the details, which follow the colon.
Refused refused_in_short(const Finding& finding) {
  return {"", fmt::format("[{}] {}", finding.rule->code, in_short(finding))};
}

// Without a key's section, as far as its first comma, or colon where that is still longer than a column of a terminal.
std::string in_short(const std::string& text) {
  constexpr std::size_t kLongest = 20;
  std::string first = text.substr(0, text.find_first_of(",;"));
  for (const std::string_view section : {"parallel.", "training."})  // of a key
    if (first.starts_with(section)) first.erase(0, section.size());
  if (first.size() > kLongest) first = first.substr(0, first.find(':'));
  return first.size() > kLongest ? first.substr(0, kLongest - 3) + "..." : first;
}

Cell next_cell(const OverviewRow& row) {
  if (row.next.empty()) return {};
  if (!row.advice || row.verdict == "cannot be said") return in_short(row.next);
  return fmt::format("x{} {}", number(row.advice->gain.value), in_short(row.advice->what));
}

Cell loss_cell(const OverviewRow& row) {
  const LostTime::Part* part = row.lost ? largest_loss(*row.lost) : nullptr;
  if (!part) return {};
  return fmt::format("{} {:.0f} %", short_name(part->part), 100 * part->seconds / row.lost->time.total);
}

std::vector<Cell> cells_of(const Analysis& analysis, const OverviewRow& row, const std::string& name) {
  const GroupSummary& group = *row.group;
  std::vector<Cell> cells = {name, row.verdict};
  if (group.measured()) cells.emplace_back(group.step_seconds.value);
  if (row.refusal) return cells.emplace_back(refused_in_short(*row.refusal)), cells;
  const bool compared = analysis.comparison(group).baseline != nullptr;
  cells.push_back(row.speedup                                ? Cell(*row.speedup)
                  : compared || group.group->any().ranks > 1 ? Cell()
                                                             : Cell(std::int64_t{1}));
  cells.push_back(row.efficiency ? Cell(row.efficiency->value) : Cell());
  cells.push_back(loss_cell(row));
  cells.push_back(next_cell(row));
  return cells;
}

}  // namespace

std::vector<Overview> overviews_of(const Analysis& analysis, const PageOptions& options) {
  std::vector<Overview> all;
  for (const WorkloadSummary& workload : analysis.summaries) {
    Overview& overview = all.emplace_back(Overview{&workload, headline(workload, analysis), "", "", {}});
    const Predictors predictors = predictors_by_group(analysis, workload, options);
    for (const GroupSummary& group : workload.groups)
      overview.rows.push_back(row_of(group, workload, analysis, predictors));
    std::stable_sort(overview.rows.begin(), overview.rows.end(), stands_before);
    explain(overview, analysis);
  }
  return all;
}

std::string headline_of(const std::vector<Overview>& overviews, const Analysis& analysis) {
  if (overviews.empty()) return size_of(analysis);
  if (overviews.size() == 1) return overviews.front().headline;
  std::size_t pays = 0;
  for (const Overview& overview : overviews) {
    const Standing standing = standing_of(*overview.workload, analysis);
    if (standing.best && standing.outcome == Outcome::faster) ++pays;
  }
  return fmt::format("Parallel training pays for {} of {} workloads", pays, overviews.size());
}

std::vector<std::string> answer_sentences(const std::vector<Overview>& overviews, const Analysis& analysis) {
  std::vector<std::string> sentences = {size_of(analysis) + "."};
  if (const auto n = analysis.runs.unreadable.size(); n > 0)
    sentences.front() += fmt::format(" {} file{} cannot be read.", n, n == 1 ? "" : "s");
  for (const Overview& overview : overviews) {
    const WorkloadSummary& workload = *overview.workload;
    const bool several = overviews.size() > 1;
    if (several) sentences.push_back(subject(analysis, workload, overview.headline));
    if (!several && !overview.why.empty()) sentences.push_back(overview.why);
    if (!overview.next.empty()) sentences.push_back("Next: " + overview.next);
  }
  return sentences;
}

Table overview_table(const Analysis& analysis, const Overview& overview, std::size_t most) {
  Table table{"overview",
              workload_facts(*overview.workload),
              {{"group", "", ""},
               {"verdict", "", "verdict"},
               {.key = "step_seconds", .unit = "s", .header = "step ms", .factor = 1000},
               {.key = "speedup", .unit = "1", .header = "speedup", .style = Style::brief},
               {.key = "efficiency", .unit = "1", .header = "effic. %", .style = Style::percent},
               {"", "", "lost mostly in"},
               {"", "", "next"}}};
  for (std::size_t i = 0; i < overview.rows.size(); ++i)
    if (const OverviewRow& row = overview.rows[i]; i < most || row.verdict == "baseline")
      table.rows.push_back(cells_of(analysis, row, row.group->group->label));
  if (const std::size_t left = overview.rows.size() - table.rows.size(); left > 0)
    table.below = fmt::format("{} more configurations. ", left);
  return table;
}

std::string workload_facts(const WorkloadSummary& workload) {
  const Launch& launch = workload.groups.front().group->any();
  std::string facts;
  const auto add = [&](bool known, const std::string& fact) {
    if (known || !launch.imported()) facts += (facts.empty() ? ": " : ", ") + fact;
  };
  add(launch.parameters > 0, fmt::format("{} parameters", launch.parameters));
  add(launch.data.train_rows > 0, fmt::format("{} training rows", launch.data.train_rows));
  add(!launch.setting("training.precision").empty(), launch.setting("training.precision"));
  return fmt::format("{} on {}{}", workload.workload->model, workload.workload->data, facts);
}

}  // namespace lockstep
