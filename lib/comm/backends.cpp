#include "comm/backends.hpp"

#include <fmt/format.h>

#include <array>
#include <map>
#include <optional>
#include <set>
#include <tuple>

#include "base/error.hpp"
#include "comm/mpi_communicator.hpp"
#include "comm/nccl_communicator.hpp"
#include "comm/node_collectives.hpp"
#include "comm/self_communicator.hpp"
#include "launch/device_map.hpp"
#include "launch/mpi_group.hpp"
#include "launch/mpi_world.hpp"

namespace lockstep {
namespace {

// Nothing where MPI was not started.
std::optional<MPI_Comm> mpi_comm(const Group& group) {
  if (const auto* part = dynamic_cast<const MpiGroup*>(&group)) return part->comm();
  if (const auto* whole = dynamic_cast<const MpiWorld*>(&group)) return whole->comm();
  return std::nullopt;
}

struct Seat {
  std::string host, device;  // device: "" for the CPU, else what identifies the GPU within its host
  static auto fields(auto& seat) {
    auto& [host, device] = seat;
    return std::tie(host, device);
  }
};

// Why a back end cannot serve these ranks, with the remedy; empty: it can.
using Objection = std::string (*)(const std::vector<Seat>&);
// Why it cannot here, though these ranks could have it. Collective.
using Obstacle = std::string (*)(Group&);
using Factory = std::unique_ptr<Communicator> (*)(const c10::Device&, Group&, const SimOptions&);

struct Backend {
  BackendKind kind;
  Objection objection;
  Obstacle obstacle;
  Factory make;
};

std::string shared_gpus(const std::vector<Seat>& seats) {
  std::map<std::string, std::multiset<std::string>> hosts;
  for (const Seat& seat : seats) hosts[seat.host].insert(seat.device);
  for (const auto& [host, devices] : hosts) {
    const std::set<std::string> distinct(devices.begin(), devices.end());
    if (distinct.size() == devices.size()) continue;
    return fmt::format(
        "{} ranks on this node, {} GPU{}: NCCL needs one GPU per rank; use --set parallel.backend=mpi",
        devices.size(), distinct.size(), distinct.size() == 1 ? "" : "s");
  }
  return {};
}

std::string nccl_objection([[maybe_unused]] const std::vector<Seat>& seats) {
#ifdef LOCKSTEP_WITH_CUDA
  for (std::size_t rank = 0; rank < seats.size(); ++rank)
    if (seats[rank].device.empty())
      return fmt::format(
          "rank {} computes on the CPU, but NCCL only takes tensors on GPUs; use --set "
          "parallel.backend=mpi, or parallel.device=cuda if there are GPUs",
          rank);
  return shared_gpus(seats);
#else
  static_cast<void>(shared_gpus);
  return "this build has no CUDA and therefore no NCCL; use --set parallel.backend=mpi, or configure with "
         "-DLOCKSTEP_CUDA=ON";
#endif
}

std::unique_ptr<Communicator> make_nccl([[maybe_unused]] const c10::Device& device,
                                        [[maybe_unused]] Group& group, const SimOptions&) {
#ifdef LOCKSTEP_WITH_CUDA
  return make_nccl_communicator(group, device);
#else
  throw run_error("this build has no NCCL");
#endif
}

std::string shm_objection(const std::vector<Seat>& seats) {
  std::set<std::string> hosts;
  for (std::size_t rank = 0; rank < seats.size(); ++rank) {
    hosts.insert(seats[rank].host);
    if (!seats[rank].device.empty())
      return fmt::format(
          "rank {} computes on a GPU, but shared memory only takes tensors on the CPU; use --set "
          "parallel.backend=nccl or mpi",
          rank);
  }
  if (seats.size() > 1 && hosts.size() == seats.size())
    return "no two ranks are on one node, so none can share memory; use --set parallel.backend=mpi";
  return {};
}

std::string shm_obstacle(Group& group) {
  const std::string obstacle = NodeCollectives::create(*mpi_comm(group)).obstacle;
  return obstacle.empty() ? obstacle : "the ranks of a node cannot share memory: " + obstacle;
}

std::unique_ptr<Communicator> make_shm(const c10::Device&, Group& group, const SimOptions&) {
  ShmOutcome made = make_shm_communicator(*mpi_comm(group), &group.flight());
  if (!made.communicator) throw run_error("the ranks of a node cannot share memory: {}", made.obstacle);
  return std::move(made.communicator);
}

std::unique_ptr<Communicator> make_mpi(const c10::Device&, Group& group, const SimOptions&) {
  return make_mpi_communicator(*mpi_comm(group), ArrivalWait::nap, &group.flight());
}

std::unique_ptr<Communicator> make_sim(const c10::Device&, Group& group, const SimOptions& sim) {
  return make_sim_communicator(make_mpi(c10::kCPU, group, sim), sim);
}

std::string no_objection(const std::vector<Seat>&) { return {}; }
std::string no_obstacle(Group&) { return {}; }

// In order of preference: automatic takes the first without an objection.
constexpr std::array kBackends = {
    Backend{BackendKind::nccl, nccl_objection, no_obstacle, make_nccl},
    Backend{BackendKind::shm, shm_objection, shm_obstacle, make_shm},
    Backend{BackendKind::mpi, no_objection, no_obstacle, make_mpi},
    Backend{BackendKind::sim, no_objection, no_obstacle, make_sim},
};

struct Choice {
  const Backend& backend;
  std::string remark;  // on what was passed over
};

Choice choose_backend(BackendKind kind, const c10::Device& device, Group& group, const std::string& place) {
  const std::vector<Seat> seats = group.all_gather(Seat{host_name(), device_identity(device)});
  std::string remark;
  for (const Backend& backend : kBackends) {
    if (kind != BackendKind::automatic && kind != backend.kind) continue;
    const std::string objection = backend.objection(seats);
    if (kind == backend.kind && !objection.empty()) throw input_error("{}: {}", place, objection);
    if (!objection.empty()) continue;
    const std::string obstacle = backend.obstacle(group);
    if (obstacle.empty()) return {backend, remark};
    if (kind == backend.kind) throw input_error("{}: {}; use --set parallel.backend=mpi", place, obstacle);
    remark = obstacle;
  }
  throw input_error("{}: no such back end in this build; use --set parallel.backend=mpi", place);
}

}  // namespace

std::unique_ptr<Communicator> make_communicator(BackendKind kind, const c10::Device& device, Group& group,
                                                const std::string& place, const SimOptions& sim) {
  std::unique_ptr<Communicator> communicator;
  if (mpi_comm(group)) {
    const Choice choice = choose_backend(kind, device, group, place);
    communicator = choice.backend.make(device, group, sim);
    if (!choice.remark.empty())
      communicator->set_remark(fmt::format("{}; they send messages (back end {})", choice.remark,
                                           name_of(communicator->backend())));
  } else {
    communicator = make_self_communicator();
  }
  communicator->set_world(dynamic_cast<World*>(&group));
  return communicator;
}

}  // namespace lockstep
