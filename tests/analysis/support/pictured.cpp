#include "analysis/support/pictured.hpp"

namespace lockstep::test {

namespace {

const RunData& data_of(const Launch& launch, const Analysis& analysis, const std::vector<RunData>& runs) {
  return runs[static_cast<std::size_t>(&launch - analysis.runs.launches.data())];
}

}  // namespace

std::vector<PictureInput> inputs_of(const Analysis& analysis, const std::vector<RunData>& runs) {
  std::vector<PictureInput> inputs;
  for (const WorkloadSummary& workload : analysis.summaries) {
    PictureInput& input = inputs.emplace_back(picture_input(analysis, workload));
    for (const GroupSummary* summary : drawn_groups(workload, kPictureGroups)) {
      GroupDetail& group = input.groups.emplace_back(GroupDetail{summary, {}});
      for (const Launch* launch : summary->group->launches)
        group.runs.push_back(make_detail(data_of(*launch, analysis, runs), *launch));
    }
  }
  return inputs;
}

void add_passes(RunData& run, int micro_batches) {
  StageTable& t = run.stages;
  for (std::int32_t rank = 0; rank < run.steps.ranks(); ++rank) {
    for (std::int32_t step = 0; step < run.steps.steps(); ++step) {
      for (std::int32_t pass = 0; pass < 2 * micro_batches; ++pass) {
        t.rank.push_back(rank);
        t.stage.push_back(rank);
        t.step.push_back(step);
        t.micro_batch.push_back(pass % micro_batches);
        t.direction.push_back(pass / micro_batches);
        t.start.push_back(run.steps.start.at(rank, step) + 1e-3 * pass);
        t.end.push_back(t.start.back() + 1e-3);
      }
    }
  }
}

std::string hostile_text() {
  return "</title><script>alert(1)</script>' \"`touch pwned`; system('touch pwned') %s $(touch "
         "pwned)\n\\input{x}\x01\xff\xc0&_#";
}

std::vector<RunData> hostile_runs() {
  std::vector<RunData> runs = usual_runs();
  for (RunData& run : runs) {
    run.model.name = run.data.name = run.metric = hostile_text();
    run.header.uuid += hostile_text();
    run.settings["training.precision"] = hostile_text();
    run.settings["parallel.backend"] = hostile_text();
    run.environment["libtorch"] = hostile_text();
    run.config_given = hostile_text();
    if (run.header.mode == "ddp") run.header.mode = "d'" + hostile_text();
    for (RankEnvironment& rank : run.ranks)
      rank.host = rank.cpu = rank.device = rank.thread_cores = rank.caches = rank.machine = rank.variables =
          hostile_text();
  }
  return runs;
}

}  // namespace lockstep::test
