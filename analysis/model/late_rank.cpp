#include "analysis/model/late_rank.hpp"

#include <array>

#include "analysis/metrics/statistics.hpp"

namespace lockstep {

namespace {

using Q = Quantity;

struct Phase {
  const char* name;
  double (*seconds)(const Quantities&);
};
constexpr std::array<Phase, 5> kPhases = {
    {{"data", [](const Quantities& q) { return q[Q::data]; }},
     {"h2d", [](const Quantities& q) { return q[Q::h2d]; }},
     {"compute", [](const Quantities& q) { return q[Q::forward] + q[Q::backward]; }},
     {"optimizer", [](const Quantities& q) { return q[Q::optimizer]; }},
     {"other", [](const Quantities& q) { return q[Q::other]; }}}};

void name_phase(LateRank& late, const std::vector<Quantities>& ranks) {
  double most = 0;
  for (const Phase& phase : kPhases) {
    std::vector<double> others;
    for (std::size_t r = 0; r < ranks.size(); ++r)
      if (r != late.lateness.rank) others.push_back(phase.seconds(ranks[r]));
    const double seconds = phase.seconds(ranks[late.lateness.rank]), usual = median(others);
    if (!late.phase.empty() && seconds - usual <= most) continue;
    most = seconds - usual;
    late.phase = phase.name;
    late.seconds = seconds;
    late.others = usual;
  }
}

// Rank 0 of a parameter server sums all gradients and updates the parameters, alone.
bool is_the_server(const Launch& launch, const LateRank& late) {
  return launch.mode() == Mode::parameter_server && late.lateness.rank == 0 && late.phase != "data" &&
         late.phase != "compute";
}

}  // namespace

const char* words_for(Straggler kind) {
  switch (kind) {
    case Straggler::persistent:
      return "always the same";
    case Straggler::roaming:
      return "roams";
    case Straggler::uneven:
      return "some more than others";
    case Straggler::none:
      break;
  }
  return "none";
}

std::optional<LateRank> late_rank(const LaunchGroup& group) {
  if (group.any().splits_the_model()) return {};
  const auto ranks = static_cast<std::size_t>(group.any().recorded_ranks);
  std::vector<double> caused(ranks, 0);
  std::vector<Quantities> means(ranks);
  const double share = 1 / static_cast<double>(group.launches.size());
  for (const Launch* launch : group.launches) {
    for (std::size_t r = 0; r < std::min(ranks, launch->wait_caused.size()); ++r)
      caused[r] += launch->wait_caused[r] * share;
    for (std::size_t r = 0; r < ranks; ++r) {
      Quantities mean = launch->rank_steps[r];
      means[r] += mean *= share;
    }
  }
  LateRank late{.lateness = lateness(caused), .wait = 0, .phase = ""};
  if (late.lateness.kind == Straggler::none) return {};
  for (const double seconds : caused) late.wait += seconds;
  name_phase(late, means);
  late.role = is_the_server(group.any(), late);
  return late;
}

}  // namespace lockstep
