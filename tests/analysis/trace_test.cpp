// The trace against the documented format: required fields by phase, ids of flows, order of time.
#include "analysis/render/trace.hpp"

#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "analysis/support/pictured.hpp"
#include "support/catch.hpp"

using namespace lockstep;
using namespace lockstep::test;

namespace {

using nlohmann::json;
using Lane = std::pair<double, double>;

json trace_of(const RunData& run, StepWindow window) {
  std::ostringstream out;
  write_trace(out, run, window);
  return json::parse(out.str());
}

double number_of(const json& event, const char* name) {
  CAPTURE(name);
  REQUIRE(event.contains(name));
  REQUIRE(event[name].is_number());
  return event[name].get<double>();
}

std::string text_of(const json& event, const char* name) {
  CAPTURE(name);
  REQUIRE(event.contains(name));
  REQUIRE(event[name].is_string());
  return event[name].get<std::string>();
}

Lane lane_of(const json& event) { return {number_of(event, "pid"), number_of(event, "tid")}; }

void check_metadata(const json& event, std::set<Lane>& named) {
  REQUIRE(event.contains("args"));
  const json& arguments = event["args"];
  const std::string name = text_of(event, "name");
  if (name.ends_with("_name")) {
    CHECK_FALSE(text_of(arguments, "name").empty());
    named.insert(lane_of(event));
  } else {
    CHECK(name.ends_with("_sort_index"));
    number_of(arguments, "sort_index");
  }
}

// What the format asks of every event, of each lane and of each flow. Returns the number of flows.
std::size_t check_format(const json& trace) {
  REQUIRE(trace.contains("traceEvents"));
  std::set<Lane> named;
  std::map<Lane, double> ends;
  std::map<double, std::string> flows;
  std::map<double, double> flow_times;
  std::set<std::pair<Lane, double>> begins;
  for (const json& event : trace["traceEvents"]) {
    const std::string phase = text_of(event, "ph");
    if (phase == "M") {
      check_metadata(event, named);
      continue;
    }
    const double time = number_of(event, "ts");
    CHECK(time >= 0);
    text_of(event, "name");
    text_of(event, "cat");
    const Lane lane = lane_of(event);
    CHECK(named.count(lane) == 1);
    if (phase == "X") {
      CHECK(number_of(event, "dur") >= 0);
      CHECK(time >= ends[lane] - 0.0015);  // the last digit of two numbers is rounded
      ends[lane] = time + number_of(event, "dur");
      begins.emplace(lane, time);
      continue;
    }
    const double id = number_of(event, "id");
    flows[id] += phase;
    CHECK(time >= flow_times[id]);
    flow_times[id] = time;
    CHECK(begins.count({lane, time}) == 1);  // an arrow ends in a span
    CHECK((phase == "f") == event.contains("bp"));
  }
  for (const auto& [id, phases] : flows) {
    CAPTURE(id, phases);
    CHECK(phases.front() == 's');
    CHECK(phases.back() == 'f');
    CHECK(phases.find_first_not_of('t', 1) == phases.size() - 1);
  }
  return flows.size();
}

}  // namespace

TEST_CASE("a trace of a window is as the format asks") {
  const RunData run = make_run({.mode = "ddp", .ranks = 4, .transfer = 2e-3, .hidden = 1e-3, .late = 1e-3});
  const json trace = trace_of(run, {10, 20});
  CHECK(check_format(trace) == 10);
  CHECK(trace["otherData"]["steps"] == "10:20");
  int waits = 0;
  for (const json& event : trace["traceEvents"])
    if (text_of(event, "name") == "waiting for the last rank") ++waits;
  CHECK(waits == 3 * 10);
}

TEST_CASE("collectives that overlap on one rank get lanes of their own") {
  RunData run = make_run({.mode = "ddp", .ranks = 2, .transfer = 2e-3});
  const std::size_t events = run.comm.size();
  for (std::size_t i = 0; i < events; ++i) {  // another bucket, half over the first
    run.comm.rank.push_back(run.comm.rank[i]);
    run.comm.step.push_back(run.comm.step[i]);
    run.comm.bucket.push_back(1);
    run.comm.sequence.push_back(10000 + run.comm.sequence[i]);
    run.comm.bytes.push_back(64);
    run.comm.kind.emplace_back("all_reduce");
    run.comm.ready.push_back(run.comm.ready[i]);
    run.comm.start.push_back(run.comm.start[i] + 1e-3);
    run.comm.end.push_back(run.comm.end[i] + 1e-3);
  }
  const json trace = trace_of(run, {0, 1000});
  CHECK(check_format(trace) == 2 * 80);
  std::set<std::string> lanes;
  for (const json& event : trace["traceEvents"])
    if (text_of(event, "name") == "thread_name") lanes.insert(event["args"]["name"].get<std::string>());
  CHECK(lanes.count("communication 2") == 1);
}

TEST_CASE("passes of micro-batches have lanes of their own") {
  RunData run = make_run({.mode = "ddp", .ranks = 2, .transfer = 2e-3});
  add_passes(run, 3);
  const json trace = trace_of(run, {4, 6});
  check_format(trace);
  int passes = 0;
  for (const json& event : trace["traceEvents"])
    if (text_of(event, "ph") == "X" && text_of(event, "cat") == "pass") {
      ++passes;
      CHECK(event["args"].contains("micro_batch"));
    }
  CHECK(passes == 2 * 2 * 6);
}

TEST_CASE("one rank, no events, hostile names, an empty window") {
  CHECK(check_format(trace_of(make_run({}), {0, 5})) == 0);
  check_format(trace_of(hostile_runs().back(), {0, 5}));
  RunData bare = make_run({.mode = "ddp", .ranks = 2, .transfer = 1e-3});
  bare.comm = {};
  bare.ranks.clear();
  bare.steps.bubble = {};
  check_format(trace_of(bare, {0, 5}));
  CHECK(trace_of(bare, {90, 100})["traceEvents"].empty());
}

TEST_CASE("the default window holds the median step and no warm-up where it can") {
  const RunData run = make_run({.slow_steps = 5, .jitter = 0.02});
  const StepWindow window = median_window(run.steps, 5);
  CHECK(window.last - window.first == kWindowSteps);
  CHECK(window.first >= 0);
  CHECK(window.last <= 80);
  const StepWindow all = median_window(make_run({.epochs = 1, .steps = 4}).steps, 0);
  CHECK(all.first == 0);
  CHECK(all.last == 4);
}
