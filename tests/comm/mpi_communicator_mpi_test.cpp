// Integer-valued inputs: their sums are exact in any order, so results are compared with ==.
#include "comm/mpi_communicator.hpp"

#include <ATen/ATen.h>

#include <chrono>
#include <thread>
#include <vector>

#include "base/error.hpp"
#include "support/test_backend.hpp"
#include "support/timed_ranks.hpp"

using namespace lockstep;
using namespace lockstep::test;

namespace {

const std::vector<at::ScalarType> kTypes = {at::kFloat, at::kDouble, at::kBFloat16, at::kHalf,
                                            at::kInt,   at::kLong,   at::kByte};
// Values 0..6 plus the rank: at most 9, and at most 36 summed over 4 ranks, exact in every dtype.
at::Tensor numbers(std::int64_t count, at::ScalarType type, int rank) {
  return at::remainder(at::arange(count, at::kLong), 7).add(rank).to(type);
}

at::Tensor sum_of_numbers(std::int64_t count, at::ScalarType type, int size) {
  return at::remainder(at::arange(count, at::kLong), 7).mul(size).add(size * (size - 1) / 2).to(type);
}

}  // namespace

TEST_CASE("all_reduce sums every dtype and size") {
  const auto comm = make_test_communicator();
  REQUIRE(comm->backend() == (test_backend() == "mpi" ? BackendKind::mpi : BackendKind::shm));
  for (const at::ScalarType type : kTypes) {
    for (const std::int64_t count : {0, 1, 7, 1023, 70001}) {
      CAPTURE(c10::toString(type), count);
      const at::Tensor x = numbers(count, type, comm->rank());
      comm->all_reduce(x)->wait();
      REQUIRE(at::equal(x, sum_of_numbers(count, type, comm->size())));
    }
  }
}

TEST_CASE("all_reduce of several pieces with an odd tail") {
  const auto comm = make_test_communicator();
  for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
    const std::int64_t count = (5 << 20) / 4 + 13;
    const at::Tensor x = numbers(count, type, comm->rank());
    comm->all_reduce(x)->wait();
    REQUIRE(at::equal(x, sum_of_numbers(count, type, comm->size())));
  }
}

TEST_CASE("all_reduce finds the largest and the smallest") {
  const auto comm = make_test_communicator();
  for (const at::ScalarType type : kTypes) {
    CAPTURE(c10::toString(type));
    const at::Tensor high = numbers(1001, type, comm->rank());
    const at::Tensor low = high.clone();
    comm->all_reduce(high, ReduceOp::max)->wait();
    comm->all_reduce(low, ReduceOp::min)->wait();
    REQUIRE(at::equal(high, numbers(1001, type, comm->size() - 1)));
    REQUIRE(at::equal(low, numbers(1001, type, 0)));
  }
}

TEST_CASE("16-bit sums are rounded to nearest even, from fp32") {
  const auto comm = make_test_communicator();
  if (comm->size() != 2) return;
  // bf16 has 8 bits: 256 + 1 lies between 256 and 258, even is 256; 258 + 1 goes to 260.
  const at::Tensor big = at::tensor({256.0F, 258.0F}).to(at::kBFloat16);
  const at::Tensor x = comm->rank() == 0 ? big.clone() : at::ones({2}, at::kBFloat16);
  comm->all_reduce(x)->wait();
  REQUIRE(at::equal(x.to(at::kFloat), at::tensor({256.0F, 260.0F})));
}

TEST_CASE("reduce_scatter gives each rank its own part") {
  const auto comm = make_test_communicator();
  const int size = comm->size();
  for (const at::ScalarType type : {at::kFloat, at::kHalf, at::kLong}) {
    for (const std::int64_t part : {0, 1, 501, 1300003}) {
      CAPTURE(c10::toString(type), part);
      const at::Tensor input = numbers(part * size, type, comm->rank());
      const at::Tensor output = at::zeros({part}, type);
      comm->reduce_scatter(output, input)->wait();
      const at::Tensor whole = sum_of_numbers(part * size, type, size);
      REQUIRE(at::equal(output, whole.slice(0, comm->rank() * part, (comm->rank() + 1) * part)));
    }
  }
}

