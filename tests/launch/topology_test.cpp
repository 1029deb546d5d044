#include "launch/topology.hpp"
#include "comm/library_versions.hpp"
#include "launch/fingerprint.hpp"

#include <sched.h>

#include <algorithm>
#include <cmath>

#include "base/error.hpp"
#include "comm/backends.hpp"
#include "launch/cpu_quota.hpp"
#include "launch/device_map.hpp"
#include "launch/session.hpp"
#include "launch/steering_variables.hpp"
#include "results/crowded_cores.hpp"
#include "support/catch.hpp"

using namespace lockstep;

namespace {
RankEnvironment machine(const std::string& host, const std::string& cpu, const std::string& device,
                        double gib) {
  RankEnvironment e;
  e.host = host;
  e.cpu = cpu;
  e.device = device;
  e.memory_bytes = static_cast<std::int64_t>(gib * (1 << 30));
  return e;
}
}  // namespace

TEST_CASE("the fingerprint knows the kind of hardware, not the number of ranks or the host") {
  const RankEnvironment a = machine("n1", "Xeon (64 logical CPUs)", "NVIDIA H200", 512);
  RankEnvironment b = machine("n2", "Xeon (64 logical CPUs)", "NVIDIA H200", 512);
  b.threads = 4;
  b.cores_bound = 7;
  const std::string one = hardware_fingerprint({a});
  REQUIRE(one.starts_with("xxh3-"));
  REQUIRE(hardware_fingerprint({a, b, b, a}) == one);
  REQUIRE(hardware_fingerprint({machine("n1", "Xeon (32 logical CPUs)", "NVIDIA H200", 512)}) != one);
  REQUIRE(hardware_fingerprint({machine("n1", "Xeon (64 logical CPUs)", "NVIDIA H100", 512)}) != one);
  REQUIRE(hardware_fingerprint({machine("n1", "Xeon (64 logical CPUs)", "NVIDIA H200", 256)}) != one);
  const RankEnvironment cpu = machine("n3", "Xeon (64 logical CPUs)", "cpu", 512);
  RankEnvironment limited = cpu, more = cpu, host_of_gpu = a;
  limited.cpu_quota = host_of_gpu.cpu_quota = 1.5;
  more.cpu_quota = 2;
  REQUIRE(hardware_fingerprint({host_of_gpu}) == one);  // the GPU computes all the same
  REQUIRE(hardware_fingerprint({limited}) != hardware_fingerprint({cpu}));
  REQUIRE(hardware_fingerprint({limited, limited}) == hardware_fingerprint({limited}));
  REQUIRE(hardware_fingerprint({more}) != hardware_fingerprint({limited}));
  REQUIRE(hardware_fingerprint({a, cpu}) == hardware_fingerprint({cpu, a}));
  REQUIRE(hardware_fingerprint({a, cpu}) != one);
}

TEST_CASE("this machine describes itself") {
  const auto world = self_world();
  RankEnvironment e = describe_rank(c10::kCPU, 3, 2);
  REQUIRE(e.cpu_quota == cpu_quota());
  e.cpu_quota = 2.25;
  REQUIRE_FALSE(e.host.empty());
  REQUIRE(e.cpu.find("logical CPUs)") != std::string::npos);
  REQUIRE(e.device == "cpu");
  REQUIRE(e.driver == "none");
  REQUIRE(e.threads == 3);
  REQUIRE(e.cores_bound >= 1);
  REQUIRE(std::count(e.thread_cores.begin(), e.thread_cores.end(), ' ') == 2);  // of 3 threads
  REQUIRE(e.loader_threads == 2);
  REQUIRE(CoreSet(e.cores).contains(CoreSet(e.loader_cores)));
  REQUIRE_FALSE(e.loader_cores.empty());
  REQUIRE_FALSE(e.numa_nodes.empty());
  REQUIRE(e.machine.find("hardware thread") != std::string::npos);
  REQUIRE(e.memory_bytes > (std::int64_t{1} << 28));
  const auto all = gather_environments(*world, e);
  REQUIRE(all.size() == 1);
  REQUIRE(all[0].cpu == e.cpu);
  REQUIRE(all[0].memory_bytes == e.memory_bytes);
  REQUIRE(all[0].cpu_quota == 2.25);
  REQUIRE_FALSE(all[0].gpu);
  e.gpu = GpuFacts{.sm_clock = 1.41e9, .power_limit = 700, .slowdowns = 0x20};
  const auto with_gpu = gather_environments(*world, e);
  REQUIRE(with_gpu[0].gpu);
  REQUIRE(with_gpu[0].gpu->sm_clock == 1.41e9);
  REQUIRE(std::isnan(with_gpu[0].gpu->memory_clock));  // what is not known stays so
  REQUIRE(with_gpu[0].gpu->power_limit == 700);
  REQUIRE(with_gpu[0].gpu->slowdowns == 0x20);
  REQUIRE(with_gpu[0].threads == 3);
}

