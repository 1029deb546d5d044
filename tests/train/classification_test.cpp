#include "train/classification.hpp"

#include <cmath>

#include "support/catch.hpp"

using namespace lockstep;

TEST_CASE("the shares of a batch add up to its mean loss") {
  torch::manual_seed(1);
  const torch::Tensor logits = torch::randn({10, 4}), targets = torch::randint(4, {10});
  const double whole = at::cross_entropy_loss(logits, targets).item<double>();
  double sum = 0;
  for (const auto& [first, count] : {std::pair<int, int>{0, 3}, {3, 3}, {6, 4}})
    sum +=
        step_loss(logits.narrow(0, first, count), targets.narrow(0, first, count), count, 10).item<double>();
  CHECK(sum == Approx(whole).epsilon(1e-6));
}

TEST_CASE("padding counts for nothing, and a share of padding alone still has a gradient") {
  torch::manual_seed(2);
  torch::Tensor logits = torch::randn({3, 4}).requires_grad_();
  const torch::Tensor targets = torch::tensor({1, 2, 3});
  const double two = step_loss(logits.narrow(0, 0, 2), targets.narrow(0, 0, 2), 2, 8).item<double>();
  CHECK(step_loss(logits, targets, 2, 8).item<double>() == Approx(two));
  const torch::Tensor none = step_loss(logits, targets, 0, 8);
  CHECK(none.item<double>() == 0);
  none.backward();
  CHECK(logits.grad().abs().max().item<double>() == 0);
}

TEST_CASE("accuracy is the diagonal's share; without samples it is not a number") {
  ClassificationCounts counts{.loss_sum = 6, .samples = 4, .confusion = {2, 2}};
  counts.confusion.values = {2, 1, 0, 1};
  CHECK(counts.accuracy() == Approx(0.75));
  CHECK(counts.mean_loss() == Approx(1.5));
  CHECK(std::isnan(ClassificationCounts{}.accuracy()));
}
