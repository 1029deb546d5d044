// Speed counts only where as much is learned: what is compared with what, and what is refused.
#include "analysis/runs/quality.hpp"

#include <limits>

#include "analysis/advice/verdict.hpp"
#include "analysis/support/synthetic_run.hpp"
#include "support/catch.hpp"

using namespace lockstep;
using namespace lockstep::test;

namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// Launches of seq and of a faster ddp x2, a pair a seed.
std::vector<RunData> pairs(const std::vector<double>& seq, const std::vector<double>& ddp,
                           int first_seed = 1) {
  std::vector<RunData> runs;
  for (std::size_t i = 0; i < seq.size(); ++i) {
    SyntheticRun run = usual_seq(static_cast<int>(i) + 1);
    run.accuracy = seq[i];
    runs.push_back(make_run(run));
  }
  for (std::size_t i = 0; i < ddp.size(); ++i) {
    SyntheticRun run = usual_ddp(static_cast<int>(i) + first_seed);
    run.accuracy = ddp[i];
    runs.push_back(make_run(run));
  }
  return runs;
}

std::string refusal_of(const std::vector<RunData>& runs) {
  const Analysis analysis = analyse(runs);
  const Comparison& c = group_named(analysis, "ddp x2").against_seq;
  CHECK((c.refused() != nullptr) == !c.speedup.has_value());
  return c.refused() ? c.refused()->rule->code : "";
}

}  // namespace

TEST_CASE("a group that learned significantly less has no speedup") {
  CHECK(refusal_of(pairs({0.95, 0.95, 0.95}, {0.60, 0.61, 0.59})) == "learned-less");
  CHECK(refusal_of(pairs({0.95, 0.94, 0.96}, {0.93, 0.92, 0.94})) == "learned-less");
  CHECK(refusal_of(pairs({0.95}, {0.60})) == "learned-less");
  const Analysis analysis = analyse(pairs({0.95, 0.95, 0.95}, {0.60, 0.61, 0.59}));
  std::string text;
  for (const std::string& sentence : verdict(analysis)) text += sentence + "\n";
  CHECK(says(text,
             "No speedup is claimed for ddp x2: a speedup counts only if as much is learned: accuracy of "
             "'ddp x2' is 0.6000, of 'seq' 0.9500, with the same seeds, 3 of them"));
  CHECK(lacks(text, "pays here"));
}

TEST_CASE("seeds may differ by more than the groups do, and more may be learned") {
  CHECK(refusal_of(pairs({0.80, 0.90, 0.95}, {0.80, 0.90, 0.95})) == "");
  CHECK(refusal_of(pairs({0.80, 0.90, 0.95}, {0.81, 0.89, 0.94})) == "");
  CHECK(refusal_of(pairs({0.60, 0.61, 0.59}, {0.95, 0.95, 0.95})) == "");
  CHECK(refusal_of(pairs({0.95}, {0.94})) == "");
  // A thousandth less, however surely, is no reason.
  CHECK(refusal_of(pairs({0.950, 0.960, 0.970}, {0.949, 0.959, 0.969})) == "");
}

TEST_CASE("equal seeds are compared, not one seed with the median of several") {
  const Analysis analysis = analyse(pairs({0.80, 0.90, 0.95}, {0.80}));
  const Quality& q = *group_named(analysis, "ddp x2").against_seq.quality;
  CHECK(q.seeds == 1);
  CHECK(q.here == Approx(0.80));
  CHECK(q.there == Approx(0.80));
}

TEST_CASE("without a common seed all launches are compared") {
  CHECK(refusal_of(pairs({0.95, 0.951, 0.949}, {0.60, 0.61, 0.59}, 11)) == "learned-less");
  CHECK(refusal_of(pairs({0.95, 0.951, 0.949}, {0.951, 0.95, 0.949}, 11)) == "");
}

TEST_CASE("one launch of three that learned nothing is enough to refuse") {
  CHECK(refusal_of(pairs({0.95, 0.95, 0.95}, {0.95, 0.10, 0.95})) == "chance-level");
  const Analysis analysis = analyse(pairs({0.95, 0.95, 0.95}, {0.95, 0.10, 0.95}));
  CHECK(says(sentence_of(group_named(analysis, "ddp x2").against_seq.findings, "chance-level"),
             "is 0.100 in 1 of 3 launches"));
}

TEST_CASE("a metric or a loss that is no number at the end") {
  CHECK(refusal_of(pairs({0.95, 0.95, 0.95}, {0.95, kNaN, 0.95})) == "learned-less");
  CHECK(refusal_of(pairs({0.95, kNaN, 0.95}, {0.95, 0.95, 0.95})) == "learned-less");
  CHECK(refusal_of(pairs({0.95, 0.95}, {kNaN, kNaN})) == "learned-less");
  SECTION("the loss of the last step, on all ranks") {
    std::vector<RunData> runs = pairs({0.95, 0.95, 0.95}, {0.95, 0.95, 0.95});
    Matrix<float>& loss = runs.back().steps.loss;
    for (std::int64_t r = 0; r < loss.rows; ++r)
      loss.at(r, loss.columns - 1) = std::numeric_limits<float>::quiet_NaN();
    CHECK(refusal_of(runs) == "learned-less");
  }
  SECTION("the loss of the last epoch") {
    std::vector<RunData> runs = pairs({0.95, 0.95, 0.95}, {0.95, 0.95, 0.95});
    runs.back().epochs.back().train_loss = kNaN;
    CHECK(refusal_of(runs) == "learned-less");
  }
  SECTION("ranks without a loss, as those of a split model, are no fault") {
    std::vector<RunData> runs = pairs({0.95, 0.95, 0.95}, {0.95, 0.95, 0.95});
    for (RunData& run : runs)
      for (std::int64_t step = 0; run.steps.ranks() > 1 && step < run.steps.steps(); ++step)
        run.steps.loss.at(0, step) = std::numeric_limits<float>::quiet_NaN();
    CHECK(refusal_of(runs) == "");
  }
}

TEST_CASE("what should be low is compared the other way round") {
  const auto perplexity = [](std::vector<RunData> runs) {
    for (RunData& run : runs) {
      run.metric = "perplexity";
      run.higher_is_better = false;
      run.chance = 1000;
    }
    return runs;
  };
  CHECK(refusal_of(perplexity(pairs({20, 21, 19}, {60, 61, 59}))) == "learned-less");
  CHECK(refusal_of(perplexity(pairs({60, 61, 59}, {20, 21, 19}))) == "");
}
