// train_ddp and train_mp, by the name that it is called by, with a fault that the environment names and the
// programs themselves have no words for:
//   FAULT_UNSHARDED=1                         every rank trains on all of the data
//   FAULT_STOP="1:training step 3, backward"  rank 1 is stopped there as by SIGSTOP, a second later, so that
//   it has
//                                             told the others where it is
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <string>
#include <thread>

#include "base/error.hpp"
#include "launch/flight_recorder.hpp"
#include "train/program.hpp"
#include "train/setup.hpp"

using namespace lockstep;

namespace {

std::string told(const char* variable) {
  const char* const text = std::getenv(variable);
  return text == nullptr ? "" : text;
}

void stop_where_told(World& world) {
  const std::string text = told("FAULT_STOP"), mine = std::to_string(world.rank()) + ':';
  if (!text.starts_with(mine)) return;
  world.flight().activity.watch([where = text.substr(mine.size())](const Activity& activity) {
    if (activity.text() != where) return;
    std::this_thread::sleep_for(std::chrono::seconds(1));
    raise(SIGSTOP);
  });
}

void unshard_if_told(Setup& setup) {
  if (told("FAULT_UNSHARDED") == "1") setup.batches.shard = false;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string name = program_invocation_short_name;
  return run_trainer(argc, argv,
                     {.name = name,
                      .about = "training with a fault",
                      .mode = name == "train_mp" ? "mp" : "ddp",
                      .use_mpi = UseMpi::yes,
                      .at_start = stop_where_told,
                      .change_setup = unshard_if_told});
}
