#include "analysis/model/late_rank.hpp"

#include <limits>

#include "analysis/metrics/statistics.hpp"

namespace lockstep {

namespace {

constexpr LossPart kPhases[] = {LossPart::data, LossPart::h2d, LossPart::compute, LossPart::optimizer,
                                LossPart::other};

void name_phase(LateRank& late, const std::vector<Quantities>& ranks) {
  double most = -std::numeric_limits<double>::infinity();
  for (const LossPart phase : kPhases) {
    std::vector<double> others;
    for (std::size_t r = 0; r < ranks.size(); ++r)
      if (r != late.lateness.rank) others.push_back(phase_seconds(phase, ranks[r]));
    const double seconds = phase_seconds(phase, ranks[late.lateness.rank]), usual = median(others);
    if (seconds - usual <= most) continue;
    most = seconds - usual;
    late.phase = phase;
    late.seconds = seconds;
    late.others = usual;
  }
}

// Rank 0 of a parameter server sums all gradients and updates the parameters, alone.
bool is_the_server(const Launch& launch, const LateRank& late) {
  return launch.mode() == Mode::parameter_server && late.lateness.rank == 0 && late.phase != LossPart::data &&
         late.phase != LossPart::compute;
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
  LateRank late{.lateness = lateness(caused), .wait = 0};
  if (late.lateness.kind == Straggler::none) return {};
  for (const double seconds : caused) late.wait += seconds;
  name_phase(late, means);
  late.role = is_the_server(group.any(), late);
  return late;
}

}  // namespace lockstep
