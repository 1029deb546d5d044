#include "analysis/runs/group.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <tuple>

#include <fmt/format.h>

namespace lockstep {

namespace {

constexpr std::array kIgnored = {"run.seed",
                                 "run.name",
                                 "data.path",
                                 "data.cache",
                                 "checkpoint.every_epochs",
                                 "checkpoint.every_steps",
                                 "checkpoint.every_minutes",
                                 "checkpoint.on_signal",
                                 "checkpoint.keep",
                                 "checkpoint.reschedule",
                                 "training.target",
                                 "measure.warmup",
                                 "parallel.timeout_s"};

// Everything that must be equal within a group, by name: the differences between two groups tell their names
// apart.
using Identity = std::map<std::string, std::string>;

Identity identity_of(const Launch& l) {
  Identity id;
  for (const auto& [key, value] : l.settings)
    if (!ignored_setting(key)) id[key] = value;
  for (const auto& [key, value] : l.environment) id[key] = value;
  id["mode"] = l.header.mode;
  id["ranks"] = fmt::format("{:06}", l.ranks);
  if (!l.on_gpu()) id["threads"] = std::to_string(l.threads), id["cores"] = std::to_string(l.cores);
  id["rows"] = std::to_string(l.data.train_rows);
  if (l.header.resumed) id["epochs before"] = std::to_string(l.epochs_before());
  // Its kind, where it names one, and 8 digits.
  id["hardware"] = l.fingerprint.substr(0, l.fingerprint.find('-') + 1 + 8);
  if (!l.usable()) return id;  // an interrupted run belongs to those that went on
  id["steps"] = std::to_string(l.steps.size());
  id["batch"] = std::to_string(l.global_batch);
  return id;
}

// The same seed must have given the same rows.
bool same_data(const LaunchGroup& group, const Launch& launch) {
  const auto contradicts = [&](const Launch* other) {
    return other->setting("run.seed") == launch.setting("run.seed") &&
           other->data.digest != launch.data.digest;
  };
  return std::none_of(group.launches.begin(), group.launches.end(), contradicts);
}

struct NewGroup {
  Identity identity;
  LaunchGroup group;
};

void add(std::vector<NewGroup>& groups, const Launch& launch) {
  const Identity id = identity_of(launch);
  const auto fits = [&](const NewGroup& n) {
    if (launch.usable()) return n.identity == id && same_data(n.group, launch);
    return std::all_of(id.begin(), id.end(), [&](const auto& entry) {
      const auto found = n.identity.find(entry.first);
      return found != n.identity.end() && found->second == entry.second;
    });
  };
  auto found = std::find_if(groups.begin(), groups.end(), fits);
  if (found == groups.end()) found = groups.insert(groups.end(), NewGroup{id, {}});
  (launch.usable() ? found->group.launches : found->group.left_out).push_back(&launch);
}

std::string plain_label(const Launch& launch) {
  const std::string ablation = launch.ablation();
  std::string label = launch.header.mode;
  if (!launch.is_sequential())
    label += fmt::format(" x{}{}{}", launch.ranks, ablation.empty() ? "" : " ", ablation);
  if (launch.header.resumed) label += fmt::format(" resumed after {} epochs", launch.epochs_before());
  return label;
}

// "parallel.overlap" is known by its last word.
std::string short_key(const std::string& key) { return key.substr(key.rfind('.') + 1); }

std::string value_in(const Identity& id, const std::string& key) {
  const auto found = id.find(key);
  return found == id.end() ? "none" : found->second;
}

// The keys that name the groups apart: the shortest one that does so alone, else the first three that differ.
std::vector<std::string> telling_keys(const std::vector<NewGroup*>& alike) {
  std::set<std::string> keys;
  for (const NewGroup* n : alike)
    for (const auto& [key, value] : n->identity) keys.insert(key);
  std::vector<std::string> differing, alone;
  std::size_t shortest = std::string::npos;
  for (const std::string& key : keys) {
    std::set<std::string> values;
    std::size_t length = 0;
    for (const NewGroup* n : alike) values.insert(value_in(n->identity, key));
    for (const std::string& value : values) length += short_key(key).size() + value.size();
    if (values.size() > 1) differing.push_back(key);
    if (values.size() < alike.size() || values.size() < 2 || length >= shortest) continue;
    shortest = length;
    alone = {key};
  }
  differing.resize(std::min<std::size_t>(differing.size(), 3));
  return alone.empty() ? differing : alone;
}

// Gives equal labels what they differ in.
void tell_apart(std::vector<NewGroup*>& alike) {
  const std::vector<std::string> keys = telling_keys(alike);
  for (std::size_t i = 0; i < alike.size(); ++i) {
    std::string& label = alike[i]->group.label;
    if (keys.empty()) label += fmt::format(" #{}", i + 1);
    for (const std::string& key : keys)
      label += fmt::format(" {}={}", short_key(key), value_in(alike[i]->identity, key));
  }
}

void label_groups(std::vector<NewGroup>& groups) {
  std::map<std::string, std::vector<NewGroup*>> by_label;
  for (NewGroup& n : groups) {
    n.group.label = plain_label(n.group.any());
    by_label[n.group.label].push_back(&n);
  }
  for (auto& [label, alike] : by_label)
    if (alike.size() > 1) tell_apart(alike);
}

auto order_of(const LaunchGroup& g) {
  return std::tuple(!g.any().is_sequential(), g.any().header.mode, g.any().ranks, g.label);
}

}  // namespace

bool ignored_setting(const std::string& key) {
  return std::find(kIgnored.begin(), kIgnored.end(), key) != kIgnored.end();
}

std::vector<Workload> group_launches(const std::vector<Launch>& launches) {
  std::map<std::pair<std::string, std::string>, std::vector<NewGroup>> by_work;
  for (const bool usable : {true, false})  // so that those left out find their group
    for (const Launch& launch : launches)
      if (launch.usable() == usable) add(by_work[{launch.model, launch.data.name}], launch);
  std::vector<Workload> workloads;
  for (auto& [work, groups] : by_work) {
    label_groups(groups);
    Workload& workload = workloads.emplace_back(Workload{work.first, work.second, {}});
    for (NewGroup& n : groups) workload.groups.push_back(std::move(n.group));
    std::sort(workload.groups.begin(), workload.groups.end(),
              [](const LaunchGroup& a, const LaunchGroup& b) { return order_of(a) < order_of(b); });
  }
  return workloads;
}

}  // namespace lockstep
