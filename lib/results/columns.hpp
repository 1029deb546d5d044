// Which member of the tables in memory is which dataset of the file: said once for the writer and the reader.
// Those of /steps: step_columns.hpp.
#pragma once

#include "results/run_data.hpp"

namespace lockstep {

template <typename Table, typename Column>
struct ColumnOf {
  const char* path;
  Column Table::*member;
};

inline constexpr ColumnOf<CommTable, std::vector<std::int32_t>> kCommSmall[] = {
    {"/comm/rank", &CommTable::rank}, {"/comm/step", &CommTable::step}, {"/comm/bucket", &CommTable::bucket}};
inline constexpr ColumnOf<CommTable, std::vector<std::int64_t>> kCommLarge[] = {
    {"/comm/sequence", &CommTable::sequence}, {"/comm/bytes", &CommTable::bytes}};
inline constexpr ColumnOf<CommTable, std::vector<double>> kCommTimes[] = {
    {"/comm/ready", &CommTable::ready}, {"/comm/start", &CommTable::start}, {"/comm/end", &CommTable::end}};

inline constexpr ColumnOf<StageTable, std::vector<std::int32_t>> kStageNumbers[] = {
    {"/stages/rank", &StageTable::rank},
    {"/stages/step", &StageTable::step},
    {"/stages/stage", &StageTable::stage},
    {"/stages/micro_batch", &StageTable::micro_batch},
    {"/stages/direction", &StageTable::direction}};
inline constexpr ColumnOf<StageTable, std::vector<double>> kStageTimes[] = {
    {"/stages/start", &StageTable::start}, {"/stages/end", &StageTable::end}};

inline constexpr ColumnOf<MemoryTable, std::vector<std::int64_t>> kMemoryBytes[] = {
    {"/memory/parameters", &MemoryTable::parameters},
    {"/memory/gradients", &MemoryTable::gradients},
    {"/memory/optimizer", &MemoryTable::optimizer}};

inline constexpr ColumnOf<EpochRow, double> kEpochValues[] = {
    {"/epochs/train_loss", &EpochRow::train_loss},
    {"/epochs/validation_loss", &EpochRow::validation_loss},
    {"/epochs/validation_metric", &EpochRow::validation_metric},
    {"/epochs/test_metric", &EpochRow::test_metric},
    {"/epochs/train_seconds", &EpochRow::train_seconds},
    {"/epochs/validation_seconds", &EpochRow::validation_seconds},
    {"/epochs/learning_rate", &EpochRow::learning_rate}};

// Where the GPUs' own monitor could be asked.
inline constexpr ColumnOf<GpuEpoch, double> kEpochGpuValues[] = {
    {"/epochs/gpu_energy", &GpuEpoch::energy},
    {"/epochs/gpu_power_peak", &GpuEpoch::power_peak},
    {"/epochs/gpu_temperature", &GpuEpoch::temperature},
    {"/epochs/gpu_sm_clock", &GpuEpoch::sm_clock}};
inline constexpr const char* kEpochGpuSlowdowns = "/epochs/gpu_slowdowns";

inline constexpr ColumnOf<ComputeCounts, double> kCounters[] = {
    {"/counters/steps", &ComputeCounts::steps},
    {"/counters/threads", &ComputeCounts::threads},
    {"/counters/cycles", &ComputeCounts::cycles},
    {"/counters/instructions", &ComputeCounts::instructions},
    {"/counters/user_seconds", &ComputeCounts::user_seconds},
    {"/counters/system_seconds", &ComputeCounts::system_seconds},
    {"/counters/waiting_seconds", &ComputeCounts::waiting_seconds},
    {"/counters/preemptions", &ComputeCounts::preemptions},
    {"/counters/page_faults", &ComputeCounts::page_faults}};

inline constexpr ColumnOf<AuditRow, std::int64_t> kAuditCounts[] = {{"/audit/missing", &AuditRow::missing},
                                                                    {"/audit/repeated", &AuditRow::repeated},
                                                                    {"/audit/padding", &AuditRow::padding}};

inline constexpr ColumnOf<RankEnvironment, std::string> kRankTexts[] = {
    {"/env/host", &RankEnvironment::host},
    {"/env/device", &RankEnvironment::device},
    {"/env/cpu", &RankEnvironment::cpu},
    {"/env/driver", &RankEnvironment::driver},
    {"/env/cores", &RankEnvironment::cores},
    {"/env/thread_cores", &RankEnvironment::thread_cores},
    {"/env/loader_cores", &RankEnvironment::loader_cores},
    {"/env/numa_nodes", &RankEnvironment::numa_nodes},
    {"/env/caches", &RankEnvironment::caches},
    {"/env/machine", &RankEnvironment::machine},
    {"/env/variables", &RankEnvironment::variables}};
inline constexpr ColumnOf<RankEnvironment, std::int64_t> kRankCounts[] = {
    {"/env/cores_bound", &RankEnvironment::cores_bound},
    {"/env/threads", &RankEnvironment::threads},
    {"/env/loader_threads", &RankEnvironment::loader_threads},
    {"/env/memory_bytes", &RankEnvironment::memory_bytes}};
inline constexpr ColumnOf<RankEnvironment, double> kRankNumbers[] = {
    {"/env/cpu_quota", &RankEnvironment::cpu_quota},
    {"/env/clock_offset", &RankEnvironment::clock_offset},
    {"/env/clock_error", &RankEnvironment::clock_error}};
inline constexpr ColumnOf<GpuFacts, double> kRankGpuNumbers[] = {
    {"/env/gpu_sm_clock", &GpuFacts::sm_clock},
    {"/env/gpu_sm_clock_max", &GpuFacts::sm_clock_max},
    {"/env/gpu_memory_clock", &GpuFacts::memory_clock},
    {"/env/gpu_memory_clock_max", &GpuFacts::memory_clock_max},
    {"/env/gpu_power_limit", &GpuFacts::power_limit},
    {"/env/gpu_temperature", &GpuFacts::temperature}};
inline constexpr const char* kRankGpuSlowdowns = "/env/gpu_slowdowns";

}  // namespace lockstep