TEST_CASE("reduce_scatter of what lies in memory of the communicator") {
  const auto comm = make_test_communicator();
  const int size = comm->size();
  for (const at::ScalarType type : {at::kFloat, at::kBFloat16, at::kLong}) {
    for (const std::int64_t part : {1, 501, 300003}) {
      const at::Tensor buffer = comm->allocate(part * size + 7, type),
                       input = buffer.narrow(0, 0, part * size);
      for (int round = 0; round < 3; ++round) {
        CAPTURE(c10::toString(type), part, round);
        input.copy_(numbers(part * size, type, comm->rank()));
        const at::Tensor output = at::zeros({part}, type);
        const WorkPtr work = comm->reduce_scatter(output, input);
        work->wait();
        REQUIRE(work->bytes == static_cast<std::int64_t>(input.nbytes()));
        const at::Tensor whole = sum_of_numbers(part * size, type, size);
        REQUIRE(at::equal(output, whole.slice(0, comm->rank() * part, (comm->rank() + 1) * part)));
        REQUIRE(at::equal(input, numbers(part * size, type, comm->rank())));
      }
    }
  }
}

TEST_CASE("all_gather keeps the order of the ranks") {
  const auto comm = make_test_communicator();
  for (const at::ScalarType type : kTypes) {
    for (const std::int64_t part : {0, 1, 333, 1100001}) {
      CAPTURE(c10::toString(type), part);
      const at::Tensor output = at::zeros({comm->size(), part}, type);
      const WorkPtr work = comm->all_gather(output, numbers(part, type, comm->rank()));
      work->wait();
      REQUIRE(work->bytes == static_cast<std::int64_t>(output.nbytes()));
      for (int r = 0; r < comm->size(); ++r) REQUIRE(at::equal(output[r], numbers(part, type, r)));
    }
  }
}

TEST_CASE("all_gather of parts that lie where they are to come to") {
  const auto comm = make_test_communicator();
  for (const std::int64_t part : {1, 333, 300001}) {
    const std::int64_t all = comm->size() * part;
    // The first lies in shared memory, where the back end has some.
    for (const at::Tensor& output : {comm->allocate(all, at::kFloat), at::zeros({all})}) {
      for (int round = 0; round < 3; ++round) {
        CAPTURE(part, round);
        output.fill_(-1);
        const at::Tensor mine = output.narrow(0, comm->rank() * part, part);
        mine.copy_(numbers(part, at::kFloat, comm->rank() + round));
        comm->all_gather(output, mine)->wait();
        for (int r = 0; r < comm->size(); ++r)
          REQUIRE(at::equal(output.narrow(0, r * part, part), numbers(part, at::kFloat, r + round)));
      }
    }
  }
}

TEST_CASE("broadcast from every root") {
  const auto comm = make_test_communicator();
  for (int root = 0; root < comm->size(); ++root) {
    for (const std::int64_t count : {1, 700001}) {
      const at::Tensor x = numbers(count, at::kDouble, comm->rank());
      comm->broadcast(x, root)->wait();
      REQUIRE(at::equal(x, numbers(count, at::kDouble, root)));
    }
  }
}

TEST_CASE("reduce gives the sum to every root, and leaves the others as they are") {
  const auto comm = make_test_communicator();
  for (int root = 0; root < comm->size(); ++root) {
    for (const at::ScalarType type : {at::kFloat, at::kBFloat16, at::kInt}) {
      for (const std::int64_t count : {0, 1, 1300003}) {
        CAPTURE(c10::toString(type), count, root);
        const at::Tensor x = numbers(count, type, comm->rank());
        const WorkPtr work = comm->reduce(x, root);
        work->wait();
        REQUIRE(work->bytes == static_cast<std::int64_t>(x.nbytes()));
        REQUIRE(at::equal(x, comm->rank() == root ? sum_of_numbers(count, type, comm->size())
                                                  : numbers(count, type, comm->rank())));
      }
    }
  }
}