TEST_CASE("threads: as asked, else the cores, and never more than the process is bound to") {
  const auto world = self_world();
  RunConfig config;
  REQUIRE(threads_per_rank(config, *world) == std::min(node_cores(), bound_cores()));
  config.parallel.threads = 5;
  REQUIRE(threads_per_rank(config, *world) == 5);

  config.parallel.threads.reset();
  cpu_set_t before, one;
  REQUIRE(sched_getaffinity(0, sizeof before, &before) == 0);
  int first = 0;
  while (!CPU_ISSET(first, &before)) ++first;
  CPU_ZERO(&one);
  CPU_SET(first, &one);
  REQUIRE(sched_setaffinity(0, sizeof one, &one) == 0);
  const int bound = bound_cores();
  const int threads = threads_per_rank(config, *world);
  const RankEnvironment e = describe_rank(c10::kCPU, 1, 1);
  REQUIRE(sched_setaffinity(0, sizeof before, &before) == 0);
  REQUIRE(bound == 1);
  REQUIRE(threads == 1);
  REQUIRE(e.cores_bound == 1);
  REQUIRE(e.thread_cores == e.cores);
  REQUIRE(e.loader_cores == e.cores);
}

TEST_CASE("variables that steer libraries are told, those of the launcher and of the user are not") {
  REQUIRE(steering_variables(std::vector<std::string>{
              "PATH=/bin", "OMP_NUM_THREADS=2", "NCCL_SOCKET_IFNAME=ib0", "OMPI_MCA_btl_tcp_if_include=ib0",
              "OMPI_MCA_orte_hnp_uri=1.0;tcp://10.0.0.1:1", "OMPI_COMM_WORLD_RANK=1", "MV2_COMM_WORLD_RANK=1",
              "SECRET_TOKEN=NCCL_", "FI_PROVIDER=tcp\nx"}) ==
          "FI_PROVIDER=tcp x\nNCCL_SOCKET_IFNAME=ib0\nOMPI_MCA_btl_tcp_if_include=ib0\nOMP_NUM_THREADS=2");
  REQUIRE(setenv("NCCL_ALGO", "Ring", 1) == 0);
  REQUIRE(steering_variables().find("NCCL_ALGO=Ring") != std::string::npos);
  REQUIRE(unsetenv("NCCL_ALGO") == 0);
}

TEST_CASE("versions of everything that computes or communicates") {
  const auto world = self_world();
  const auto versions = library_versions(*world);
  for (const char* key :
       {"libtorch", "cuda", "mpi", "mpi_threads", "nccl", "program", "commit", "compiler", "flags"})
    REQUIRE(versions.contains(key));
  REQUIRE(versions.at("mpi") == "none");
  REQUIRE(versions.at("libtorch").find('.') != std::string::npos);
}

TEST_CASE("one rank without MPI: the CPU on request, and the self communicator") {
  const auto world = self_world();
  REQUIRE(choose_device(DeviceKind::cpu, BackendKind::automatic, *world).is_cpu());
  REQUIRE(make_communicator(BackendKind::automatic, c10::kCPU, *world)->backend() == BackendKind::self);
  REQUIRE(make_communicator(BackendKind::mpi, c10::kCPU, *world)->backend() == BackendKind::self);
  if (visible_gpus() > 0) return;
  REQUIRE(choose_device(DeviceKind::automatic, BackendKind::automatic, *world).is_cpu());
  try {
    choose_device(DeviceKind::cuda, BackendKind::automatic, *world, "x.yaml:7: 'parallel.device'");
    FAIL("a GPU that is not there was accepted");
  } catch (const Error& error) {
    REQUIRE(error.code() == ExitCode::bad_input);
    REQUIRE(std::string(error.what()).find("x.yaml:7: 'parallel.device': ") == 0);
    REQUIRE(std::string(error.what()).find("parallel.device=cpu") != std::string::npos);
  }
}
