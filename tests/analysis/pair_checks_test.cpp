// Every rule that looks at a group and its baseline, by way of the claim that it refuses or leaves standing.
#include <limits>

#include "analysis/checks/rules.hpp"
#include "analysis/support/synthetic_run.hpp"
#include "support/catch.hpp"

using namespace lockstep;
using namespace lockstep::test;

namespace {

// With every parallel one of the runs changed.
template <typename Change>
Comparison with_parallel_among(std::vector<RunData> runs, Change change) {
  for (RunData& run : runs)
    if (run.header.mode == "ddp") change(run);
  const Analysis analysis = analyse(runs);
  for (const GroupSummary& group : analysis.summaries.front().groups)
    if (group.group->any().header.mode == "ddp") {
      Comparison c = group.against_seq;
      c.baseline = nullptr;  // it goes with the analysis
      return c;
    }
  return {};
}

template <typename Change>
Comparison with_parallel(Change change) {
  return with_parallel_among(usual_runs(), change);
}

std::vector<RunData> on_gpu(std::vector<RunData> runs) {
  for (RunData& run : runs) {
    run.settings["parallel.device"] = "cuda";
    for (RankEnvironment& rank : run.ranks) rank.device = "NVIDIA H100 80GB HBM3";
  }
  return runs;
}

void check_refused(const Comparison& c, const std::string& code, const std::string& words) {
  CHECK_FALSE(c.speedup);
  CHECK_FALSE(c.efficiency);
  CHECK_FALSE(c.karp_flatt);
  REQUIRE(c.refused());
  CHECK(c.refused()->rule->code == code);
  CHECK(says(c.refused()->sentence, words));
}

void check_warned(const Comparison& c, const std::string& code, const std::string& words) {
  CHECK(c.speedup);
  CHECK_FALSE(c.refused());
  CHECK(says(sentence_of(c.findings, code), words));
}

}  // namespace

TEST_CASE("equal work on equal hardware is compared without a word") {
  const Comparison c = with_parallel([](RunData&) {});
  CHECK(c.speedup);
  CHECK(c.findings.empty());
}

TEST_CASE("cross-hardware") {
  check_refused(with_parallel([](RunData& r) { r.fingerprint = "ffffffffffffffff"; }), "cross-hardware",
                "fingerprint ffffffffffffffff, baseline 00112233aabbccdd");
  check_refused(with_parallel([](RunData& r) { r.settings["parallel.device"] = "cuda"; }), "cross-hardware",
                "device cuda, baseline cpu");
}

TEST_CASE("other-digests: digests of another kind are no other hardware and no other data") {
  const Comparison c = with_parallel([](RunData& r) {
    r.fingerprint = "xxh3-00112233aabbccdd";
    r.data.digest = "xxh3-0011223344556677";
  });
  check_refused(c, "other-digests", "xxh3-00112233aabbccdd here, 00112233aabbccdd there");
  CHECK(c.findings.size() == 1);
}

TEST_CASE("different-work") {
  SECTION("data") {
    check_refused(with_parallel([](RunData& r) { r.data.digest = "x"; }), "different-work",
                  "data digest x, baseline");
  }
  SECTION("rows") {
    check_refused(with_parallel([](RunData& r) { r.data.train_rows = 999; }), "different-work",
                  "training rows 999, baseline 2560");
  }
  SECTION("precision") {
    check_refused(with_parallel([](RunData& r) { r.settings["training.precision"] = "bf16"; }),
                  "different-work", "training.precision bf16, baseline fp32");
  }
  SECTION("a hyper-parameter that one side alone has") {
    check_refused(with_parallel([](RunData& r) { r.settings["model.hidden"] = "[9]"; }), "different-work",
                  "model.hidden [9], baseline ");
  }
  SECTION("size of the model") {
    check_refused(with_parallel([](RunData& r) { r.model.parameters = 1; }), "different-work",
                  "parameters 1, baseline");
  }
  SECTION("epochs") {
    check_refused(
        with_parallel([](RunData& r) {
          r = make_run({.mode = "ddp", .ranks = 2, .epochs = 1, .seed = std::stoi(r.settings["run.seed"])});
          r.settings["training.epochs"] = "2";
        }),
        "different-work", "epochs 1, baseline 2; steps 40, baseline 80");
  }
  SECTION("global batch under strong scaling") {
    check_refused(
        with_parallel([](RunData& r) {
          r = make_run({.mode = "ddp", .ranks = 2, .batch = 32, .seed = std::stoi(r.settings["run.seed"])});
          r.data.train_rows *= 2;
        }),
        "different-work", "samples a step 32, baseline 64");
  }
}

