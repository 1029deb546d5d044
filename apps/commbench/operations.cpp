#include "apps/commbench/operations.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <array>

#include "timing/clock.hpp"

namespace lockstep {

namespace {

// A prime, so that no part of a message begins like another.
constexpr std::int64_t kPeriod = 4093;
constexpr std::int64_t kBlock = kPeriod * 256;  // elements that are compared at a time

// Whole numbers that repeat with kPeriod, other ones on each rank; sums over all ranks are exact in any
// order.
class Pattern {
 public:
  Pattern(const ElementType& type, int ranks)
      : type_(type.type),
        values_(std::clamp<std::int64_t>(type.exact_to / ranks + 1, 2, 251)),
        ranks_(ranks) {}

  at::Tensor of_rank(int rank) const { return block(numbers(rank)); }
  at::Tensor sum() const {
    at::Tensor total = at::zeros({kPeriod}, at::kLong);
    for (int rank = 0; rank < ranks_; ++rank) total += numbers(rank);
    return block(total);
  }

 private:
  // [kPeriod] int64
  at::Tensor numbers(int rank) const {
    return at::remainder(at::arange(kPeriod, at::kLong).add(7 * std::int64_t{rank}), values_);
  }
  // [kBlock + kPeriod]: a block from any phase of the period on.
  at::Tensor block(const at::Tensor& numbers) const {
    return numbers.repeat({kBlock / kPeriod + 1}).to(type_);
  }

  at::ScalarType type_;
  std::int64_t values_;
  int ranks_;
};

// Calls visit(part of tensor, what the block holds for it), where the tensor begins at element `first` of the
// pattern.
template <typename Visit>
void in_blocks(const at::Tensor& tensor, const at::Tensor& block, std::int64_t first, Visit visit) {
  for (std::int64_t begin = 0; begin < tensor.numel(); begin += kBlock) {
    const std::int64_t count = std::min(kBlock, tensor.numel() - begin);
    visit(tensor.narrow(0, begin, count), block.narrow(0, (first + begin) % kPeriod, count));
  }
}

void set_to(const at::Tensor& tensor, const at::Tensor& block) {
  in_blocks(tensor, block, 0, [](const at::Tensor& to, const at::Tensor& from) { to.copy_(from); });
}

std::int64_t wrong_in(const at::Tensor& tensor, const at::Tensor& block, std::int64_t first = 0) {
  std::int64_t wrong = 0;
  in_blocks(tensor, block, first, [&](const at::Tensor& got, const at::Tensor& want) {
    wrong += got.cpu().ne(want).sum().item<std::int64_t>();
  });
  return wrong;
}

// From the call to the end of the operation, wherever that runs.
double seconds_of(const WorkPtr& work) {
  work->wait();
  const WorkTimes times = work->times();
  return seconds_between(times.ready, times.end);
}

double run_all_reduce(Communicator& c, const Buffers& b) { return seconds_of(c.all_reduce(b.whole)); }
double run_reduce_scatter(Communicator& c, const Buffers& b) {
  return seconds_of(c.reduce_scatter(b.second, b.whole));
}
double run_all_gather(Communicator& c, const Buffers& b) {
  return seconds_of(c.all_gather(b.whole, b.second));
}
double run_broadcast(Communicator& c, const Buffers& b) { return seconds_of(c.broadcast(b.whole, 0)); }
double run_reduce(Communicator& c, const Buffers& b) { return seconds_of(c.reduce(b.whole, 0)); }
double run_barrier(Communicator& c, const Buffers&) { return seconds_of(c.barrier()); }

// There and back, and half of the time it took rank 0.
double run_send_recv(Communicator& c, const Buffers& b) {
  const int last = last_rank(c);
  if (c.rank() == 0) {
    const WorkPtr there = c.send(b.whole, last), back = c.recv(b.second, last);
    back->wait();
    there->wait();
    return seconds_between(there->times().ready, back->times().end) / 2;
  }
  if (c.rank() != last) return 0;
  const WorkPtr here = c.recv(b.whole, 0);
  here->wait();
  const WorkPtr back = c.send(b.whole, 0);
  back->wait();
  back->times();
  return 0;
}

std::int64_t check_all_reduce(Communicator& c, const Buffers& b, const ElementType& type) {
  const Pattern pattern(type, c.size());
  set_to(b.whole, pattern.of_rank(c.rank()));
  run_all_reduce(c, b);
  return wrong_in(b.whole, pattern.sum());
}

std::int64_t check_reduce_scatter(Communicator& c, const Buffers& b, const ElementType& type) {
  const Pattern pattern(type, c.size());
  set_to(b.whole, pattern.of_rank(c.rank()));
  b.second.zero_();
  run_reduce_scatter(c, b);
  return wrong_in(b.second, pattern.sum(), c.rank() * b.second.numel());
}

std::int64_t check_all_gather(Communicator& c, const Buffers& b, const ElementType& type) {
  const Pattern pattern(type, c.size());
  set_to(b.second, pattern.of_rank(c.rank()));
  b.whole.zero_();
  run_all_gather(c, b);
  const std::int64_t count = b.second.numel();
  std::int64_t wrong = 0;
  for (int rank = 0; rank < c.size(); ++rank)
    wrong += wrong_in(b.whole.narrow(0, rank * count, count), pattern.of_rank(rank));
  return wrong;
}

std::int64_t check_broadcast(Communicator& c, const Buffers& b, const ElementType& type) {
  const Pattern pattern(type, c.size());
  set_to(b.whole, pattern.of_rank(c.rank()));
  run_broadcast(c, b);
  return wrong_in(b.whole, pattern.of_rank(0));
}

// The others keep what they had.
std::int64_t check_reduce(Communicator& c, const Buffers& b, const ElementType& type) {
  const Pattern pattern(type, c.size());
  set_to(b.whole, pattern.of_rank(c.rank()));
  run_reduce(c, b);
  return wrong_in(b.whole, c.rank() == 0 ? pattern.sum() : pattern.of_rank(c.rank()));
}

std::int64_t check_send_recv(Communicator& c, const Buffers& b, const ElementType& type) {
  const Pattern pattern(type, c.size());
  if (c.rank() != 0 && c.rank() != last_rank(c)) return 0;
  set_to(b.whole, pattern.of_rank(c.rank()));
  b.second.zero_();
  run_send_recv(c, b);
  return wrong_in(c.rank() == 0 ? b.second : b.whole, pattern.of_rank(0));
}

// That no rank leaves before all have come cannot be seen from its result.
std::int64_t check_barrier(Communicator& c, const Buffers& b, const ElementType&) {
  run_barrier(c, b);
  return 0;
}

constexpr std::array kOperations = {
    Operation{"all_reduce", "sum", -1, Second::none, true, run_all_reduce, check_all_reduce},
    Operation{"reduce_scatter", "sum", -1, Second::part, true, run_reduce_scatter, check_reduce_scatter},
    Operation{"all_gather", "none", -1, Second::part, true, run_all_gather, check_all_gather},
    Operation{"broadcast", "none", 0, Second::none, true, run_broadcast, check_broadcast},
    Operation{"reduce", "sum", 0, Second::none, true, run_reduce, check_reduce},
    Operation{"send_recv", "none", -1, Second::copy, true, run_send_recv, check_send_recv},
    Operation{"barrier", "none", -1, Second::none, false, run_barrier, check_barrier},
};

}  // namespace

std::span<const Operation> operations() { return kOperations; }

}  // namespace lockstep
