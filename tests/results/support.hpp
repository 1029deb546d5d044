// A small run with a different number in every place, and a folder that goes away.
#pragma once

#include <string>

#include "results/run_data.hpp"
#include "results/run_writer.hpp"
#include "support/temporary_folder.hpp"

namespace lockstep {

#if defined(__SANITIZE_ADDRESS__)
inline constexpr bool kSanitized = true;  // its shadow memory takes terabytes of addresses
#else
inline constexpr bool kSanitized = false;
#endif

inline RunData sample_start() {
  RunData run;
  run.header.uuid = "0123abcd-0000-4000-8000-000000000001";
  run.header.mode = "ddp";
  run.header.started = "2026-01-31T12:00:00Z";
  run.config_given = "model: {name: mlp}\n# --set a=b\n";
  run.config_resolved = "model:\n  name: mlp\n";
  run.settings = {{"model.name", "mlp"}, {"training.global_batch", "64"}};
  run.ranks = {{.host = "h0",
                .device = "cpu",
                .cpu = "P",
                .driver = "",
                .cores_bound = 2,
                .threads = 1,
                .memory_bytes = 7},
               {.host = "h1",
                .device = "cpu",
                .cpu = "P",
                .driver = "",
                .cores = "0 2 5",
                .thread_cores = "0,2 5",
                .loader_cores = "0,2,5",
                .numa_nodes = "0-1",
                .caches = "L3 0-1 of 32 MiB",
                .machine = "2 packages",
                .variables = "NCCL_DEBUG=INFO\nOMP_NUM_THREADS=2",
                .cores_bound = 3,
                .threads = 2,
                .memory_bytes = 8,
                .loader_threads = 4,
                .cpu_quota = 1.5,
                .clock_offset = 0.25,
                .clock_error = 0.5}};
  run.environment = {{"libtorch", "2.11.0"}, {"mpi", "x"}};
  run.fingerprint = "f00d";
  run.metric = "perplexity";
  run.higher_is_better = false;
  run.chance = 4;
  run.measures = {{.name = "bleu", .unit = "1", .about = "of greedy decoding", .splits = {Split::test}}};
  run.buckets = {{100, 200}, {1, 2}, {"b", "a"}};
  run.reduction = {.chosen = {Overlap::after, 5},
                   .reason = "faster",
                   .steps = 1,
                   .tried = {{Overlap::thread, 25}, {Overlap::after, 5}},
                   .seconds = {2e-3, kUnknown}};
  run.memory.parameters.assign(run.ranks.size(), 300);
  run.memory.gradients.assign(run.ranks.size(), 200);
  run.memory.optimizer.assign(run.ranks.size(), 100);
  run.model = {"mlp", 222360, 889440, 1e6, {"flatten", "head"}, {0, 222360}};
  run.data = {"synthetic", 900, 100, 50, 4, "d1"};
  return run;
}

inline StepTable sample_steps(std::int64_t steps, std::int32_t epoch) {
  StepTable table;
  double next = 1 + 100 * epoch;
  for_each_step_column([&]<typename T>(const StepColumn<T>& column) {
    if constexpr (std::is_same_v<T, double>) {
      if (column.may_lack()) return;
      table.*column.table = Matrix<double>(2, steps);
      for (double& v : (table.*column.table).values) v = next += 0.5;
    }
  });
  table.samples = Matrix<std::int32_t>(2, steps, 32);
  table.epoch = Matrix<std::int32_t>(2, steps, epoch);
  table.loss_terms = Matrix<std::int32_t>(2, steps, 320);
  table.tokens = Matrix<std::int32_t>(2, steps, 640);
  table.padded_tokens = Matrix<std::int32_t>(2, steps, 7);
  table.loss = Matrix<float>(2, steps, 0.75f);
  table.grad_norm = Matrix<float>(2, steps, 1.5f);
  return table;
}

// Two events a rank; in order of rank, then time.
inline CommTable sample_comm(std::int32_t step) {
  CommTable comm;
  for (std::int32_t rank = 0; rank < 2; ++rank)
    for (std::int32_t i = 0; i < 2; ++i) {
      comm.rank.push_back(rank);
      comm.step.push_back(step);
      comm.bucket.push_back(i);
      comm.sequence.push_back(10 * step + i);
      comm.bytes.push_back(100 * (i + 1));
      comm.kind.push_back(i == 0 ? "all_reduce" : "broadcast");
      comm.ready.push_back(step + 0.1 * i);
      comm.start.push_back(step + 0.1 * i + 0.01);
      comm.end.push_back(step + 0.1 * i + 0.05);
    }
  return comm;
}

inline EpochRow sample_epoch(double value) {
  EpochRow row{.train_loss = value,
               .validation_loss = value + 1,
               .validation_metric = 0.5,
               .test_metric = 0.625,
               .train_seconds = 3,
               .validation_seconds = 4,
               .learning_rate = 1e-3,
               .peak_memory_bytes = 1 << 20,
               .confusion = Matrix<std::int64_t>(2, 2),
               .more = {{"test_bleu", value + 2}}};
  row.confusion.values = {5, 1, 2, 7};
  return row;
}

inline AuditRow sample_audit() { return {{450, 451}, {1, ~std::uint64_t{0}}, 0, 1, 2}; }

// A whole run of two epochs.
inline void write_sample(const std::string& path) {
  RunWriter writer(path, sample_start());
  writer.append_epoch(sample_steps(3, 0), sample_comm(0), {}, sample_epoch(1), sample_audit());
  writer.append_epoch(sample_steps(2, 1), sample_comm(3), {}, sample_epoch(0.5), sample_audit());
  writer.finish("complete", true, {}, 12.5);
}

}  // namespace lockstep