TEST_CASE("messages: both ranks may send before they receive, and order is kept") {
  const auto comm = make_test_communicator();
  if (comm->size() == 1) return;
  const int next = (comm->rank() + 1) % comm->size();
  const int previous = (comm->rank() + comm->size() - 1) % comm->size();
  constexpr std::int64_t kCount = 300001;  // beyond what MPI buffers
  std::vector<at::Tensor> out, in;
  std::vector<WorkPtr> works;
  for (int i = 0; i < 3; ++i) {
    out.push_back(numbers(kCount, at::kInt, comm->rank() * 10 + i));
    works.push_back(comm->send(out.back(), next));
    REQUIRE(works.back()->sequence == i);
  }
  for (int i = 0; i < 3; ++i) {
    in.push_back(at::zeros({kCount}, at::kInt));
    works.push_back(comm->recv(in.back(), previous));
    REQUIRE(works.back()->sequence == i);
  }
  comm->barrier()->wait();
  for (const WorkPtr& work : works) work->wait();
  for (int i = 0; i < 3; ++i)
    REQUIRE(at::equal(in[static_cast<std::size_t>(i)], numbers(kCount, at::kInt, previous * 10 + i)));
}

TEST_CASE("exchange: both ranks at once, however large, and apart from other messages") {
  const auto comm = make_test_communicator();
  const int me = comm->rank(), peer = me ^ 1;
  if (peer >= comm->size()) return;  // of an odd number the last
  std::int64_t round = 0;
  for (const at::ScalarType type : {at::kFloat, at::kBFloat16, at::kLong}) {
    for (const std::int64_t count : {0, 1, 300001, 4 << 20}) {  // MPI buffers some 4 KiB
      CAPTURE(c10::toString(type), count);
      const at::Tensor sent = numbers(count, type, me), received = at::zeros({count}, type);
      const at::Tensor note = numbers(9, at::kInt, me), answer = at::zeros({9}, at::kInt);
      const WorkPtr before = comm->send(note, peer);
      const WorkPtr work = comm->exchange(sent, received, peer);
      const WorkPtr after = comm->recv(answer, peer);
      for (const WorkPtr& each : {work, after, before}) each->wait();
      CHECK(at::equal(received, numbers(count, type, peer)));
      CHECK(at::equal(sent, numbers(count, type, me)));
      CHECK(at::equal(answer, numbers(9, at::kInt, peer)));
      CHECK(work->kind == CollectiveKind::exchange);
      CHECK(work->bytes == static_cast<std::int64_t>(sent.nbytes()));
      CHECK(work->sequence == round);
      CHECK(before->sequence == round);
      ++round;
    }
  }
}

TEST_CASE("works run in launch order beside the caller, and know when") {
  const auto comm = make_test_communicator();
  std::vector<at::Tensor> tensors;
  std::vector<WorkPtr> works;
  for (int i = 0; i < 8; ++i) {
    tensors.push_back(numbers(100000, at::kFloat, comm->rank()));
    works.push_back(comm->all_reduce(tensors.back()));
  }
  for (std::size_t i = works.size(); i-- > 0;) works[i]->wait();  // in any order
  for (std::size_t i = 0; i < works.size(); ++i) {
    const WorkTimes times = works[i]->times();
    REQUIRE(times.ready <= times.start);
    REQUIRE(times.start < times.end);
    if (i > 0) REQUIRE(works[i - 1]->times().end <= times.start);
    works[i]->wait();  // twice is allowed
    REQUIRE(at::equal(tensors[i], sum_of_numbers(100000, at::kFloat, comm->size())));
  }

  // The sequence numbers of one collective are equal on all ranks.
  const at::Tensor mine = at::tensor({works.back()->sequence}, at::kLong);
  const at::Tensor all = at::zeros({comm->size()}, at::kLong);
  comm->all_gather(all, mine)->wait();
  REQUIRE(at::equal(all, mine.expand({comm->size()})));
}

