// The padded LSTM beside the packed one: the same values and gradients, and nothing from padding.
#include "nn/padded_lstm.hpp"

#include <torch/types.h>

#include "models/helpers.hpp"
#include "nn/lstm_steps.hpp"
#include "support/catch.hpp"

using namespace lockstep;
using namespace lockstep::test;

namespace {

struct Results {
  torch::Tensor h, last_h, last_c;
  std::vector<torch::Tensor> gradients;
};

// Weights the results unlike, so that each one's gradient shows.
torch::Tensor weighted(const torch::Tensor& h, const torch::Tensor& last_h, const torch::Tensor& last_c) {
  const auto by_place = [](const torch::Tensor& x) {
    return (x * torch::arange(x.numel(), x.options()).view(x.sizes()).sin()).sum();
  };
  return by_place(h) + 2 * by_place(last_h) + 3 * by_place(last_c);
}

}  // namespace

TEST_CASE("the padded LSTM has the values and gradients of the packed one") {
  torch::manual_seed(4);
  const std::int64_t batch = 4, longest = 7, in = 5, units = 3;
  LstmCells cells(in, units);
  for (torch::Tensor parameter : cells.parameters()) parameter.detach().uniform_(-1, 1);
  const torch::Tensor lengths = torch::tensor({3, 7, 1, 5}, torch::kInt64);
  const torch::Tensor x = torch::randn({batch, longest, in});
  const torch::Tensor h0 = torch::randn({batch, units}), c0 = torch::randn({batch, units});

  const auto run = [&](bool padded) {
    const torch::Tensor leaf = x.clone().requires_grad_(), h = h0.clone().requires_grad_(),
                        c = c0.clone().requires_grad_();
    Results r;
    if (padded) {
      const torch::Tensor live = (torch::arange(longest).unsqueeze(1) < lengths).unsqueeze(2);  // (T, B, 1)
      const auto out = cells.forward_padded(leaf.transpose(0, 1).contiguous(), {h, c}, live);
      r.h = out.h.view({longest, batch, units}).transpose(0, 1) * live.transpose(0, 1);
      r.last_h = out.last.h;
      r.last_c = out.last.c;
    } else {
      const Packing packing = pack(lengths, longest);
      const torch::Tensor order = packing.sorted.argsort();  // of the packed samples
      const auto out = cells.forward(packed_rows(leaf, packing), packing.rows,
                                     {h.index_select(0, order), c.index_select(0, order)});
      r.h = padded_rows(out.h, packing, longest);
      r.last_h = out.last.h.index_select(0, packing.sorted);
      r.last_c = out.last.c.index_select(0, packing.sorted);
    }
    cells.zero_grad();
    weighted(r.h, r.last_h, r.last_c).backward();
    r.gradients = {leaf.grad(), h.grad(), c.grad()};
    for (const torch::Tensor& parameter : cells.parameters()) r.gradients.push_back(parameter.grad().clone());
    return r;
  };
  const Results packed = run(false), padded = run(true);
  CHECK(largest_difference(packed.h, padded.h) < 1e-5);
  CHECK(largest_difference(packed.last_h, padded.last_h) < 1e-5);
  CHECK(largest_difference(packed.last_c, padded.last_c) < 1e-5);
  REQUIRE(packed.gradients.size() == padded.gradients.size());
  for (std::size_t i = 0; i < packed.gradients.size(); ++i) {
    CAPTURE(i);
    CHECK(largest_difference(packed.gradients[i], padded.gradients[i]) < 1e-5);
  }
  CHECK(padded.gradients[0][2].narrow(0, 1, longest - 1).abs().max().item<float>() == 0);  // past its end
}

TEST_CASE("places of padded sequences mirror what is real and leave padding") {
  const PaddedPlaces places = padded_places(torch::tensor({2, 3, 1}, torch::kInt64), 3);
  CHECK(torch::equal(places.ends, torch::tensor({1, 5, 6}, torch::kInt64)));
  CHECK(torch::equal(places.mirror, torch::tensor({1, 0, 2, 5, 4, 3, 6, 7, 8}, torch::kInt64)));
}
