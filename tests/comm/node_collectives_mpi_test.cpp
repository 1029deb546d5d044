// Shared memory within a node, by the communicator that is made of it: what is in place, what is not, and that
// the ranks wait for each other whatever the order of their waits. What every back end does is
// mpi_communicator_mpi_test.cpp's, which runs over this one as well.
#include "comm/node_collectives.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <thread>
#include <vector>

#include "base/error.hpp"
#include "comm/node_ranks.hpp"
#include "comm/shared_block.hpp"
#include "support/catch.hpp"
#include "support/test_backend.hpp"

using namespace lockstep;
using namespace lockstep::test;

namespace {

constexpr std::int64_t kCount = 300007;

// Of any bits: their sum depends on the order.
at::Tensor noise(std::int64_t count, int rank, int round, at::ScalarType type = at::kFloat) {
  at::Generator generator = at::detail::createCPUGenerator(static_cast<std::uint64_t>(1000 * round + rank));
  return at::randn({count}, generator).to(type);
}

// The sum in the order of the ranks, as one node forms it.
at::Tensor sum_in_order(std::int64_t count, int ranks, int round) {
  at::Tensor sum = noise(count, 0, round);
  for (int rank = 1; rank < ranks; ++rank) sum.add_(noise(count, rank, round));
  return sum;
}

bool one_node() { return test_backend() == "shm"; }

// Whether all ranks have the same bits.
bool same_everywhere(Communicator& comm, const at::Tensor& mine) {
  const at::Tensor bits = mine.contiguous().view(at::kByte).to(at::kInt);
  const at::Tensor high = bits.clone(), low = bits.clone();
  comm.all_reduce(high, ReduceOp::max)->wait();
  comm.all_reduce(low, ReduceOp::min)->wait();
  return at::equal(high, low);
}

}  // namespace

TEST_CASE("in place or through the slots, the sum has the same bits on every rank and in every repetition") {
  const auto comm = make_test_communicator();
  const std::int64_t count = one_node() ? kCount : kCount / 10;  // MPI between ranks that share cores is slow
  const at::Tensor bucket = comm->allocate(count, at::kFloat);
  REQUIRE(at::equal(bucket, at::zeros({count})));
  const at::Tensor expected = sum_in_order(count, comm->size(), 0);
  at::Tensor first;
  for (int repetition = 0; repetition < 100; ++repetition) {
    bucket.copy_(noise(count, comm->rank(), 0));
    const at::Tensor elsewhere = bucket.clone();
    const WorkPtr in_place = comm->all_reduce(bucket), copied = comm->all_reduce(elsewhere);
    in_place->wait();
    copied->wait();
    if (one_node()) REQUIRE(at::equal(bucket, expected));
    REQUIRE(at::allclose(bucket, expected, 1e-5, 1e-5));
    if (!first.defined()) first = bucket.clone();
    REQUIRE(at::equal(bucket, first));
    if (one_node()) REQUIRE(at::equal(elsewhere, first));
  }
  REQUIRE(same_everywhere(*comm, bucket));
}

TEST_CASE("a mean of every floating-point type, in place and through the slots") {
  const auto comm = make_test_communicator();
  REQUIRE(comm->takes_mean());
  const int ranks = comm->size();
  for (const at::ScalarType type : {at::kFloat, at::kDouble, at::kBFloat16, at::kHalf}) {
    const at::Tensor bucket = comm->allocate(1001, type);
    const at::Tensor whole = at::remainder(at::arange(1001, at::kLong), 5).mul(ranks);
    bucket.copy_(whole.add(comm->rank()).sub(0).to(type));
    const at::Tensor elsewhere = bucket.clone();
    comm->all_reduce(bucket, ReduceOp::mean)->wait();
    comm->all_reduce(elsewhere, ReduceOp::mean)->wait();
    const at::Tensor expected = whole.to(at::kDouble).add((ranks - 1) / 2.0).to(type);
    CAPTURE(c10::toString(type));
    CHECK(at::allclose(bucket.to(at::kDouble), expected.to(at::kDouble), 1e-2, 1e-2));
    CHECK(at::allclose(elsewhere.to(at::kDouble), expected.to(at::kDouble), 1e-2, 1e-2));
    CHECK(same_everywhere(*comm, bucket));
  }
  REQUIRE_THROWS_AS(comm->all_reduce(at::ones({3}, at::kInt), ReduceOp::mean), Error);
  REQUIRE_THROWS_AS(make_mpi_communicator(MPI_COMM_WORLD)->all_reduce(at::ones({3}), ReduceOp::mean), Error);
}

