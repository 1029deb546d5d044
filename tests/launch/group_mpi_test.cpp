// Typed collectives of the control plane, on one rank and on three.
#include "launch/group.hpp"

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>

#include "launch/session.hpp"
#include "support/catch.hpp"

using namespace lockstep;

namespace {

struct Point {
  double x = 0;
  std::int32_t n = 0;
  bool operator==(const Point&) const = default;
};

struct Seat {
  std::string host;
  std::vector<std::string> devices;
  std::optional<Point> place;
  std::pair<int, std::string> last;
  bool operator==(const Seat&) const = default;
  static auto fields(auto& seat) {
    auto& [host, devices, place, last] = seat;
    return std::tie(host, devices, place, last);
  }
};

Seat seat_of(int rank) {
  Seat seat{"host\n" + std::string(static_cast<std::size_t>(rank), '\0'), {}, {}, {rank, "a:b"}};
  for (int device = 0; device < rank; ++device) seat.devices.emplace_back(1000, '\n');
  if (rank % 2 == 1) seat.place = Point{0.1 * rank, -rank};
  return seat;
}

std::uint64_t bits(double value) { return std::bit_cast<std::uint64_t>(value); }

// NaN with a payload, the smallest number, the negative zero: what no text of theirs brings back.
double odd_number(int rank) {
  const double numbers[] = {std::bit_cast<double>(0x7ff8dead00000001ULL),
                            std::numeric_limits<double>::denorm_min(), -0.0};
  return numbers[rank % 3];
}

class Refused {
  std::string not_told;
};
static_assert(!Sendable<const char*>);
static_assert(!Sendable<std::string_view>);
static_assert(!Sendable<Refused>);
static_assert(Sendable<Seat>);

}  // namespace

TEST_CASE("numbers arrive bit for bit, in order of rank") {
  const auto world = mpi_world(0, nullptr);
  const std::vector<double> all = world->all_gather(odd_number(world->rank()));
  REQUIRE(std::ssize(all) == world->size());
  for (int r = 0; r < world->size(); ++r)
    CHECK(bits(all[static_cast<std::size_t>(r)]) == bits(odd_number(r)));
  CHECK(bits(world->broadcast(odd_number(world->rank()))) == bits(odd_number(0)));
  CHECK(world->broadcast(Point{world->rank() + 0.5, 7}) == Point{0.5, 7});
}

TEST_CASE("vectors may differ in length from rank to rank, and be empty") {
  const auto world = mpi_world(0, nullptr);
  const auto of_rank = [](int rank) {
    std::vector<Point> points;
    for (int i = 0; i < 2 * rank; ++i) points.push_back({1.0 / (i + 3), i});
    return points;
  };
  const auto all = world->all_gather(of_rank(world->rank()));
  for (int r = 0; r < world->size(); ++r) CHECK((all[static_cast<std::size_t>(r)] == of_rank(r)));
  CHECK((world->broadcast(of_rank(world->rank() + 1)) == of_rank(1)));
  CHECK(world->broadcast(std::vector<std::string>(static_cast<std::size_t>(world->rank()))).empty());
}

TEST_CASE("structs with strings, vectors and what may be absent") {
  const auto world = mpi_world(0, nullptr);
  const auto all = world->all_gather(seat_of(world->rank()));
  for (int r = 0; r < world->size(); ++r) CHECK(all[static_cast<std::size_t>(r)] == seat_of(r));
  CHECK(world->broadcast(seat_of(world->rank() + 1)) == seat_of(1));
  const auto gathered = world->gather(std::vector<Seat>{seat_of(world->rank()), seat_of(5)});
  CHECK(gathered.size() == (world->rank() == 0 ? all.size() : 0));
  if (world->rank() == 0) CHECK(gathered.back()[0] == all.back());
}

TEST_CASE("smallest, largest and sum") {
  const auto world = mpi_world(0, nullptr);
  const int last = world->size() - 1;
  const std::int64_t large = (std::int64_t{1} << 62) + world->rank();  // more than a double holds
  CHECK(world->max(large) == (std::int64_t{1} << 62) + last);
  CHECK(world->min(large) == std::int64_t{1} << 62);
  CHECK(world->min(-world->rank()) == -last);
  CHECK(world->max(-1.5 - world->rank()) == -1.5);
  CHECK(world->sum(world->rank() + 1) == (last + 1) * (last + 2) / 2);
}

TEST_CASE("a NaN of any rank is not lost") {
  const auto world = mpi_world(0, nullptr);
  for (int culprit = 0; culprit < world->size(); ++culprit) {
    const double mine = world->rank() == culprit ? std::nan("") : 1.0;
    CHECK(std::isnan(world->min(mine)));
    CHECK(std::isnan(world->max(mine)));
    CHECK(std::isnan(world->sum(mine)));
  }
}

TEST_CASE("a part of the ranks has collectives of its own") {
  const auto world = mpi_world(0, nullptr);
  const auto part = world->split(world->rank() % 2);
  std::vector<int> mine;
  for (int r = world->rank() % 2; r < world->size(); r += 2) mine.push_back(r);
  CHECK(part->all_gather(world->rank()) == mine);
  CHECK(part->max(world->rank()) == mine.back());
}

TEST_CASE("bytes that are not of the type asked for are an error, and cost no memory") {
  const std::string bytes = to_message(seat_of(2));
  CHECK(from_message<Seat>(bytes) == seat_of(2));
  for (std::size_t length = 0; length < bytes.size(); ++length)
    CHECK_THROWS_AS(from_message<Seat>(bytes.substr(0, length)), Error);
  CHECK_THROWS_AS(from_message<Seat>(bytes + "x"), Error);
  CHECK_THROWS_AS(from_message<std::vector<double>>(to_message(std::size_t{1} << 61)), Error);
  CHECK_THROWS_AS(from_message<std::vector<std::string>>(to_message(~std::size_t{0})), Error);
  CHECK_THROWS_AS(from_message<int>(to_message(std::int64_t{1})), Error);
}
