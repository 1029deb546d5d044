// train_seq, train_ddp and train_mp, by the name that it is called by, with a fault that the environment names and
// the programs themselves have no words for:
//   FAULT_UNSHARDED=1                         every rank trains on all of the data
//   FAULT_STOP="1:training step 3, backward"  rank 1 is stopped there as by SIGSTOP, a second later, so that
//                                             it has told the others where it is; "1:start": before MPI starts
//   FAULT_KILL="1:..."                        it is killed there
//   FAULT_TERM, FAULT_INT, FAULT_USR1="1:..." it gets SIGTERM, SIGINT or SIGUSR1 there, and goes on half a second later
//   FAULT_FILL="0:..."                        it fills the file FAULT_FILLER there until its disk takes no more
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <string>
#include <thread>

#include "base/error.hpp"
#include "base/file_descriptor.hpp"
#include "launch/flight_recorder.hpp"
#include "train/program.hpp"
#include "train/setup.hpp"

using namespace lockstep;

namespace {

std::string told(const char* variable) {
  const char* const text = std::getenv(variable);
  return text == nullptr ? "" : text;
}

void stop() {
  std::this_thread::sleep_for(std::chrono::seconds(1));
  raise(SIGSTOP);
}

void fill_disk() {
  const FileDescriptor file(open(told("FAULT_FILLER").c_str(), O_WRONLY | O_CREAT | O_APPEND, 0666));
  const std::string block(4096, 'x');
  while (write(file.get(), block.data(), block.size()) > 0) {
  }
}

// As from outside: to the process, since only its watchdog takes signals. It has noticed before the next step begins.
template <int Signal>
void get() {
  kill(getpid(), Signal);
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
}

struct Harm {
  const char* variable;
  void (*act)();
};
constexpr std::array kHarms = {Harm{"FAULT_STOP", stop},       Harm{"FAULT_KILL", [] { raise(SIGKILL); }},
                               Harm{"FAULT_FILL", fill_disk},  Harm{"FAULT_TERM", get<SIGTERM>},
                               Harm{"FAULT_INT", get<SIGINT>}, Harm{"FAULT_USR1", get<SIGUSR1>}};

void harm_at(const std::string& rank, const std::string& place) {
  for (const Harm& harm : kHarms)
    if (told(harm.variable) == rank + ':' + place) harm.act();
}

void harm_on_the_way(World& world) {
  world.flight().activity.watch(
      [rank = std::to_string(world.rank())](const Activity& activity) { harm_at(rank, activity.text()); });
}

Mode mode_of(const std::string& program) {
  if (program == "train_seq") return Mode::sequential;
  return program == "train_mp" ? Mode::layerwise : Mode::data_parallel;
}

void unshard_if_told(Setup& setup) {
  if (told("FAULT_UNSHARDED") == "1") setup.batches.shard = false;
}

}  // namespace

int main(int argc, char** argv) {
  harm_at(told("OMPI_COMM_WORLD_RANK"), "start");
  const std::string name = program_invocation_short_name;
  const Mode mode = mode_of(name);
  return run_trainer(argc, argv,
                     {.name = name,
                      .about = "training with a fault",
                      .mode = mode,
                      .use_mpi = mode == Mode::sequential ? UseMpi::no : UseMpi::yes,
                      .at_start = harm_on_the_way,
                      .change_setup = unshard_if_told});
}
