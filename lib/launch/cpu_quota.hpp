// The share of the machine's processor time that control groups leave this process: what a container or a job
// may use, which its count of CPUs does not tell.
#pragma once

#include <filesystem>

namespace lockstep {

// In CPUs: the least of the quotas of this process's own group and all groups above it (cgroup v2 cpu.max, v1
// cpu.cfs_quota_us); 0: none is set. root: the folder that has proc and sys in it.
double cpu_quota(const std::filesystem::path& root = "/");

}  // namespace lockstep
