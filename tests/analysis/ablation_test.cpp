// A step beside the same without communication and its communication alone, on a simulated machine.
#include "analysis/model/ablation.hpp"

#include "analysis/render/render.hpp"
#include "analysis/support/simulated_run.hpp"
#include "analysis/support/synthetic_run.hpp"
#include "analysis/tables/pages.hpp"
#include "support/catch.hpp"

using namespace lockstep;
using namespace lockstep::test;

namespace {

using Trust = AblationComparison::Trust;

// 30 ms a step on 2 ranks, of which some milliseconds are exposed.
SimulatedRun whole() { return {.ranks = 2, .link = {100e-6, 1e9}}; }

RunData marked(SimulatedRun machine, const std::string& ablation) {
  const SimulatedRun of = machine;
  if (ablation == "no_comm") machine.buckets = {};
  if (ablation == "comm_only")
    machine.data = machine.forward = machine.backward = machine.optimizer = machine.other = 0;
  RunData run = simulate(machine);
  run.settings["parallel.ablation"] = ablation;
  run.header.uuid += ablation;
  run.model.gradient_bytes = simulate(of).model.gradient_bytes;
  return run;
}

// The whole step, and the step without communication of a machine that is a little unlike.
Analysis beside(const SimulatedRun& unlike) {
  return analyse({simulate(whole()), marked(unlike, "no_comm"), marked(whole(), "comm_only")});
}

AblationComparison compared(const Analysis& analysis) {
  const auto found = ablations_of(analysis.summaries.at(0));
  REQUIRE(found.size() == 1);
  REQUIRE(found[0].no_comm);
  REQUIRE(found[0].comm_only);
  return found[0];
}

}  // namespace

TEST_CASE("events and ablation agree where communication costs nothing but itself") {
  const Analysis analysis = beside(whole());
  const AblationComparison c = compared(analysis);
  CHECK(c.whole->group->label == "ddp x2");
  CHECK(c.no_comm->group->label == "ddp x2 no_comm");
  CHECK(c.trust == Trust::both);
  CHECK(c.exposed_by_ablation->value == Approx(c.whole->steps.point[Quantity::comm_exposed]).epsilon(1e-6));
  CHECK(c.compute_slowdown->value == Approx(0).margin(1e-9));
  double alone = 0;
  for (const double bytes : whole().buckets) alone += whole().link.all_reduce(bytes, 2);
  CHECK(c.comm_alone->value == Approx(alone));
  CHECK(says(trust_sentence(c), "ddp x2: events and ablation agree within 5 %"));
}

TEST_CASE("compute that is slower beside communication: trust the ablation") {
  SimulatedRun faster = whole();
  faster.backward *= 0.9;
  const Analysis analysis = beside(faster);
  const AblationComparison c = compared(analysis);
  CHECK(c.trust == Trust::ablation);
  CHECK(c.phase == LossPart::compute);
  CHECK(c.longer == Approx(0.1 * 200e-6 * 32));
  CHECK(c.difference == Approx(c.longer));
  CHECK(c.compute_slowdown->value == Approx(0.64 / (3.2 + 5.76 + 1)).epsilon(1e-3));
  CHECK(says(trust_sentence(c), "trust the ablation: compute takes 0.640 ms longer"));
}

TEST_CASE("a loader that is slower without communication: trust the events") {
  SimulatedRun starved = whole();
  starved.data += 50e-6;
  const Analysis analysis = beside(starved);
  const AblationComparison c = compared(analysis);
  CHECK(c.trust == Trust::events);
  CHECK(c.phase == LossPart::data);
  CHECK(says(trust_sentence(c), "trust the events: data takes 1.60 ms longer in 'ddp x2 no_comm'"));
}

TEST_CASE("analyze overlap shows the three side by side, and nothing without an ablation") {
  const auto text = [](const Analysis& analysis) { return render(overlap_page(analysis, {}), Format::md); };
  const std::string shown = text(beside(whole()));
  CHECK(says(shown, "without comm ms"));
  CHECK(says(shown, "events and ablation agree within 5 %"));
  CHECK(lacks(shown, "no_comm: the files have no events"));
  CHECK(lacks(text(analyse({simulate(whole())})), "without comm ms"));
  // Another configuration is not the same work.
  RunData other = marked(whole(), "no_comm");
  other.settings["parallel.bucket_mb"] = "7";
  CHECK(lacks(text(analyse({simulate(whole()), other})), "without comm ms"));
}

TEST_CASE("an ablation is called no training, and a simulated link simulated") {
  RunData sim = simulate(whole());
  for (const auto& [key, value] : {std::pair("backend", "sim"),
                                   {"link.latency_us", "50"},
                                   {"link.gbps", "0"},
                                   {"link.jitter_us", "3"},
                                   {"link.slow_rank", "1"},
                                   {"link.slow_phase", "compute"},
                                   {"link.slow_factor", "2"}})
    sim.settings[std::string("parallel.") + key] = value;
  const Analysis analysis = analyse({marked(whole(), "no_comm"), sim});
  CHECK(says(sentence_of(group_named(analysis, "ddp x2 no_comm").findings, "no-training"),
             "parallel.ablation is no_comm"));
  CHECK(sentence_of(group_named(analysis, "ddp x2").findings, "no-training").empty());
  CHECK(says(
      sentence_of(group_named(analysis, "ddp x2").findings, "simulated-link"),
      "messages take 50 us, at any size, and up to 3 us of jitter longer; on rank 1 compute takes 2 times as "
      "long"));
  CHECK(sentence_of(group_named(analysis, "ddp x2 no_comm").findings, "simulated-link").empty());
}
