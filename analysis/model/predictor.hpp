// The model of a step (metrics/step_model.hpp) of measured groups, and estimates made with it.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "analysis/metrics/step_model.hpp"
#include "analysis/model/scaling.hpp"

namespace lockstep {

// Whether its ranks have the parameters in common where the optimizer is sharded, so that nothing is exchanged.
bool parameters_in_common(const Launch& launch);

class Predictor {
 public:
  // source: the group that is modelled. relatives: groups whose compute per step, with other batches, tells
  // what part of it does not grow with the batch; may hold the source.
  Predictor(const GroupSummary& source, const std::vector<const GroupSummary*>& relatives);

  // A positive number made of the model, with its interval from the launches of the source, the relatives
  // and, where it is uncertain, the link. `also`: the step of one more group, or of the source itself.
  using Metric = std::function<double(const StepModel&, const Link&, const Quantities& also)>;
  Estimate estimate(const Metric& metric, const GroupSummary* also = nullptr) const;

  // The link to reckon with; at first it is the one behind the source's own all-reduces, where they show one.
  // from: where it is known from, for people: "as given".
  void set_link(const Estimate& latency, const Estimate& bandwidth, std::string from);
  // One that leads to other nodes, as a user gives it.
  void set_link(const Link& link);
  bool has_link() const { return link_.has_value(); }
  Link link() const;
  const std::string& link_from() const { return link_from_; }

  double samples_per_rank() const;  // of the source
  const GroupSummary& source() const { return *source_; }
  StepModel model() const;           // of the medians
  bool knows_fixed_compute() const;  // whether the relatives have other batches
  // Ring and grid: the others' messages are known from the group itself, as they were.
  bool needs_link() const;
  // Whether it is known how messages add up over ranks: of a parameter server from two numbers of ranks on.
  bool knows_growth() const;
  // What a step is that the model tells of so many ranks. Ranks of one node share its memory, caches and, on
  // CPUs, its clock and cores: more of them than were measured slow each other down by what the model does not
  // know, fewer by less than it takes them to.
  Limit limit_of_step(std::int64_t ranks) const;
  // The model without what it only assumes, for a step that is at least so long: where no buckets were recorded
  // the gradients are ready at once, and one rank's work from step to step is that of all.
  StepModel least(StepModel model) const;
  // Whether the model is one for so many ranks: a grid's are a multiple of its stages.
  bool allows(std::int64_t ranks) const;

  // What the model tells of the groups that it is to be held against, the source and those of its mode on
  // other numbers of ranks above one; the worst first.
  struct Check {
    const GroupSummary* group = nullptr;
    double told = 0, seen = 0;  // seconds a step
    double miss() const { return told / seen - 1; }
  };
  std::vector<Check> checks() const;
  // By how much the worst is missed. Above kTrusted the model is none of these runs.
  double worst_miss() const;
  static constexpr double kTrusted = 0.1;
  // With the model's own error as part of what is not known. positive: a number made with the model.
  Estimate widened(Estimate positive) const;
  // The same of a bound, which is all that the number is.
  Estimate bound(const Estimate& positive, Limit limit) const;

  bool knows_buckets() const { return !source_->parallel.buckets.empty(); }

 private:
  StepModel model_of(const Quantities& source, const std::vector<Quantities>& relatives) const;
  bool tells_fixed_compute(const GroupSummary& relative) const;
  bool is_elsewhere(const GroupSummary& relative) const;
  void add_kind(StepModel& model, const Quantities& q) const;
  void add_messages(StepModel& model, const Quantities& source,
                    const std::vector<Quantities>& relatives) const;
  void add_buckets(StepModel& model, double backward) const;
  void add_spread(StepModel& model, const Quantities& q) const;
  std::vector<Estimate::Bounds> at_bounds_of_link(const std::function<double(const Link&)>& metric) const;

  const GroupSummary* source_;
  std::vector<const GroupSummary*> relatives_;
  struct UncertainLink {
    Estimate latency, bandwidth;
  };
  std::optional<UncertainLink> link_;
  std::string link_from_;
  bool link_leads_elsewhere_ = false;
  double step_spread_ = 0;  // of one rank from step to step, by its work: where there are no other ranks
};

// Buckets as the launch's settings cut them, or with another parallel.bucket_mb.
void plan_buckets(StepModel& model, const Launch& launch, double gradient_bytes,
                  std::optional<double> bucket_mb = {});

// The groups to predict from: of every series its group on most ranks with the series and its baseline as
// relatives; a workload without a series gives its group on most ranks. Groups with an open budget give none.
std::vector<Predictor> predictors_of(const WorkloadSummary& workload, Baseline baseline);

// One for each group that can be modelled, in the workload's order; relatives: its series and their baseline.
std::vector<Predictor> every_predictor(const WorkloadSummary& workload, Baseline baseline);

}  // namespace lockstep
