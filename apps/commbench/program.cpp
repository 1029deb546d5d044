#include "apps/commbench/program.hpp"

#include <ATen/Parallel.h>

#include <cstdio>
#include <memory>

#include "apps/commbench/measure.hpp"
#include "apps/commbench/table.hpp"
#include "base/provenance.hpp"
#include "base/standard_output.hpp"
#include "comm/backends.hpp"
#include "comm/library_versions.hpp"
#include "launch/device_map.hpp"
#include "launch/fingerprint.hpp"
#include "launch/topology.hpp"
#include "record/run_folder.hpp"
#include "timing/clock.hpp"

namespace lockstep {

namespace {

CommBench describe(const BenchMachine& machine, const BenchOptions& options) {
  World& world = machine.world;
  RankEnvironment mine = describe_rank(machine.device, at::get_num_threads(), /*loader_threads=*/0);
  const World::ClockOffset clock = world.measure_clock_offset();
  mine.clock_offset = clock.offset;
  mine.clock_error = clock.error;
  CommBench bench;
  bench.header.uuid = world.broadcast(new_uuid());
  bench.header.started = utc_timestamp();
  bench.header.status = "complete";
  bench.header.valid = true;
  bench.backend = name_of(machine.communicator.backend());
  bench.dtype = options.dtype;
  bench.ranks = gather_environments(world, mine);
  bench.environment = library_versions(world);
  bench.fingerprint = hardware_fingerprint(bench.ranks);
  return bench;
}

// Rank 0's side: the file, and what is printed.
class Record {
 public:
  Record(CommBench& bench, const BenchOptions& options)
      : bench_(bench),
        options_(options),
        folder_(create_run_folder(options.output, "commbench", bench.backend,
                                  static_cast<int>(bench.ranks.size()), bench.header.uuid)),
        writer_(folder_ + "/commbench.h5", bench) {
    print(bench_title(bench, options));
  }

  void begin(const Operation& operation) { print(bench_heading(operation.name)); }
  void add(CommBenchCase one, const Operation& operation) {
    print(bench_line(one, element_type(options_.dtype), operation.redop));
    writer_.append(one);
    bench_.cases.push_back(std::move(one));
  }
  void end_operation() { writer_.flush(); }
  void finish(const std::vector<std::string>& reasons, double seconds) {
    writer_.finish(reasons.empty(), reasons, seconds);
    print(bench_links(bench_));
    print(fmt::format("# {:.1f} s, {}/commbench.h5\n", seconds, folder_));
  }

 private:
  void print(const std::string& text) const {
    if (!options_.quiet) write_standard_output(text);
  }

  CommBench& bench_;
  const BenchOptions& options_;
  std::string folder_;
  CommBenchWriter writer_;
};

bool is_asked_for(const Operation& operation, const BenchOptions& options) {
  const auto& names = options.collectives;
  return names.empty() || std::find(names.begin(), names.end(), operation.name) != names.end();
}

// Returns what is wrong with the results, a sentence an operation and size.
std::vector<std::string> measure_all(const BenchMachine& machine, const BenchOptions& options,
                                     Record* record) {
  std::vector<std::string> reasons;
  for (const Operation& operation : operations()) {
    if (!is_asked_for(operation, options)) continue;
    if (record) record->begin(operation);
    for (const std::int64_t bytes : sizes_of(operation, options, machine.communicator.size())) {
      CommBenchCase one = measure(machine, operation, bytes, options);
      if (one.wrong > 0)
        reasons.push_back(fmt::format("{} of {} bytes: {} elements of the result are wrong", operation.name,
                                      bytes, one.wrong));
      if (record) record->add(std::move(one), operation);
    }
    if (record) record->end_operation();
  }
  return reasons;
}

ExitCode measure_and_write(const BenchOptions& options, World& world) {
  if (world.size() < 2)
    throw input_error(
        "there is nothing to measure with one rank; start it as mpirun -np N commbench, or with srun");
  const ElementType& type = element_type(options.dtype);
  if (type.exact_to < world.size())
    throw input_error("--dtype {}: sums over {} ranks are not exact, and could not be checked; use fp32",
                      options.dtype, world.size());
  at::set_num_threads(1);
  const c10::Device device = choose_device(options.device, options.backend, world, "--device");
  const auto communicator = make_communicator(options.backend, device, world, "--backend");
  const BenchMachine machine{world, *communicator, device};
  CommBench bench = describe(machine, options);
  std::unique_ptr<Record> record;
  if (world.rank() == 0) record = std::make_unique<Record>(bench, options);
  const SteadyTime begin = steady_now();
  const std::vector<std::string> reasons = measure_all(machine, options, record.get());
  if (record) record->finish(reasons, seconds_between(begin, steady_now()));
  if (!reasons.empty() && world.rank() == 0)
    fmt::print(stderr, "commbench: NOT VALID: {}\n", reasons.front());
  return reasons.empty() ? ExitCode::done : ExitCode::not_valid;
}

}  // namespace

ExitCode run_commbench(const BenchOptions& options, World& world) {
  if (!options.help && !options.version) return measure_and_write(options, world);
  if (world.rank() != 0) return ExitCode::done;
  const Provenance p = provenance();
  if (options.help)
    write_standard_output(bench_help());
  else
    write_standard_output(fmt::format("commbench {} ({}, {})\n", p.version, p.commit, p.compiler));
  return ExitCode::done;
}

}  // namespace lockstep
