#include "analysis/runs/chain.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "analysis/runs/group.hpp"
#include "analysis/runs/run_join.hpp"

namespace lockstep {

namespace {

constexpr const char* kComplete = "complete";
// Of two runs of one training these may differ: how long it was to be, and where it broke off.
const std::set<std::string>& free_keys() {
  static const std::set<std::string> keys = {"training.epochs", "training.steps"};
  return keys;
}

std::string other_setting(const RunData& a, const RunData& b) {
  for (const auto& [key, value] : a.settings) {
    const auto there = b.settings.find(key);
    if (ignored_setting(key) || free_keys().contains(key)) continue;
    if (there == b.settings.end() || there->second != value) return key;
  }
  return {};
}

// Why the two cannot be joined; empty: they can.
std::string obstacle(const RunData& before, const RunData& after) {
  const Resumed& link = *after.header.resumed;
  const std::int64_t first = before.header.resumed ? before.header.resumed->steps : 0;
  if (before.header.mode != after.header.mode) return fmt::format("its mode was {}", before.header.mode);
  if (before.ranks.size() != after.ranks.size() ||
      (after.steps.steps() > 0 && before.steps.steps() > 0 && before.steps.ranks() != after.steps.ranks()))
    return fmt::format("it had {} ranks", before.ranks.size());
  if (before.fingerprint != after.fingerprint) return "it ran on other hardware";
  if (before.data.digest != after.data.digest) return "it had other data";
  if (const std::string key = other_setting(before, after); !key.empty())
    return fmt::format("it had another {}", key);
  if (first > link.steps || first + before.steps.steps() < link.steps ||
      before.first_epoch() + std::ssize(before.epochs) < link.epochs ||
      before.first_epoch() + std::ssize(before.audit) < link.epochs)
    return fmt::format("its file does not have all of the {} steps before the checkpoint",
                       link.steps - first);
  return {};
}

class Chains {
 public:
  Chains(std::vector<ChainRun> runs, const std::map<std::string, std::string>& complete)
      : runs_(std::move(runs)), complete_(complete) {
    for (std::size_t i = 0; i < runs_.size(); ++i) by_uuid_.emplace(runs_[i].run.header.uuid, i);
    for (std::size_t i = 0; i < runs_.size(); ++i) link(i);
  }

  std::vector<ChainRun> joined() {
    std::vector<ChainRun> result;
    for (std::size_t i = 0; i < runs_.size(); ++i)
      if (!after_.contains(i)) result.push_back(whole(i));
    // Only forged files resume from each other in a circle, which has no last run.
    for (std::size_t i = 0; i < runs_.size(); ++i) {
      if (taken_.contains(i)) continue;
      runs_[i].apart = "the runs that it resumed from resumed from it";
      result.push_back(std::move(runs_[i]));
    }
    return result;
  }

 private:
  void link(std::size_t i) {
    ChainRun& here = runs_[i];
    if (!here.run.header.resumed) return;
    const std::string& uuid = here.run.header.resumed->run;
    const auto found = by_uuid_.find(uuid);
    if (found == by_uuid_.end()) {
      const auto whole = complete_.find(uuid);
      here.apart = whole == complete_.end()
                       ? fmt::format("the file of run {}, from which it resumed, is missing here", uuid)
                       : fmt::format("{}, from which it resumed, finished and counts alone", whole->second);
      return;
    }
    const ChainRun& before = runs_[found->second];
    const std::string other = before.run.header.status == kComplete ? "it finished and counts alone"
                                                                    : obstacle(before.run, here.run);
    if (other.empty())
      take(found->second, i);
    else
      here.apart = fmt::format("{}, from which it resumed, cannot be joined with it: {}", before.path, other);
  }

  // i resumes from `before`, as another may.
  void take(std::size_t before, std::size_t i) {
    const auto [other, first] = after_.try_emplace(before, i);
    if (!first) {
      const bool better = rank_of(i) > rank_of(other->second);
      ChainRun& loser = runs_[better ? other->second : i];
      loser.apart = fmt::format("{} resumed from the same run", runs_[better ? i : other->second].path);
      before_.erase(better ? other->second : i);
      if (!better) return;
      other->second = i;
    }
    before_[i] = before;
  }

  std::pair<bool, std::string> rank_of(std::size_t i) const {
    const RunHeader& header = runs_[i].run.header;
    return {header.status == kComplete, header.started};
  }

  // The run and all before it.
  ChainRun whole(std::size_t i) {
    std::vector<std::size_t> chain = {i};
    for (auto found = before_.find(i); found != before_.end(); found = before_.find(chain.back()))
      chain.push_back(found->second);
    taken_.insert(chain.begin(), chain.end());
    ChainRun result = std::move(runs_[chain.back()]);
    for (auto next = std::next(chain.rbegin()); next != chain.rend(); ++next) {
      ChainRun& after = runs_[*next];
      after.joints = std::move(result.joints);
      after.joints.push_back(joint_of(result.run, after.run, result.path));
      after.run = join_runs(std::move(result.run), std::move(after.run));
      result = std::move(after);
    }
    return result;
  }

  static Joint joint_of(const RunData& before, const RunData& after, const std::string& path) {
    const std::int64_t first = before.header.resumed ? before.header.resumed->steps : 0;
    const std::int64_t kept = after.header.resumed->steps - first;
    return {path, after.header.resumed->steps, before.steps.steps() - kept, gap_between(before, after, kept)};
  }

  std::vector<ChainRun> runs_;
  const std::map<std::string, std::string>& complete_;
  std::map<std::string, std::size_t> by_uuid_;
  std::set<std::size_t> taken_;
  std::map<std::size_t, std::size_t> after_, before_;  // which run goes on from which, and back
};

}  // namespace

bool may_be_chained(const RunHeader& header) { return header.resumed || header.status != kComplete; }

std::vector<ChainRun> join_chains(std::vector<ChainRun> runs,
                                  const std::map<std::string, std::string>& complete) {
  return Chains(std::move(runs), complete).joined();
}

}  // namespace lockstep
