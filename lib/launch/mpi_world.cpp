#include "launch/mpi_world.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <limits>

#include "launch/interfaces.hpp"
#include "launch/mpi_check.hpp"
#include "launch/session.hpp"
#include "timing/clock.hpp"

namespace lockstep {
namespace {

constexpr int kClockTag = 11;
constexpr int kClockRounds = 50;
constexpr std::chrono::seconds kLifelineTimeout{30};

double clock_seconds() { return std::chrono::duration<double>(steady_now().time_since_epoch()).count(); }

std::string processor_name() {
  std::array<char, MPI_MAX_PROCESSOR_NAME> name{};
  int length = 0;
  LOCKSTEP_MPI(MPI_Get_processor_name(name.data(), &length));
  return {name.data(), static_cast<std::size_t>(length)};
}

MPI_Comm duplicate_world() {
  MPI_Comm comm = MPI_COMM_NULL;
  LOCKSTEP_MPI(MPI_Comm_dup(MPI_COMM_WORLD, &comm));
  return comm;
}

}  // namespace

MpiLibrary::MpiLibrary(int argc, char** argv, const TimeLimit& limit)
    : limit_(limit), launch_(read_launch()) {
  start_.emplace(limit_, launch_, "to start");
  int initialized = 0;
  LOCKSTEP_MPI(MPI_Initialized(&initialized));
  if (initialized != 0) {
    LOCKSTEP_MPI(MPI_Query_thread(&level_));
  } else {
    // The communication thread shares its core with the computation where ranks have one each: let it yield
    // inside MPI (a hint to Open MPI, unknown to others). benchmarks/comm_overlap.cpp measures what that is
    // worth.
    setenv("OMPI_MCA_mpi_yield_when_idle", "1", /*overwrite=*/0);
    LOCKSTEP_MPI(MPI_Init_thread(&argc, &argv, MPI_THREAD_MULTIPLE, &level_));
    ours_ = true;
  }
  if (level_ < MPI_THREAD_MULTIPLE)
    throw run_error(
        "this MPI gives thread level {} of {}; overlapping communication needs MPI_THREAD_MULTIPLE", level_,
        static_cast<int>(MPI_THREAD_MULTIPLE));
}

MpiLibrary::~MpiLibrary() {
  // Finalising is collective: with an exception on its way out the other ranks may never come.
  if (!ours_ || std::uncaught_exceptions() > 0) return;
  const Countdown countdown(limit_, launch_, "to end (MPI_Finalize)");
  MPI_Finalize();
}

MpiWorld::MpiWorld(int argc, char** argv, const TimeLimit& limit)
    : mpi_(argc, argv, limit),
      group_(duplicate_world(), flight_),
      comm_(group_.comm()),
      rank_(group_.rank()),
      size_(group_.size()) {
  flight_.rank = rank_;
  find_nodes();
  WatchdogOptions options;
  options.program = program_invocation_short_name;
  options.rank = rank_;
  options.hosts = all_gather(processor_name());
  options.peers = connect_ranks(options.hosts);
  options.end_all = [](int code) { MPI_Abort(MPI_COMM_WORLD, code); };
  options.limit = limit;
  options.flight = &flight_;
  options.gate = &gate_;
  watchdog_ = std::make_unique<Watchdog>(std::move(options));
  mpi_.started();
}

void MpiWorld::find_nodes() {
  MPI_Comm node = MPI_COMM_NULL;
  LOCKSTEP_MPI(MPI_Comm_split_type(comm_, MPI_COMM_TYPE_SHARED, rank_, MPI_INFO_NULL, &node));
  LOCKSTEP_MPI(MPI_Comm_rank(node, &local_rank_));
  LOCKSTEP_MPI(MPI_Comm_size(node, &local_size_));
  int first = rank_;
  LOCKSTEP_MPI(MPI_Bcast(&first, 1, MPI_INT, 0, node));
  beside_root_ = first == 0;
  LOCKSTEP_MPI(MPI_Comm_free(&node));
  const int leads = local_rank_ == 0 ? 1 : 0;
  LOCKSTEP_MPI(MPI_Allreduce(&leads, &nodes_, 1, MPI_INT, MPI_SUM, comm_));
}

namespace {

struct Seat {
  bool beside_root = false;  // on rank 0's node
  std::vector<std::string> addresses;
  static auto fields(auto& seat) {
    auto& [beside_root, addresses] = seat;
    return std::tie(beside_root, addresses);
  }
};

// Where rank 0 listens: on the loopback for those beside it, and on what leads to the other nodes.
std::vector<std::string> addresses_for(const std::vector<Seat>& seats) {
  std::vector<std::string> others;
  bool beside = false;
  for (std::size_t rank = 1; rank < seats.size(); ++rank) {
    beside = beside || seats[rank].beside_root;
    if (!seats[rank].beside_root)
      others.insert(others.end(), seats[rank].addresses.begin(), seats[rank].addresses.end());
  }
  std::vector<std::string> addresses = addresses_towards(others);
  if (addresses.empty() && !others.empty())
    throw run_error("lifeline: rank 0 has no TCP route to any address of the other nodes: {}",
                    fmt::join(others, " "));
  if (beside) addresses.emplace_back(kLoopback);
  return addresses;
}

}  // namespace

std::vector<LifelineConnection> MpiWorld::connect_ranks(const std::vector<std::string>& hosts) {
  std::vector<LifelineConnection> peers;
  if (size_ == 1) return peers;
  const Deadline deadline = steady_now() + kLifelineTimeout;
  const std::vector<Seat> seats = gather(Seat{beside_root_, addresses_of_this_host()});
  if (rank_ == 0) {
    LifelineListener listener(addresses_for(seats));
    broadcast(listener.invitation());
    return listener.accept_all(static_cast<int>(hosts.size()) - 1, deadline);
  }
  peers.push_back(connect_lifeline(broadcast({}), beside_root_, rank_, deadline));
  return peers;
}

std::string MpiWorld::library() const {
  std::array<char, MPI_MAX_LIBRARY_VERSION_STRING> text{};
  int length = 0;
  LOCKSTEP_MPI(MPI_Get_library_version(text.data(), &length));
  const std::string version(text.data(), static_cast<std::size_t>(length));
  return version.substr(0, version.find_first_of(",\n"));
}

std::string MpiWorld::thread_level() const {
  switch (mpi_.thread_level()) {
    case MPI_THREAD_MULTIPLE:
      return "MPI_THREAD_MULTIPLE";
    case MPI_THREAD_SERIALIZED:
      return "MPI_THREAD_SERIALIZED";
    case MPI_THREAD_FUNNELED:
      return "MPI_THREAD_FUNNELED";
    default:
      return "MPI_THREAD_SINGLE";
  }
}

World::ClockOffset MpiWorld::measure_clock_offset() {
  barrier();
  std::vector<ClockOffset> ranks(1);
  {
    const FlightRecorder::Call call(&flight_, {.name = "comparison of clocks"});
    if (rank_ != 0)
      answer_clock();
    else
      for (int peer = 1; peer < size_; ++peer) ranks.push_back(ask_clock(peer));
  }
  return broadcast(ranks)[static_cast<std::size_t>(rank_)];
}

// The shortest round trip tells most: the answer was read somewhere within it.
World::ClockOffset MpiWorld::ask_clock(int peer) {
  double shortest = std::numeric_limits<double>::infinity();
  ClockOffset best;
  for (int round = 0; round < kClockRounds; ++round) {
    double theirs = 0;
    const double sent = clock_seconds();
    LOCKSTEP_MPI(MPI_Send(&sent, 1, MPI_DOUBLE, peer, kClockTag, comm_));
    LOCKSTEP_MPI(MPI_Recv(&theirs, 1, MPI_DOUBLE, peer, kClockTag, comm_, MPI_STATUS_IGNORE));
    const double received = clock_seconds();
    if (received - sent >= shortest) continue;
    shortest = received - sent;
    best = {theirs - (sent + received) / 2, shortest / 2};
  }
  return best;
}

void MpiWorld::answer_clock() {
  for (int round = 0; round < kClockRounds; ++round) {
    double theirs = 0;
    LOCKSTEP_MPI(MPI_Recv(&theirs, 1, MPI_DOUBLE, 0, kClockTag, comm_, MPI_STATUS_IGNORE));
    const double mine = clock_seconds();
    LOCKSTEP_MPI(MPI_Send(&mine, 1, MPI_DOUBLE, 0, kClockTag, comm_));
  }
}

void MpiWorld::on_emergency(std::function<void(const Emergency&)> handler) {
  watchdog_->on_emergency(std::move(handler));
}

std::unique_ptr<World> mpi_world(int argc, char** argv, const TimeLimit& limit) {
  return std::make_unique<MpiWorld>(argc, argv, limit);
}

}  // namespace lockstep
