// fault_program MODE FOLDER: the victim of faults.sh. Every rank writes FOLDER/pid.RANK once it is in its
// loop of collectives; the emergency handler writes FOLDER/emergency.RANK.
#include <ATen/ATen.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <string>
#include <thread>

#include "base/error.hpp"
#include "comm/backends.hpp"
#include "launch/flight_recorder.hpp"
#include "launch/session.hpp"

using namespace lockstep;

namespace {

const char* name_of(Emergency::Reason reason) {
  switch (reason) {
    case Emergency::Reason::signal:
      return "signal";
    case Emergency::Reason::lost_rank:
      return "lost_rank";
    case Emergency::Reason::stalled_rank:
      return "stalled_rank";
    default:
      return "error";
  }
}

void throw_if_asked(const std::string& mode, int rank, int round) {
  if (mode == "throw_all" && round == 0)
    throw input_error("conf.yaml:3: unknown key 'training.batchsize'; did you mean 'training.global_batch'?");
  if (round != 20) return;
  if (mode == "throw_one" && rank == 1) throw run_error("the loss is not finite in step 20");
  if (mode == "throw_root" && rank == 0) throw run_error("the disk is full");
}

BackendKind back_end() {
  const char* const name = std::getenv("LOCKSTEP_TEST_BACKEND");
  return name && std::string(name) == "shm" ? BackendKind::shm : BackendKind::mpi;
}

[[noreturn]] void sleep_for_ever() {
  for (;;) std::this_thread::sleep_for(std::chrono::seconds(1));
}

// What can stand still besides a collective. Whether the mode asks for one of these.
bool stand_still(World& world, const std::string& mode) {
  const bool culprit = world.rank() == 1;
  if (mode == "hang_single") {
    world.flight().activity.enter("reading a file that does not come");
    sleep_for_ever();
  }
  if (mode == "hang_local") {
    world.flight().activity.enter("reading file", 7);
    if (culprit) sleep_for_ever();
    world.barrier();
  }
  if (mode == "hang_apart") {  // rank 1 is in another collective
    const auto communicator = make_communicator(back_end(), c10::kCPU, world);
    if (culprit) world.barrier();
    communicator->barrier()->wait();
  }
  if (mode == "stop_end" && culprit) {  // the others have ended well and wait in MPI_Finalize
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
    raise(SIGSTOP);
  }
  return mode == "stop_end";
}

ExitCode loop(World& world, const std::string& mode, const std::string& folder) {
  if (mode == "clean" || stand_still(world, mode)) return ExitCode::done;
  if (mode == "not_valid") return ExitCode::not_valid;
  if (mode == "late_throw") {  // the other ranks have ended well and wait in MPI_Finalize
    if (world.rank() != 1) return ExitCode::done;
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
    throw run_error("too late");
  }
  const auto communicator = make_communicator(back_end(), c10::kCPU, world);
  const at::Tensor x = communicator->allocate(1 << 18, at::kFloat);
  for (int round = 0;; ++round) {
    throw_if_asked(mode, world.rank(), round);
    if (round == 15 &&
        ((mode == "leave_rank" && world.rank() == 1) || (mode == "leave_root" && world.rank() == 0)))
      return ExitCode::done;
    communicator->all_reduce(x)->wait();
    if (round == 10) std::ofstream(folder + "/pid." + std::to_string(world.rank())) << getpid() << std::endl;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::string mode = argc > 1 ? argv[1] : "clean";
  const std::string folder = argc > 2 ? argv[2] : ".";
  const UseMpi use_mpi = mode.find("single") != std::string::npos ? UseMpi::no : UseMpi::yes;
  const char* const rank = std::getenv("OMPI_COMM_WORLD_RANK");
  if (mode == "stop_start" && rank && std::string(rank) == "1") raise(SIGSTOP);
  const auto body = [&](World& world) {
    world.on_emergency([&](const Emergency& emergency) {
      std::ofstream file(folder + "/emergency." + std::to_string(world.rank()));
      file << name_of(emergency.reason) << ' ' << emergency.message << std::endl;
      for (const std::string& detail : emergency.details) file << detail << std::endl;
    });
    const ExitCode code = loop(world, mode, folder);
    world.on_emergency({});
    return code;
  };
  const double limit = mode.starts_with("leave") ? 12 : 2;
  return run_main(argc, argv, use_mpi, body, {.seconds = limit, .setting = "the limit"});
}
