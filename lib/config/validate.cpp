#include "base/error.hpp"
#include "config/load_config.hpp"

namespace lockstep {

namespace {

// "configs/x.yaml: " before a message about a key that is not there.
std::string where(const RunConfig& c) { return c.file.empty() ? "" : c.file + ": "; }

void check_required(const RunConfig& c) {
  if (c.model.name.empty()) throw input_error("{}'model.name' is missing; give the model to train", where(c));
  if (c.data.name.empty())
    throw input_error("{}'data.name' is missing; give the data set to train on", where(c));
}

void check_exactly_one(const RunConfig& c, const std::string& a, bool has_a, const std::string& b,
                       bool has_b) {
  if (has_a && has_b)
    throw input_error("{} and {} are both given; keep one of the two ('--set {}=null' removes one)",
                      c.place(a), c.place(b), a);
  if (!has_a && !has_b)
    throw input_error("{}'{}' or '{}' is missing; give exactly one of the two", where(c), a, b);
}

void check_optimizer(const RunConfig& c) {
  const RunConfig::Optimizer& o = c.training.optimizer;
  const RunConfig::Optimizer defaults;
  const bool sgd = o.name == OptimizerKind::sgd;
  if (o.momentum != 0 && !sgd)
    throw input_error("{} is for the optimizer sgd only; leave it out, or set training.optimizer.name to sgd",
                      c.place("training.optimizer.momentum"));
  if (o.nesterov && !(sgd && o.momentum > 0))
    throw input_error(
        "{} needs the optimizer sgd with momentum > 0; set training.optimizer.momentum, for example to 0.9",
        c.place("training.optimizer.nesterov"));
  for (const auto& [key, changed] :
       {std::pair("beta1", o.beta1 != defaults.beta1), std::pair("beta2", o.beta2 != defaults.beta2),
        std::pair("eps", o.eps != defaults.eps)})
    if (sgd && changed)
      throw input_error(
          "{} is for adam and adamw only; leave it out, or set training.optimizer.name to one of them",
          c.place(fmt::format("training.optimizer.{}", key)));
}

void check_steps(const RunConfig& c) {
  if (!c.training.steps) return;
  const std::int64_t steps = *c.training.steps;
  if (c.training.schedule.warmup_steps >= steps && c.training.schedule.warmup_steps > 0)
    throw input_error("{} is {}, but the run has {} steps; it must be smaller",
                      c.place("training.schedule.warmup_steps"), c.training.schedule.warmup_steps, steps);
  if (c.measure.warmup && *c.measure.warmup >= steps)
    throw input_error("{} is {}, but the run has {} steps; none would be left to measure",
                      c.place("measure.warmup"), *c.measure.warmup, steps);
}

void check_parallel(const RunConfig& c) {
  const RunConfig::Parallel& p = c.parallel;
  if (p.bucket_mb && p.first_bucket_mb > *p.bucket_mb)
    throw input_error("{} is {}, more than parallel.bucket_mb, {}; make it at most that",
                      c.place("parallel.first_bucket_mb"), p.first_bucket_mb, *p.bucket_mb);
  if (p.backend == BackendKind::nccl && p.device == DeviceKind::cpu)
    throw input_error(
        "{} is nccl, which moves data between GPUs, but parallel.device is cpu; take the backend mpi",
        c.place("parallel.backend"));
  if (p.backend == BackendKind::shm && p.device == DeviceKind::cuda)
    throw input_error(
        "{} is shm, memory that the ranks of a node share, but parallel.device is cuda; take the backend "
        "nccl or mpi",
        c.place("parallel.backend"));
  if (c.measure.scaling == Scaling::weak && !c.training.micro_batch)
    throw input_error(
        "{} is weak, which keeps the batch of each rank; give training.micro_batch instead of "
        "training.global_batch",
        c.place("measure.scaling"));
}

void check_link(const RunConfig& c) {
  const RunConfig::Link &link = c.parallel.link, fresh;
  const bool slowed = link.slow_factor != fresh.slow_factor;
  for (const auto& [key, changed] : {std::pair("latency_us", link.latency_us != fresh.latency_us),
                                     {"gbps", link.gbps != fresh.gbps},
                                     {"jitter_us", link.jitter_us != fresh.jitter_us},
                                     {"slow_rank", link.slow_rank != fresh.slow_rank},
                                     {"slow_factor", slowed},
                                     {"slow_phase", link.slow_phase != fresh.slow_phase}})
    if (changed && c.parallel.backend != BackendKind::sim)
      throw input_error("{} is for the back end sim only; leave it out, or set parallel.backend to sim",
                        c.place(fmt::format("parallel.link.{}", key)));
  if (slowed && link.slow_rank < 0)
    throw input_error("{} is {}, but no rank is slow; name one with parallel.link.slow_rank",
                      c.place("parallel.link.slow_factor"), link.slow_factor);
  if (!slowed && link.slow_rank >= 0)
    throw input_error("{} is {}, but parallel.link.slow_factor is 1, which slows nothing; make it larger",
                      c.place("parallel.link.slow_rank"), link.slow_rank);
}

void check_ablation(const RunConfig& c) {
  if (c.parallel.ablation == Ablation::none) return;
  const RunConfig::Checkpoint& save = c.checkpoint;
  for (const auto& [key, asked, off] : {std::tuple("every_epochs", save.every_epochs > 0, "0"),
                                        {"every_steps", save.every_steps > 0, "0"},
                                        {"every_minutes", save.every_minutes > 0, "0"},
                                        {"on_signal", save.on_signal.value_or(false), "false"}})
    if (asked)
      throw input_error(
          "{} leaves parts of the training out, so there is nothing to save; set checkpoint.{} to {}",
          c.place("parallel.ablation"), key, off);
  if (c.parallel.tries_reductions())
    throw input_error(
        "{}: with parallel.ablation nothing is tried; give the value that the run with the whole step has chosen",
        c.place(c.parallel.overlap ? "parallel.bucket_mb" : "parallel.overlap"));
  if (c.parallel.sync_batchnorm)
    throw input_error(
        "{} is about gradients alone, and parallel.sync_batchnorm communicates in the forward "
        "pass; set it to false",
        c.place("parallel.ablation"));
}

}  // namespace

void validate(const RunConfig& config) {
  check_required(config);
  check_exactly_one(config, "training.epochs", config.training.epochs.has_value(), "training.steps",
                    config.training.steps.has_value());
  check_exactly_one(config, "training.global_batch", config.training.global_batch.has_value(),
                    "training.micro_batch", config.training.micro_batch.has_value());
  check_optimizer(config);
  check_steps(config);
  check_parallel(config);
  check_link(config);
  check_ablation(config);
}

}  // namespace lockstep