TEST_CASE("parts of a bucket, buckets of which not every rank's is shared, and freed ones") {
  const auto comm = make_test_communicator();
  const int ranks = comm->size();
  at::Tensor bucket = comm->allocate(kCount, at::kFloat), other = comm->allocate(kCount, at::kFloat);
  for (const std::int64_t begin : {0, 1, 17, 100000}) {  // odd ones are not aligned
    bucket.fill_(1);
    comm->all_reduce(bucket.slice(0, begin, begin + 70001))->wait();
    at::Tensor expected = at::ones({kCount});
    expected.slice(0, begin, begin + 70001).fill_(ranks);
    REQUIRE(at::equal(bucket, expected));
  }
  // Another one on each rank, and on the last rank none.
  at::Tensor mine = comm->rank() + 1 == ranks ? at::ones({kCount}) : comm->rank() % 2 == 0 ? bucket : other;
  mine.fill_(2);
  comm->all_reduce(mine)->wait();
  REQUIRE(at::equal(mine, at::full({kCount}, 2.0F * static_cast<float>(ranks))));
  mine = bucket = at::Tensor();
  other.fill_(3);
  comm->all_reduce(other)->wait();
  REQUIRE(at::equal(other, at::full({kCount}, 3.0F * static_cast<float>(ranks))));
}

TEST_CASE("more operations than there is room for, waited for at the end") {
  const auto comm = make_test_communicator();
  std::vector<at::Tensor> tensors;
  std::vector<WorkPtr> works;
  for (std::size_t i = 0; i < 3 * NodeCollectives::kMostAnnounced; ++i) {
    tensors.push_back(at::full({3}, static_cast<float>(i)));
    works.push_back(comm->all_reduce(tensors.back()));
    REQUIRE(works.back()->sequence == static_cast<std::int64_t>(i));
  }
  for (std::size_t i = works.size(); i-- > 0;) {
    works[i]->wait();
    REQUIRE(tensors[i][2].item<float>() == static_cast<float>(i) * static_cast<float>(comm->size()));
  }
}

TEST_CASE("an operation ends though a rank waits for something else") {
  const auto comm = make_test_communicator();
  if (comm->size() == 1) return;
  const at::Tensor x = at::ones({kCount}), note = at::zeros({1});
  const WorkPtr work = comm->all_reduce(x);
  // Rank 1 sends its message when its collective has ended, for which rank 0 has to do its share.
  if (comm->rank() == 0) comm->recv(note, 1)->wait();
  work->wait();
  if (comm->rank() == 1) comm->send(note, 0)->wait();
  REQUIRE(x[kCount - 1].item<float>() == static_cast<float>(comm->size()));
  comm->barrier()->wait();
}

TEST_CASE("a thread that is given a core runs operations at once, another one when they have waited long") {
  const auto comm = make_test_communicator();
  if (comm->size() == 1 || !one_node()) return;
  const at::Tensor bucket = comm->allocate(kCount, at::kFloat);
  for (const bool at_once : {true, false, true}) {
    comm->use_thread(at_once);
    std::vector<double> waited;  // seconds until an operation began, while the caller was busy
    for (int repetition = 0; repetition < 11; ++repetition) {
      comm->barrier()->wait();
      const WorkPtr work = comm->all_reduce(bucket);
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      work->wait();
      waited.push_back(seconds_between(work->times().ready, work->times().start));
    }
    std::nth_element(waited.begin(), waited.begin() + 5, waited.end());
    CAPTURE(at_once, waited[5]);
    CHECK((waited[5] < 4e-3) == at_once);
  }
}

TEST_CASE("ranks that do not do the same are told, and do not wait for ever") {
  const auto comm = make_test_communicator();
  if (comm->size() == 1 || !one_node()) return;
  const WorkPtr work = comm->all_reduce(at::ones({comm->rank() == 0 ? 4 : 5}));
  REQUIRE_THROWS_WITH(work->wait(), Catch::Matchers::Contains("all_reduce number 0") &&
                                        Catch::Matchers::Contains("elements of Float meets"));
  REQUIRE_THROWS_AS(comm->barrier(), Error);
}

TEST_CASE("of several nodes one rank a slice speaks, and the smallest node says how many there are") {
  const NodeRanks ranks = find_node_ranks(MPI_COMM_WORLD, 2);
  int rank = 0, size = 1;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  CHECK(ranks.total == size);
  CHECK(ranks.nodes == (size + 1) / 2);
  CHECK(ranks.rank == rank % 2);
  CHECK(ranks.size == (rank + 1 == size && size % 2 == 1 ? 1 : 2));
  CHECK(ranks.slices == (size % 2 == 1 ? 1 : 2));
  const bool speaks = ranks.nodes > 1 && ranks.rank < ranks.slices;
  CHECK((ranks.across != MPI_COMM_NULL) == speaks);
}

TEST_CASE("shared memory has no name that could be left behind, and outlives its maker") {
  const auto named = [] {
    std::size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator("/dev/shm"))
      count += entry.path().filename().string().find("lockstep") != std::string::npos ? 1 : 0;
    return count;
  };
  int rank = 0, size = 1;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  SharedBlock::Outcome made = SharedBlock::create(MPI_COMM_WORLD, 3 << 20);
  REQUIRE(made.obstacle == "");
  CHECK(named() == 0);
  std::memset(made.block->part(rank), rank + 1, made.block->part_bytes());
  MPI_Barrier(MPI_COMM_WORLD);
  if (rank == 0) made.block.reset();
  MPI_Barrier(MPI_COMM_WORLD);
  if (rank == 0) return;
  for (int other = 0; other < size; ++other) {
    REQUIRE(made.block->part(other)[0] == std::byte(other + 1));
    REQUIRE(made.block->part(other)[(3 << 20) - 1] == std::byte(other + 1));
  }
}
