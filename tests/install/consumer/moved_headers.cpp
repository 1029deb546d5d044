// A program written when these headers were elsewhere: it is built, and runs on one rank.
#include "comm/device_map.hpp"
#include "comm/registry.hpp"
#include "comm/session.hpp"
#include "comm/world.hpp"

int main(int argc, char** argv) {
  using namespace lockstep;
  return run_main(argc, argv, UseMpi::yes, [](World& world) {
    const auto device = choose_device(DeviceKind::cpu, BackendKind::automatic, world);
    const auto communicator = make_communicator(BackendKind::automatic, device, world);
    return communicator->size() == world.size() ? ExitCode::done : ExitCode::failed;
  });
}