TEST_CASE("a late rank is waited for without the caller, and the wait counts from the start") {
  const auto comm = make_test_communicator();
  if (comm->size() == 1) return;
  const double lateness = 0.06;
  const bool late = comm->rank() == comm->size() - 1;
  judge_times_of_ranks([&]() -> std::vector<Claim> {
    comm->barrier()->wait();
    if (late) std::this_thread::sleep_for(std::chrono::duration<double>(lateness));
    const at::Tensor x = at::ones({10});
    const SteadyTime before = steady_now();
    const WorkPtr work = comm->all_reduce(x);
    const double launch = seconds_between(before, steady_now());
    const WorkTimes times = work->times();
    const double taken = seconds_between(times.start, times.end);
    work->wait();
    REQUIRE(x[0].item<float>() == static_cast<float>(comm->size()));
    if (late) return {};
    return {below("the launch", launch, lateness / 2), above("the wait", taken, lateness / 2)};
  });
}

TEST_CASE("two communicators do not disturb each other") {
  const auto a = make_test_communicator();
  const auto b = make_test_communicator();
  const at::Tensor x = numbers(5000, at::kFloat, a->rank());
  const at::Tensor y = numbers(6000, at::kLong, a->rank());
  const bool odd = a->rank() % 2 == 1;  // launched in different order on different ranks
  const WorkPtr first = odd ? b->all_reduce(y) : a->all_reduce(x);
  const WorkPtr second = odd ? a->all_reduce(x) : b->all_reduce(y);
  first->wait();
  second->wait();
  REQUIRE(at::equal(x, sum_of_numbers(5000, at::kFloat, a->size())));
  REQUIRE(at::equal(y, sum_of_numbers(6000, at::kLong, a->size())));
}

TEST_CASE("wrong arguments are refused before anything is sent") {
  const auto comm = make_test_communicator();
  const at::Tensor x = at::zeros({4, 4});
  REQUIRE_THROWS_AS(comm->all_reduce(x.t().slice(0, 0, 2)), Error);
  REQUIRE_THROWS_AS(comm->all_reduce(at::zeros({2}, at::kBool)), Error);
  REQUIRE_THROWS_AS(comm->all_gather(at::zeros({2 * comm->size() + 1}), at::zeros({2})), Error);
  REQUIRE_THROWS_AS(comm->reduce_scatter(at::zeros({2}), at::zeros({2 * comm->size()}, at::kDouble)), Error);
  REQUIRE_THROWS_AS(comm->broadcast(x, comm->size()), Error);
  REQUIRE_THROWS_AS(comm->reduce(x, -1), Error);
  REQUIRE_THROWS_AS(comm->send(x, comm->rank()), Error);
  REQUIRE_THROWS_AS(comm->exchange(x, x.clone(), comm->rank()), Error);
  REQUIRE_THROWS_AS(comm->exchange(x, at::zeros({4}), (comm->rank() + 1) % comm->size()), Error);
  REQUIRE_THROWS_AS(comm->exchange(x, x.to(at::kDouble), (comm->rank() + 1) % comm->size()), Error);
  REQUIRE(comm->barrier()->sequence == 0);
}

TEST_CASE("a failure is kept: the wait throws it, and so does every later call") {
  const auto comm = make_test_communicator();
  if (comm->size() != 2) return;
  // A message longer than the receiver's tensor is an error of MPI on the receiver.
  if (comm->rank() == 0) {
    comm->send(at::ones({100}), 1)->wait();
    return;
  }
  const at::Tensor small = at::zeros({10});
  const WorkPtr work = comm->recv(small, 0);
  REQUIRE_THROWS_AS(work->wait(), Error);
  REQUIRE_THROWS_AS(work->wait(), Error);
  REQUIRE_THROWS_AS(comm->barrier(), Error);
}

TEST_CASE("what a destroyed communicator had not ended fails, without a hang") {
  auto comm = make_test_communicator();
  if (comm->size() == 1) return;
  const at::Tensor x = at::zeros({10});
  if (comm->rank() == 0) {
    const WorkPtr work = comm->recv(x, 1);  // never sent
    comm.reset();
    REQUIRE_THROWS_AS(work->wait(), Error);
  }
}