TEST_CASE("how the work is spread over the ranks is no difference of the work") {
  const Comparison c = with_parallel([](RunData& r) {
    r.settings["parallel.bucket_mb"] = "1";
    r.settings["data.workers"] = "4";
    r.settings["training.accumulate"] = "2";
  });
  CHECK(c.speedup);
}

TEST_CASE("weak-as-strong") {
  const auto double_batch = [](RunData& r) {
    r = make_run(
        {.mode = "ddp", .ranks = 2, .steps = 20, .batch = 128, .seed = std::stoi(r.settings["run.seed"])});
  };
  check_refused(with_parallel(double_batch), "weak-as-strong", "128 samples a step on 2 ranks, 64 on 1");
  const Comparison weak = with_parallel([&](RunData& r) {
    double_batch(r);
    r.settings["measure.scaling"] = "weak";
  });
  CHECK(weak.speedup);
}

TEST_CASE("weak scaling needs the same batch a rank") {
  check_refused(with_parallel([](RunData& r) { r.settings["measure.scaling"] = "weak"; }), "different-work",
                "samples a step and rank 32, baseline 64");
}

TEST_CASE("chance-level") {
  const auto at = [](double accuracy) {
    return with_parallel([=](RunData& r) { r.epochs.back().test_metric = accuracy; });
  };
  check_refused(at(0.1), "chance-level",
                "accuracy of 'ddp x2' is 0.100, chance is 0.100, and only above 0.145 is clearly better");
  check_refused(at(0.14), "chance-level", "only above");
  CHECK_FALSE(has_code(at(0.15).findings, "chance-level"));  // it learned less than the baseline
}

TEST_CASE("a baseline at chance level is refused as well, and validation serves where there is no test") {
  std::vector<RunData> runs = usual_runs();
  for (RunData& run : runs) run.epochs.back().test_metric = std::numeric_limits<double>::quiet_NaN();
  CHECK(group_named(analyse(runs), "ddp x2").against_seq.speedup);
  for (RunData& run : runs)
    if (run.header.mode == "seq") run.epochs.back().validation_metric = 0.1;
  const Analysis analysis = analyse(runs);
  check_refused(group_named(analysis, "ddp x2").against_seq, "chance-level", "accuracy of 'seq' is 0.100");
}

TEST_CASE("no-metric") {
  std::vector<RunData> runs = usual_runs();
  for (RunData& run : runs) {
    run.data.validation_rows = run.data.test_rows = 0;
    run.epochs.back().test_metric = run.epochs.back().validation_metric =
        std::numeric_limits<double>::quiet_NaN();
  }
  check_warned(group_named(analyse(runs), "ddp x2").against_seq, "no-metric", "'ddp x2' has neither");
}

TEST_CASE("no-common-seed") {
  check_warned(with_parallel([](RunData& r) {
                 r.settings["run.seed"] += "0";
                 r.data.digest = "of another seed";
               }),
               "no-common-seed", "no seed was used on both sides");
}

TEST_CASE("different-versions") {
  check_warned(with_parallel([](RunData& r) { r.environment["libtorch"] = "2.12.0"; }), "different-versions",
               "libtorch 2.12.0, baseline 2.11.0");
  CHECK(with_parallel([](RunData& r) { r.environment["nccl"] = "none"; }).findings.empty());
}

TEST_CASE("unequal-threads") {
  check_warned(with_parallel([](RunData& r) {
                 for (RankEnvironment& rank : r.ranks) rank.threads = 8;
               }),
               "unequal-threads", "threads a rank 8, baseline 1");
  const Comparison on_gpus = with_parallel_among(on_gpu(usual_runs()), [](RunData& r) {
    for (RankEnvironment& rank : r.ranks) rank.threads = 16;
  });
  CHECK(on_gpus.speedup);
  CHECK(on_gpus.findings.empty());
}

