#include "results/schema.hpp"

#include <algorithm>
#include <iterator>

#include "base/error.hpp"
#include "results/step_columns.hpp"

namespace lockstep {

namespace {

template <typename T>
constexpr const char* kTypeName = "f8";
template <>
constexpr const char* kTypeName<float> = "f4";
template <>
constexpr const char* kTypeName<std::int32_t> = "i4";

constexpr SchemaEntry kSchema[] = {
    {"/@schema", "", "i8", "1", "version of this layout", true},
    {"/@kind", "", "string", "1", "run or commbench: what the file describes; absent: run", false},
    {"/@uuid", "", "string", "1", "identifies the run", true},
    {"/@mode", "", "string", "1", "seq, ddp, ps, mp, pipe or hybrid", true},
    {"/@status", "", "string", "1", "running, complete, failed or interrupted", true},
    {"/@valid", "", "i8", "1",
     "1: the audit and the replica checks held; 0: invalid_reasons says what did not", false},
    {"/@invalid_reasons", "", "string", "1", "sentences, one per line; empty if valid", false},
    {"/@started", "", "string", "1", "ISO 8601, UTC", false},
    {"/@wall_seconds", "", "f8", "s", "from the common start to the end, evaluation included", false},
    {"/@world_size", "", "i8", "1", "ranks of the run, if the file has fewer of them; absent: it has all",
     false},
    {"/@resumed_run", "", "string", "1",
     "uuid of the run whose checkpoint this one resumed from; absent: none", false},
    {"/@resumed_checkpoint", "", "string", "1", "digest of that checkpoint", false},
    {"/@resumed_epochs", "", "i8", "1", "epochs done before this run's first, which has this number", false},
    {"/@resumed_steps", "", "i8", "1", "steps done before this run's first", false},
    {"/@recorder_overhead", "", "f8", "1", "measured share of a step that recording costs", false},
    {"/@backend_remark", "", "string", "1",
     "why parallel.backend: auto chose mpi for ranks that would otherwise share memory", false},
    {"/@cuda_graph", "", "string", "1",
     "on a GPU: 'captured' if steps are replayed as CUDA graphs, else why none is", false},

    {"/config/given", "[]", "string", "1", "YAML as the user gave it, --set values as comments", false},
    {"/config/resolved", "[]", "string", "1", "YAML with every default filled in", false},
    {"/config@<key>", "", "string", "1", "one attribute per resolved key, with its dotted name", false},

    {"/env/host", "[ranks]", "string", "1", "name of the node", false},
    {"/env/device", "[ranks]", "string", "1", "what the rank computed on", false},
    {"/env/cpu", "[ranks]", "string", "1", "processor model", false},
    {"/env/driver", "[ranks]", "string", "1", "GPU driver; empty on a CPU", false},
    {"/env/cores_bound", "[ranks]", "i8", "1", "cores the process may run on", false},
    {"/env/cores", "[ranks]", "string", "1",
     "numbers of these cores on their node: the lowest logical CPU of each", false},
    {"/env/variables", "[ranks]", "string", "1",
     "environment variables of the rank that affect NCCL, MPI, the fabric, OpenMP, CUDA or LibTorch: one "
     "NAME=value per line",
     false},
    {"/env/threads", "[ranks]", "i8", "1", "compute threads", false},
    {"/env/thread_cores", "[ranks]", "string", "1",
     "cores that each of them may run on: one entry per thread, separated by spaces; 0-3,8 is cores 0 to 3 "
     "and 8, numbered as in cores",
     false},
    {"/env/loader_threads", "[ranks]", "i8", "1", "threads that load data", false},
    {"/env/loader_cores", "[ranks]", "string", "1",
     "cores that the threads which load data and communicate may run on", false},
    {"/env/numa_nodes", "[ranks]", "string", "1", "NUMA nodes that the rank's cores belong to", false},
    {"/env/caches", "[ranks]", "string", "1", "last-level caches of the rank's cores, and the size of one",
     false},
    {"/env/machine", "[ranks]", "string", "1",
     "packages, NUMA nodes, last-level caches, cores and hardware threads of the node", false},
    {"/env/memory_bytes", "[ranks]", "i8", "B", "memory of the node", false},
    {"/env/cpu_quota", "[ranks]", "f8", "1", "CPUs that the control group allows the rank; 0: no quota",
     false},
    {"/env/gpu_sm_clock", "[ranks]", "f8", "Hz",
     "clock of the rank's GPU at the start; NaN: unknown. All values of GPUs are absent if NVML could not "
     "be read",
     false},
    {"/env/gpu_sm_clock_max", "[ranks]", "f8", "Hz", "maximum clock of the rank's GPU", false},
    {"/env/gpu_memory_clock", "[ranks]", "f8", "Hz", "clock of the GPU's memory at the start", false},
    {"/env/gpu_memory_clock_max", "[ranks]", "f8", "Hz", "maximum clock of the GPU's memory", false},
    {"/env/gpu_power_limit", "[ranks]", "f8", "W", "power limit of the GPU", false},
    {"/env/gpu_temperature", "[ranks]", "f8", "degC", "temperature of the GPU at the start", false},
    {"/env/gpu_slowdowns", "[ranks]", "i8", "1",
     "why the GPU was slowed at the start, as a sum: 4 power cap, 8 hardware, 32 "
     "temperature, 64 temperature by the hardware, 128 power brake; 0: not slowed",
     false},
    {"/env/clock_offset", "[ranks]", "f8", "s",
     "the rank's clock minus rank 0's, already subtracted from all times", false},
    {"/env/clock_error", "[ranks]", "f8", "s", "bound on the error of clock_offset", false},
    {"/env@fingerprint", "", "string", "1",
     "digest of the hardware; runs are comparable if it is equal; xxh3-... (XXH3), or 16 digits from "
     "earlier versions",
     false},
    {"/env@<name>", "", "string", "1",
     "versions: libtorch, cuda, mpi, nccl, program, commit, compiler, flags", false},

#define LOCKSTEP_COLUMN(type, name, unit, presence, budget, about) \
  {"/steps/" #name, "[ranks, steps]", kTypeName<type>, unit, about, Presence::presence == Presence::required},
    LOCKSTEP_STEP_COLUMNS(LOCKSTEP_COLUMN)
#undef LOCKSTEP_COLUMN

        {"/steps@backward_offset", "", "f8", "s",
         "from the start of a step to the start of its backward pass, mean; absent: data + h2d + forward",
         false},
    {"/comm/rank", "[events]", "i4", "1", "who recorded the event", false},
    {"/comm/step", "[events]", "i4", "1", "column of /steps that the event belongs to", false},
    {"/comm/sequence", "[events]", "i8", "1", "number of the collective, equal on all ranks", false},
    {"/comm/kind", "[events]", "i4", "1", "index into the attribute names", false},
    {"/comm/bucket", "[events]", "i4", "1", "gradient bucket, or -1", false},
    {"/comm/bytes", "[events]", "i8", "B", "size of the message on the rank", false},
    {"/comm/ready", "[events]", "f8", "s",
     "when it was enqueued, since the common start; on a GPU: when its stream reached the call", false},
    {"/comm/start", "[events]", "f8", "s",
     "when it began, since the common start; for a message: at both ends", false},
    {"/comm/end", "[events]", "f8", "s",
     "when it ended, since the common start; for data that a GPU receives over mpi: when it was on the GPU, "
     "and the host, if blocked on it, continued",
     false},

    {"/stages/rank", "[passes]", "i4", "1", "who ran the pass", false},
    {"/stages/step", "[passes]", "i4", "1", "column of /steps that the pass belongs to", false},
    {"/stages/stage", "[passes]", "i4", "1",
     "chunk of the model, in order: the stage, or one of several "
     "per stage",
     false},
    {"/stages/micro_batch", "[passes]", "i4", "1", "part of the batch, from 0", false},
    {"/stages/direction", "[passes]", "i4", "1", "0 forward, 1 backward", false},
    {"/stages/start", "[passes]", "f8", "s", "begun, since the common start", false},
    {"/stages/end", "[passes]", "f8", "s", "ended, since the common start", false},

    {"/memory/parameters", "[ranks]", "i8", "B",
     "parameters that the rank holds; of those that the ranks hold in common its part", false},
    {"/memory/gradients", "[ranks]", "i8", "B", "their gradients", false},
    {"/memory/optimizer", "[ranks]", "i8", "B", "moments that its optimizer keeps", false},

    {"/buckets/bytes", "[buckets]", "i8", "B", "size of the gradient bucket", false},
    {"/buckets/parameters", "[buckets]", "i8", "1", "parameter tensors in it", false},
    {"/buckets/first_parameter", "[buckets]", "string", "1", "the one expected to be ready first", false},

    {"/reduction@chosen_overlap", "", "string", "1",
     "true, false or thread: what parallel.overlap came to, if it or parallel.bucket_mb is auto", false},
    {"/reduction@chosen_bucket_mb", "", "f8", "MiB", "likewise: size of a gradient bucket", false},
    {"/reduction@reason", "", "string", "1", "why this way", false},
    {"/reduction@steps", "", "i8", "1",
     "steps at the start of the run that trying used up, left out of the statistics; 0: nothing was tried",
     false},
    {"/reduction/overlap", "[tried]", "string", "1", "true, false or thread: a way that was tried", false},
    {"/reduction/bucket_mb", "[tried]", "f8", "MiB", "size of its gradient buckets", false},
    {"/reduction/seconds", "[tried]", "f8", "s", "its median step on the slowest rank", false},

    {"/epochs/train_loss", "[epochs]", "f8", "1", "mean over the samples of the epoch", false},
    {"/epochs/validation_loss", "[epochs]", "f8", "1", "mean over the validation split; NaN: no such split",
     false},
    {"/epochs/validation_metric", "[epochs]", "f8", "1", "what the attribute metric of /epochs names", false},
    {"/epochs/test_metric", "[epochs]", "f8", "1", "the same on the test split", false},
    {"/epochs/train_seconds", "[epochs]", "f8", "s",
     "from the start of the first step to the end of the last, rank 0", false},
    {"/epochs/validation_seconds", "[epochs]", "f8", "s", "evaluation of the validation split, rank 0",
     false},
    {"/epochs/learning_rate", "[epochs]", "f8", "1", "of the last step", false},
    {"/epochs/peak_memory_bytes", "[epochs]", "i8", "B", "largest so far, over the ranks", false},
    {"/epochs/gpu_energy", "[epochs]", "f8", "J",
     "used by the run's GPUs during the steps, each counted once, whoever used it; NaN: unknown, or the "
     "steps took less than 1 s",
     false},
    {"/epochs/gpu_power_peak", "[epochs]", "f8", "W",
     "highest of any GPU, sampled once a second and after the last step", false},
    {"/epochs/gpu_temperature", "[epochs]", "f8", "degC", "of the hottest GPU, sampled likewise", false},
    {"/epochs/gpu_sm_clock", "[epochs]", "f8", "Hz", "mean of the slowest GPU, sampled likewise", false},
    {"/epochs/gpu_slowdowns", "[epochs]", "i8", "1",
     "why a GPU was slowed at any time, numbers as in /env/gpu_slowdowns", false},
    {"/epochs/confusion", "[epochs, classes, classes]", "i8", "1",
     "validation split; rows are the true class", false},
    {"/epochs/<split>_<measure>", "[epochs]", "f8", "its own",
     "a further measure of the task, on the split: validation or test", false},
    {"/epochs/<split>_<measure>@better", "", "string", "1", "higher or lower: which is better", false},
    {"/epochs@measures", "", "string", "1", "names of these measures; absent: none", false},
    {"/epochs@metric", "", "string", "1", "name of the metric", false},
    {"/epochs@better", "", "string", "1", "higher or lower: which metric is better", false},
    {"/epochs@chance", "", "f8", "1", "the metric of a guess; absent or NaN: unknown", false},

    {"/audit/samples", "[ranks, epochs]", "i8", "1", "samples the rank trained on, without padding", false},
    {"/audit/digest", "[ranks, epochs]", "u8", "1", "order-independent digest of the rank's sample ids",
     false},
    {"/audit/missing", "[epochs]", "i8", "1", "samples that no rank trained on", false},
    {"/audit/repeated", "[epochs]", "i8", "1", "times that a sample was trained on again", false},
    {"/audit/padding", "[epochs]", "i8", "1", "samples fetched to fill an empty share; they have no weight",
     false},

    {"/counters/steps", "[ranks, epochs]", "f8", "1", "steps of the epoch during which was counted", false},
    {"/counters/threads", "[ranks, epochs]", "f8", "1",
     "compute threads that were counted; what follows is their sum, and NaN if unknown", false},
    {"/counters/cycles", "[ranks, epochs]", "f8", "1", "cycles of the cores in user mode", false},
    {"/counters/instructions", "[ranks, epochs]", "f8", "1", "instructions executed in user mode", false},
    {"/counters/user_seconds", "[ranks, epochs]", "f8", "s", "processor time in user mode", false},
    {"/counters/system_seconds", "[ranks, epochs]", "f8", "s", "processor time in the kernel", false},
    {"/counters/waiting_seconds", "[ranks, epochs]", "f8", "s",
     "time in which a thread could run and waited for a core", false},
    {"/counters/preemptions", "[ranks, epochs]", "f8", "1", "times that a thread had to leave its core",
     false},
    {"/counters/page_faults", "[ranks, epochs]", "f8", "1", "page faults", false},
    {"/counters@absent", "", "string", "1",
     "what is unknown, and why: sentences, one per line; empty: nothing", false},

    {"/model@name", "", "string", "1", "name of the model", false},
    {"/model@parameters", "", "i8", "1", "trainable parameters", false},
    {"/model@gradient_bytes", "", "i8", "B", "size of all gradients", false},
    {"/model@flops_per_sample", "", "f8", "FLOP", "forward and backward; multiply and add count as two",
     false},
    {"/model/layers", "[layers]", "string", "1", "names of the layers, in order", false},
    {"/model/layer_parameters", "[layers]", "i8", "1", "parameters of each", false},

    {"/data@name", "", "string", "1", "name of the data set", false},
    {"/data@train_rows", "", "i8", "1", "rows trained on", false},
    {"/data@validation_rows", "", "i8", "1", "rows of the validation split", false},
    {"/data@test_rows", "", "i8", "1", "rows of the test split", false},
    {"/data@classes", "", "i8", "1", "classes; 0 if the targets are not classes", false},
    {"/data@digest", "", "string", "1",
     "digest of content and settings; equal: the same rows; xxh3- as above", false},

    {"/bench@backend", "", "string", "1", "commbench: back end that carried the messages", false},
    {"/bench@dtype", "", "string", "1", "commbench: type of the elements", false},
    {"/bench/collective", "[cases]", "i4", "1",
     "index into the attribute names; send_recv is half of a round trip", false},
    {"/bench/bytes", "[cases]", "i8", "B",
     "size of the message; of reduce_scatter and all_gather the larger one", false},
    {"/bench/root", "[cases]", "i8", "1", "rank that sends to all; -1: all ranks are alike", false},
    {"/bench/wrong", "[cases]", "i8", "1", "elements of a result that were not exact, over all ranks", false},
    {"/bench/case", "[samples]", "i4", "1", "row of the above that the sample belongs to", false},
    {"/bench/seconds", "[ranks, samples]", "f8", "s",
     "from the call to its end, after a barrier; 0: the rank took no part", false},
};

}  // namespace

std::span<const SchemaEntry> schema() { return kSchema; }

namespace {
const SchemaEntry* find_entry(const std::string& path) {
  return std::find_if(std::begin(kSchema), std::end(kSchema),
                      [&](const SchemaEntry& e) { return path == e.path; });
}
}  // namespace

bool in_schema(const std::string& path) { return find_entry(path) != std::end(kSchema); }

const SchemaEntry& schema_entry(const std::string& path) {
  const SchemaEntry* const found = find_entry(path);
  if (found == std::end(kSchema)) throw run_error("the run file's schema has no '{}'", path);
  return *found;
}

}  // namespace lockstep
