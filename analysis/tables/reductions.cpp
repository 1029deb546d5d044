#include "analysis/tables/reductions.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "analysis/metrics/statistics.hpp"

namespace lockstep {

namespace {

struct TriedWay {
  Reduction way;
  std::vector<double> seconds = {};  // of the launches that could time it
  std::int64_t chosen = 0;           // by so many launches
};

std::vector<TriedWay> tried_by(const LaunchGroup& group) {
  std::vector<TriedWay> ways;
  for (const Launch* launch : group.launches) {
    if (!launch->reduction) continue;
    const ReductionTable& own = *launch->reduction;
    for (std::size_t i = 0; i < own.tried.size(); ++i) {
      auto known = std::find_if(ways.begin(), ways.end(),
                                [&](const TriedWay& tried) { return tried.way == own.tried[i]; });
      if (known == ways.end()) known = ways.insert(ways.end(), {own.tried[i]});
      if (std::isfinite(own.seconds[i])) known->seconds.push_back(own.seconds[i]);
      if (own.tried[i] == own.chosen) ++known->chosen;
    }
  }
  return ways;
}

// "all 3 launches", "2 of 3 launches", "the launch"
std::string share_of(std::int64_t some, std::size_t all) {
  if (all == 1) return "the launch";
  if (some == static_cast<std::int64_t>(all)) return fmt::format("all {} launches", all);
  return fmt::format("{} of {} launches", some, all);
}

std::string sentence_of(const LaunchGroup& group) {
  std::vector<const ReductionTable*> own;
  for (const Launch* launch : group.launches)
    if (launch->reduction) own.push_back(&*launch->reduction);
  if (own.empty()) return "";
  const auto alike = std::count_if(own.begin(), own.end(), [&](const ReductionTable* other) {
    return other->chosen == own.front()->chosen;
  });
  return fmt::format("{} reduced gradients with {}: {}{}.", share_of(alike, group.launches.size()),
                     text_of(own.front()->chosen), own.front()->reason,
                     alike > 1 ? " (the first of them)" : "");
}

}  // namespace

Table reductions_table(const std::vector<NamedGroup>& groups) {
  Table table{"reductions",
              "Ways of reducing gradients that were tried in the first steps: medians of the slowest rank",
              {{"group", "", ""},
               {.key = "overlap", .unit = "", .header = "overlap", .definition = "-"},
               {.key = "bucket_mb", .unit = "MiB", .header = "bucket MiB", .definition = "-"},
               {.key = "tried_seconds", .unit = "s", .header = "ms/step", .factor = 1000, .definition = "-"},
               {.key = "chosen_by", .unit = "", .header = "chosen by", .definition = "-"}}};
  for (const auto& [name, workload, group] : groups)
    for (const TriedWay& tried : tried_by(*group->group))
      table.rows.push_back(
          {name, std::string(name_of(tried.way.overlap)), tried.way.bucket_mb,
           tried.seconds.empty() ? Cell() : Cell(median(tried.seconds)),
           tried.chosen == 0 ? Cell() : Cell(share_of(tried.chosen, group->group->launches.size()))});
  return table;
}

std::vector<std::string> reduction_sentences(const std::vector<NamedGroup>& groups) {
  std::vector<std::string> sentences;
  for (const auto& [name, workload, group] : groups)
    if (const std::string sentence = sentence_of(*group->group); !sentence.empty())
      sentences.push_back(fmt::format("{}: {}", name, sentence));
  return sentences;
}

}  // namespace lockstep