TEST_CASE("different-clocks") {
  const auto clocked = [](double seq, double ddp) {
    std::vector<RunData> runs = on_gpu(usual_runs());
    for (RunData& run : runs)
      for (EpochRow& row : run.epochs) {
        row.train_seconds = 1;
        row.gpu = {.recorded = true, .sm_clock = run.header.mode == "ddp" ? ddp : seq};
      }
    return with_parallel_among(std::move(runs), [](RunData&) {});
  };
  check_warned(clocked(1.98e9, 1.41e9), "different-clocks", "1410 MHz on average, baseline 1980 MHz");
  CHECK(clocked(1.98e9, 1.95e9).findings.empty());
  CHECK(clocked(1.98e9, kUnknown).findings.empty());
}

TEST_CASE("different-tf32") {
  const auto gpus = [](const char* seq, const char* ddp) {
    std::vector<RunData> runs = on_gpu(usual_runs());
    for (RunData& run : runs)
      if (const char* tf32 = run.header.mode == "ddp" ? ddp : seq) run.settings["training.tf32"] = tf32;
    return with_parallel_among(std::move(runs), [](RunData&) {});
  };
  check_warned(gpus("off", "on"), "different-tf32", "training.tf32 on, baseline off");
  check_warned(gpus(nullptr, "off"), "different-tf32", "training.tf32 off, baseline not recorded");
  CHECK(gpus("on", "on").findings.empty());
  CHECK(gpus(nullptr, nullptr).findings.empty());
  // On a CPU it is never on.
  CHECK(with_parallel([](RunData& r) { r.settings["training.tf32"] = "off"; }).findings.empty());
}

TEST_CASE("different-kernels") {
  check_warned(with_parallel([](RunData& r) { r.settings["model.kernels"] = "library"; }),
               "different-kernels", "model.kernels library, baseline own");
  CHECK(with_parallel([](RunData& r) { r.settings["model.kernels"] = "own"; }).findings.empty());
}

TEST_CASE("ablation") {
  check_refused(with_parallel([](RunData& r) { r.settings["parallel.ablation"] = "no_comm"; }), "ablation",
                "parallel.ablation of 'ddp x2 no_comm' is no_comm");
  CHECK(with_parallel([](RunData& r) { r.settings["parallel.ablation"] = "none"; }).speedup);
}

TEST_CASE("a law of scaling: too few ranks, a slowdown, more than the ranks") {
  using Points = std::vector<ScalingPoint>;
  CHECK(check_series(Points{{2, 1.9}, {4, 3.6}}).empty());
  CHECK(says(sentence_of(check_series(Points{{2, 1.9}}), "amdahl-few-ranks"),
             "there are 2, one rank included"));
  CHECK(has_code(check_series(Points{{2, 1.9}}), "usl-few-ranks"));
  const std::vector<Finding> slow = check_series(Points{{2, 0.79984}, {4, 0.46137}});
  CHECK(says(sentence_of(slow, "amdahl-slowdown"), "the speedup of 2 ranks is 0.800, below 1"));
  CHECK_FALSE(refusal_of(slow, Claim::usl));
  CHECK(has_code(check_series(Points{{2, 2.5}, {4, 5}}), "amdahl-superlinear"));
}

TEST_CASE("single") {
  const Analysis analysis = analyse({make_run(usual_seq(1)), make_run(usual_ddp(1))});
  CHECK(says(sentence_of(group_named(analysis, "seq").findings, "single"), "single launch"));
  const Comparison& c = group_named(analysis, "ddp x2").against_seq;
  CHECK(c.speedup);
  CHECK_FALSE(c.speedup->interval);
  CHECK_FALSE(has_code(group_named(analyse(usual_runs()), "seq").findings, "single"));
}

TEST_CASE("amdahl-slowdown and amdahl-superlinear") {
  const Comparison slow = with_parallel([](RunData& r) {
    r = make_run({.mode = "ddp", .ranks = 2, .seed = std::stoi(r.settings["run.seed"]), .transfer = 20e-3});
  });
  CHECK(slow.speedup->value < 1);
  CHECK_FALSE(slow.amdahl_parallel_share);
  CHECK(says(sentence_of(slow.findings, "amdahl-slowdown"), "below 1"));
  const Comparison fast = with_parallel([](RunData& r) {
    r = make_run({.mode = "ddp",
                  .ranks = 2,
                  .seed = std::stoi(r.settings["run.seed"]),
                  .forward = 4.5e-3,
                  .backward = 9e-3});
  });
  CHECK(fast.speedup->value > 2);
  CHECK_FALSE(fast.amdahl_parallel_share);
  CHECK(has_code(fast.findings, "amdahl-superlinear"));
}
