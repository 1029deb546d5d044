#include "comm/slice_reduction.hpp"

#include <ATen/ATen.h>

#include <cmath>
#include <limits>
#include <vector>

#include "base/error.hpp"
#include "support/catch.hpp"

using namespace lockstep;

namespace {

constexpr std::int64_t kElements = 5003;  // several blocks and an odd tail

// What the reduction of [begin, end) of copies of the tensors leaves in each of them.
std::vector<at::Tensor> reduced(SliceReduction r, const std::vector<at::Tensor>& tensors, std::int64_t begin,
                                std::int64_t end) {
  std::vector<at::Tensor> results;
  std::vector<const std::byte*> sources;
  std::vector<std::byte*> destinations;
  for (const at::Tensor& tensor : tensors) {
    results.push_back(tensor.clone());
    destinations.push_back(static_cast<std::byte*>(results.back().data_ptr()));
    sources.push_back(destinations.back());
  }
  r.dtype = tensors.front().scalar_type();
  reduce_slices(r, sources, destinations, begin, end);
  return results;
}

std::vector<at::Tensor> inputs(std::size_t ranks, at::ScalarType type) {
  std::vector<at::Tensor> tensors;
  for (std::size_t rank = 0; rank < ranks; ++rank)
    tensors.push_back(
        at::remainder(at::arange(kElements, at::kLong).mul(31 + static_cast<int>(rank)), 13).to(type));
  return tensors;
}

}  // namespace

TEST_CASE("a slice of every type and number of ranks, and nothing else, is written into all buffers") {
  for (const at::ScalarType type :
       {at::kFloat, at::kDouble, at::kBFloat16, at::kHalf, at::kInt, at::kLong, at::kByte})
    for (const std::size_t ranks : {1, 2, 3, 4, 7})
      for (const bool past_caches : {false, true}) {
        CAPTURE(c10::toString(type), ranks, past_caches);
        const std::vector<at::Tensor> before = inputs(ranks, type);
        at::Tensor sum = at::zeros({kElements}, type), most = before[0].clone(), least = before[0].clone();
        for (const at::Tensor& one : before) {
          sum.add_(one);
          most = at::maximum(most, one);
          least = at::minimum(least, one);
        }
        constexpr std::int64_t kBegin = 64, kEnd = kElements - 5;
        for (const auto& [op, expected] :
             {std::pair(ReduceOp::sum, sum), {ReduceOp::max, most}, {ReduceOp::min, least}}) {
          const auto after = reduced({.op = op, .past_caches = past_caches}, before, kBegin, kEnd);
          for (std::size_t rank = 0; rank < ranks; ++rank) {
            at::Tensor whole = before[rank].clone();
            whole.slice(0, kBegin, kEnd).copy_(expected.slice(0, kBegin, kEnd));
            REQUIRE(at::equal(after[rank], whole));
          }
        }
      }
}

TEST_CASE("floating-point sums are in the order of the ranks, 16-bit ones in fp32 and rounded once") {
  // 1e8 + 1 - 1e8 is 0 in fp32 from left to right, and 1 in any other order.
  const std::vector<at::Tensor> three = {at::full({100}, 1e8F), at::ones({100}), at::full({100}, -1e8F)};
  REQUIRE(at::equal(reduced({}, three, 0, 100)[2], at::zeros({100})));
  // bf16 has 8 bits: 256 + 1 lies between 256 and 258. Rounded at every step, 256 + 1 + 1 would be 256.
  const std::vector<at::Tensor> bf16 = {at::full({100}, 256, at::kBFloat16), at::ones({100}, at::kBFloat16),
                                        at::ones({100}, at::kBFloat16)};
  REQUIRE(at::equal(reduced({}, bf16, 0, 100)[0], at::full({100}, 258, at::kBFloat16)));
  const std::vector<at::Tensor> even = {bf16[0], bf16[1]};
  REQUIRE(at::equal(reduced({}, even, 0, 100)[0], at::full({100}, 256, at::kBFloat16)));
  // The sum of two numbers near the largest of fp16 is beyond it; their mean is not.
  const std::vector<at::Tensor> large = {at::full({100}, 60000, at::kHalf),
                                         at::full({100}, 60000, at::kHalf)};
  REQUIRE(at::equal(reduced({.op = ReduceOp::mean, .scale = 0.5}, large, 0, 100)[1], large[0]));
}

TEST_CASE("16-bit numbers round as LibTorch rounds them, whatever they are") {
  for (const at::ScalarType type : {at::kHalf, at::kBFloat16}) {
    const at::Tensor all = at::arange(1 << 16, at::kInt).to(at::kShort).view(type);
    const at::Tensor reversed = all.flip(0).contiguous();
    const at::Tensor sum = reduced({}, {all, reversed}, 0, 1 << 16)[0];
    const at::Tensor expected = all.to(at::kFloat).add(reversed.to(at::kFloat)).to(type);
    REQUIRE(at::allclose(sum.to(at::kFloat), expected.to(at::kFloat), 0, 0, /*equal_nan=*/true));
  }
}

TEST_CASE("a number that is none is never lost") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const ReduceOp op : {ReduceOp::sum, ReduceOp::max, ReduceOp::min})
    for (const int where : {0, 1, 2}) {
      std::vector<at::Tensor> tensors = {at::ones({9}), at::ones({9}), at::ones({9})};
      tensors[static_cast<std::size_t>(where)].fill_(nan);
      REQUIRE(std::isnan(reduced({.op = op}, tensors, 0, 9)[0][4].item<float>()));
    }
}

TEST_CASE("a type that no communicator takes is refused") {
  REQUIRE_THROWS_AS(reduced({}, {at::zeros({4}, at::kBool)}, 0, 4), Error);
}
