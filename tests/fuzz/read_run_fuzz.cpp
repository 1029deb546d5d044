// libFuzzer target: a file of any bytes is read and reduced as analyze does it, or refused in one line.
//
// What is fuzzed is read_run and read_comm_bench as they are, trial in a child process included: HDF5 itself
// crashes and loops on some damaged files, and it is the reader's promise that then only the child dies. A
// crash, a hang, an undefined behaviour or a surprising exception in *this* process is a finding.
//
// A third of the inputs are damaged bytes, the others are valid HDF5 of odd content (edit_file.hpp), made
// from files that our writers write at the start and from those in the folder LOCKSTEP_FUZZ_FILES. See
// scripts/fuzz.
#include <pthread.h>
#include <sanitizer/common_interface_defs.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "analysis/checks/rules.hpp"
#include "analysis/model/link_bench.hpp"
#include "fuzz/edit_file.hpp"
#include "fuzz/refusal.hpp"
#include "results/comm_bench.hpp"
#include "results/run_reader.hpp"
#include "results/support.hpp"

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t most);

namespace lockstep::fuzz {

namespace {

std::string bytes_of(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

void write_bench(const std::string& path) {
  CommBench bench;
  bench.header.uuid = "b0000000-0000-4000-8000-000000000001";
  bench.backend = "mpi";
  bench.dtype = "fp32";
  bench.ranks = sample_start().ranks;
  CommBenchWriter writer(path, bench);
  for (const std::int64_t bytes : {8, 1024, 65536})
    for (const char* collective : {"all_reduce", "send_recv"})
      writer.append(
          {collective, bytes, -1, 0, Matrix<double>(2, 6, 1e-5 + 1e-9 * static_cast<double>(bytes))});
  writer.finish(true, {}, 1);
}

// Files that are not damaged; never empty.
const std::vector<std::string>& whole_files() {
  static const std::vector<std::string> files = [] {
    const TemporaryFolder folder;
    write_sample(folder / "run.h5");
    write_bench(folder / "commbench.h5");
    std::vector<std::string> all = {bytes_of(folder / "run.h5"), bytes_of(folder / "commbench.h5")};
    if (const char* given = std::getenv("LOCKSTEP_FUZZ_FILES"))
      for (const auto& entry : std::filesystem::directory_iterator(given))
        all.push_back(bytes_of(entry.path()));
    return all;
  }();
  return files;
}

// A sanitizer's report in the child must not be taken for one of this process: the child dies, and that is
// all.
void let_children_die() {
  pthread_atfork(nullptr, nullptr, [] { __sanitizer_set_death_callback([] {}); });
}

}  // namespace

}  // namespace lockstep::fuzz

using namespace lockstep;

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  fuzz::let_children_die();
  fuzz::whole_files();
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const TemporaryFolder folder;
  const std::string path = folder / "run.h5";
  std::ofstream(path, std::ios::binary | std::ios::trunc)
      .write(reinterpret_cast<const char*>(data), static_cast<std::streamsize>(size));
  const std::string refusal = fuzz::refusal_by([&] { checked_launch(read_run(path), path); });
  if (refusal.find("of kind 'commbench'") != std::string::npos)
    fuzz::refusal_by([&] { reduce_bench(read_comm_bench(path), path); });
  return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t most,
                                               unsigned int seed) {
  RandomStream random({seed});
  if (size > 0 && random.below(3) == 0) return LLVMFuzzerMutate(data, size, most);
  const auto& files = fuzz::whole_files();
  const std::string bytes = fuzz::edited(files[random.below(files.size())], random);
  if (bytes.size() > most) return LLVMFuzzerMutate(data, size, most);
  std::memcpy(data, bytes.data(), bytes.size());
  return bytes.size();
}
