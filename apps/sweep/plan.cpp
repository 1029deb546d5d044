#include "apps/sweep/plan.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>

#include "base/digest.hpp"
#include "base/error.hpp"
#include "config/load_config.hpp"
#include "models/registry.hpp"

namespace lockstep {

namespace {

std::string ranks_of(const SweepMode& mode) {
  if (mode.most_ranks == mode.least_ranks) return fmt::format("{} rank", mode.least_ranks);
  return fmt::format("{} ranks or more{}", mode.least_ranks, mode.multiple > 1 ? ", an even number" : "");
}

bool can_run(const SweepMode& mode, int ranks) {
  return ranks >= mode.least_ranks && (mode.most_ranks == 0 || ranks <= mode.most_ranks) &&
         ranks % mode.multiple == 0;
}

// A value of each axis: "mode" -> "ddp", ...
using Choice = std::vector<std::pair<std::string, std::string>>;

std::vector<Choice> combinations(const std::vector<SweepAxis>& axes) {
  std::vector<Choice> all = {{}};
  for (const SweepAxis& axis : axes) {
    std::vector<Choice> longer;
    for (const Choice& choice : all)
      for (const std::string& value : axis.values) {
        longer.push_back(choice);
        longer.back().emplace_back(axis.key, value);
      }
    all = std::move(longer);
  }
  return all;
}

bool excluded(const SweepFile& sweep, const Choice& choice) {
  const auto matches = [&](const auto& entry) {
    return std::all_of(entry.begin(), entry.end(), [&](const auto& condition) {
      return std::any_of(choice.begin(), choice.end(), [&](const auto& chosen) {
        return chosen.first == condition.first && std::find(condition.second.begin(), condition.second.end(),
                                                            chosen.second) != condition.second.end();
      });
    });
  };
  return std::any_of(sweep.exclude.begin(), sweep.exclude.end(), matches);
}

std::string value_in(const Choice& choice, const std::string& key, const std::string& otherwise) {
  for (const auto& [name, value] : choice)
    if (name == key) return value;
  return otherwise;
}

int ranks_in(const Choice& choice) {
  const std::string text = value_in(choice, "ranks", "1");
  int ranks = 0;
  std::from_chars(text.data(), text.data() + text.size(), ranks);
  return ranks;
}

SweepPoint make_point(const SweepFile& sweep, const Choice& choice, const SweepMode& mode) {
  SweepPoint point;
  point.mode = mode.name;
  point.program = mode.program;
  point.ranks = mode.most_ranks == 1 ? 1 : ranks_in(choice);
  point.config = value_in(choice, "config", sweep.config);
  point.sets = mode.sets;
  point.sets.insert(point.sets.end(), sweep.sets.begin(), sweep.sets.end());
  point.label = point.mode == "seq" ? "seq" : fmt::format("{} x{}", point.mode, point.ranks);
  for (const auto& [key, value] : choice) {
    if (key == "mode" || key == "ranks") continue;
    if (key != "config") point.sets.push_back(key + '=' + value);
    const SweepAxis& axis = *std::find_if(sweep.axes.begin(), sweep.axes.end(),
                                          [&, name = key](const SweepAxis& a) { return a.key == name; });
    if (axis.values.size() > 1)
      point.label += fmt::format(", {}", key == "config" ? value : key + '=' + value);
  }
  return point;
}

// What the point's run will be, whatever file and flags say it.
std::string identity(const SweepPoint& point) {
  try {
    const RunConfig config = load_config(point.config, point.sets);
    check_model(config);
    Digest digest;
    for (const auto& [key, value] : flatten(config, resolved_hyper_parameters(config.model)))
      digest.add(key).add(value);
    return fmt::format("{}_{}r_{}", point.mode, point.ranks, digest.hex());
  } catch (const Error& error) {
    throw input_error("the run '{}': {}", point.label, error.what());
  }
}

}  // namespace

SweepPlan plan_sweep(const SweepFile& sweep) {
  SweepPlan plan;
  std::map<std::string, std::string> first;  // label of each id
  for (const Choice& choice : combinations(sweep.axes)) {
    if (excluded(sweep, choice)) continue;
    const SweepMode& mode = sweep_mode(value_in(choice, "mode", "ddp"));
    SweepPoint point = make_point(sweep, choice, mode);
    if (!can_run(mode, point.ranks)) {
      plan.left_out.push_back(fmt::format("{}: {} takes {}", point.label, mode.name, ranks_of(mode)));
      continue;
    }
    point.id = identity(point);
    if (const auto [other, fresh] = first.emplace(point.id, point.label); !fresh) {
      if (other->second == point.label) continue;  // seq, once for each number of ranks
      throw input_error("'{}' and '{}' are the same run; remove one value of an axis", other->second,
                        point.label);
    }
    plan.points.push_back(std::move(point));
  }
  if (plan.points.empty())
    throw input_error("no run is left: {}",
                      plan.left_out.empty() ? "'exclude' leaves all of them out" : plan.left_out.front());
  return plan;
}

}  // namespace lockstep
