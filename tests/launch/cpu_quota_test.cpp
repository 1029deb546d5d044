#include "launch/cpu_quota.hpp"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "launch/topology.hpp"
#include "support/catch.hpp"

using namespace lockstep;
namespace fs = std::filesystem;

namespace {

// A made-up root of a file system; its folder goes with it.
struct Root {
  fs::path path = fs::temp_directory_path() / ("lockstep_quota_" + std::to_string(getpid()));
  Root() { fs::remove_all(path); }
  ~Root() { fs::remove_all(path); }
  void write(const std::string& file, const std::string& text) const {
    fs::create_directories((path / file).parent_path());
    std::ofstream(path / file) << text;
  }
  double quota() const { return cpu_quota(path); }
};

const std::string kV2 = "31 23 0:28 / /sys/fs/cgroup rw,relatime - cgroup2 cgroup2 rw\n";
const std::string kV1 =
    "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n"
    "34 31 0:31 / /sys/fs/cgroup/cpuset rw,relatime - cgroup cgroup rw,cpuset\n"
    "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct\n";

}  // namespace

TEST_CASE("CPU quota, cgroup v2: the least of the own group and those above it") {
  const Root root;
  CHECK(root.quota() == 0);  // no control groups at all
  root.write("proc/self/mountinfo", kV2);
  root.write("proc/self/cgroup", "0::/job/step\n");
  root.write("sys/fs/cgroup/job/step/cpu.max", "max 100000\n");
  CHECK(root.quota() == 0);
  root.write("sys/fs/cgroup/job/step/cpu.max", "250000 100000\n");
  CHECK(root.quota() == 2.5);
  root.write("sys/fs/cgroup/job/cpu.max", "50000 100000\n");
  CHECK(root.quota() == 0.5);
  root.write("sys/fs/cgroup/job/cpu.max", "400000 100000\n");
  CHECK(root.quota() == 2.5);
  root.write("sys/fs/cgroup/cpu.max", "200000 200000\n");
  CHECK(root.quota() == 1);
  root.write("sys/fs/cgroup/other/cpu.max", "1000 100000\n");  // somebody else's
  CHECK(root.quota() == 1);
}

TEST_CASE("CPU quota, cgroup v2: within a container") {
  const Root root;
  root.write("proc/self/mountinfo", kV2);
  root.write("proc/self/cgroup", "0::/\n");
  root.write("sys/fs/cgroup/cpu.max", "150000 100000\n");
  CHECK(root.quota() == 1.5);
  // The host's view of the group, of which only the group itself is mounted.
  root.write("proc/self/mountinfo", "31 23 0:28 /docker/ab12 /sys/fs/cgroup ro - cgroup2 cgroup rw\n");
  root.write("proc/self/cgroup", "0::/docker/ab12\n");
  CHECK(root.quota() == 1.5);
  root.write("proc/self/cgroup", "0::/../elsewhere\n");
  CHECK(root.quota() == 1.5);
  root.write("proc/self/cgroup", "0::/not/mounted/here\n");
  CHECK(root.quota() == 1.5);
}

TEST_CASE("CPU quota, cgroup v1, also beside v2") {
  const Root root;
  root.write("proc/self/mountinfo", kV1);
  root.write("proc/self/cgroup", "5:cpuset:/wrong\n4:cpu,cpuacct:/slurm/job\n0::/\n");
  root.write("sys/fs/cgroup/cpu,cpuacct/slurm/job/cpu.cfs_quota_us", "-1\n");
  root.write("sys/fs/cgroup/cpu,cpuacct/slurm/job/cpu.cfs_period_us", "100000\n");
  CHECK(root.quota() == 0);
  root.write("sys/fs/cgroup/cpu,cpuacct/slurm/cpu.cfs_quota_us", "300000\n");
  root.write("sys/fs/cgroup/cpu,cpuacct/slurm/cpu.cfs_period_us", "100000\n");
  CHECK(root.quota() == 3);
  root.write("sys/fs/cgroup/cpu,cpuacct/slurm/job/cpu.cfs_quota_us", "120000\n");
  CHECK(root.quota() == 1.2);
  root.write("proc/self/mountinfo", kV1 + "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n");
  CHECK(root.quota() == 1.2);
  root.write("sys/fs/cgroup/unified/cpu.max", "100000 100000\n");
  CHECK(root.quota() == 1);
}

TEST_CASE("CPU quota: files that say nothing are no quota") {
  const Root root;
  root.write("proc/self/mountinfo", kV2 + "not a line of mountinfo\n- cgroup2\n");
  root.write("proc/self/cgroup", "nonsense\n0::\n");
  for (const char* text : {"", "max", "100000", "0 0", "-5 100000", "abc def"}) {
    root.write("sys/fs/cgroup/cpu.max", text);
    CHECK(root.quota() == 0);
  }
}

TEST_CASE("a quota counts as cores, rounded down, and at least one") {
  CHECK(cores_within(8, 0) == 8);
  CHECK(cores_within(8, 0.5) == 1);
  CHECK(cores_within(8, 1) == 1);
  CHECK(cores_within(8, 2.9) == 2);
  CHECK(cores_within(8, 64) == 8);
  CHECK(cores_within(8, 1e300) == 8);
}
