#include "results/comm_bench.hpp"

#include <algorithm>

#include "base/durable_file.hpp"
#include "results/file_parts.hpp"
#include "results/file_reader.hpp"
#include "results/schema.hpp"
#include "timing/clock.hpp"

namespace lockstep {

struct CommBenchWriter::Impl {
  Impl(const std::string& path, const CommBench& start) : final_path(path), file(partial_path(path)) {
    file.attribute("/", "kind", std::string(kCommBenchKind));
    file.attribute("/", "schema", std::int64_t{kSchemaVersion});
    file.attribute("/", "uuid", start.header.uuid);
    file.attribute("/", "started", start.header.started);
    write_status(file, "running", true, {}, 0);
    write_environment(file, start.ranks, start.fingerprint, start.environment);
    file.attribute("/bench", "backend", start.backend);
    file.attribute("/bench", "dtype", start.dtype);
    file.flush();
  }

  std::int32_t number_of(const std::string& collective) {
    auto known = std::find(collectives.begin(), collectives.end(), collective);
    if (known == collectives.end()) known = collectives.insert(known, collective);
    return static_cast<std::int32_t>(known - collectives.begin());
  }

  void append(const CommBenchCase& one) {
    file.append("/bench/collective", std::vector<std::int32_t>{number_of(one.collective)}, {1}, 0);
    file.attribute("/bench/collective", "names", collectives);
    file.append("/bench/bytes", std::vector<std::int64_t>{one.bytes}, {1}, 0);
    file.append("/bench/root", std::vector<std::int64_t>{one.root}, {1}, 0);
    file.append("/bench/wrong", std::vector<std::int64_t>{one.wrong}, {1}, 0);
    const auto repetitions = static_cast<hsize_t>(one.seconds.columns);
    file.append("/bench/case", std::vector<std::int32_t>(repetitions, cases++), {repetitions}, 0);
    file.append("/bench/seconds", one.seconds.values, {static_cast<hsize_t>(one.seconds.rows), repetitions},
                1);
  }

  // A change that the disk does not take ends the file.
  template <typename Change>
  void change(const Change& body) {
    try {
      body();
    } catch (const std::exception& error) {
      close_with_what_there_is(file, final_path, "failed", error.what(),
                               seconds_between(began, steady_now()));
      throw;
    }
  }

  std::string final_path;
  Hdf5Output file;
  SteadyTime began = steady_now();
  std::vector<std::string> collectives;  // names behind the numbers of /bench/collective
  std::int32_t cases = 0;
};

CommBenchWriter::CommBenchWriter(const std::string& final_path, const CommBench& start)
    : impl_(std::make_unique<Impl>(final_path, start)) {}
CommBenchWriter::~CommBenchWriter() { impl_->file.abandon(); }

void CommBenchWriter::append(const CommBenchCase& one) {
  impl_->change([&] { impl_->append(one); });
}
void CommBenchWriter::flush() {
  impl_->change([&] { impl_->file.flush(); });
}

void CommBenchWriter::finish(bool valid, const std::vector<std::string>& reasons, double wall_seconds) {
  impl_->change([&] {
    write_status(impl_->file, "complete", valid, reasons, wall_seconds);
    impl_->file.close();
    rename_into_place(impl_->file.path(), impl_->final_path);
  });
}

namespace {

class BenchReader : public FileReader {
 public:
  using FileReader::FileReader;

  CommBench bench() {
    CommBench bench;
    bench.header = header(kCommBenchKind);
    read_environment(bench.ranks, bench.environment, bench.fingerprint);
    bench.backend = required_text("/bench", "backend");
    bench.dtype = required_text("/bench", "dtype");
    read_cases(bench);
    read_seconds(bench);
    return bench;
  }

 private:
  void read_cases(CommBench& bench) {
    // A launch that ended before its first flush has none.
    if (!in_.has("/bench/collective") && bench.header.status != "complete") return;
    const Extent shape = in_.extent("/bench/collective");
    const std::size_t count = shape.empty() ? 0 : shape[0];
    const auto numbers = read_column<std::int32_t>("/bench/collective", count);
    const auto bytes = read_column<std::int64_t>("/bench/bytes", count),
               roots = read_column<std::int64_t>("/bench/root", count),
               wrong = read_column<std::int64_t>("/bench/wrong", count);
    require_counts("/bench/bytes", bytes);
    require_counts("/bench/wrong", wrong);
    const std::vector<std::string> names = in_.text_list_attribute("/bench/collective", "names");
    bench.cases.resize(count);
    for (std::size_t i = 0; i < count; ++i) {
      if (numbers[i] < 0 || static_cast<std::size_t>(numbers[i]) >= names.size())
        in_.fail("/bench/collective", "names a collective that it does not list");
      bench.cases[i] = {names[static_cast<std::size_t>(numbers[i])], bytes[i], roots[i], wrong[i], {}};
    }
  }

  // The columns of /bench/seconds are given to their cases.
  void read_seconds(CommBench& bench) {
    if (bench.cases.empty()) return;
    Extent extent;
    Matrix<double> all;
    if (!in_.has("/bench/seconds")) in_.fail("/bench/seconds", "is missing");
    read_matrix("/bench/seconds", all, nullptr, extent);
    require_finite("/bench/seconds", all.values);
    if (all.rows == 0) in_.fail("/bench/seconds", "has no ranks");
    if (!bench.ranks.empty() && bench.ranks.size() != extent[0])
      in_.fail("/bench/seconds", fmt::format("has {} ranks, /env has {}", extent[0], bench.ranks.size()));
    const auto owners = read_column<std::int32_t>("/bench/case", extent[1]);
    std::vector<std::vector<std::int64_t>> columns(bench.cases.size());
    for (std::size_t i = 0; i < owners.size(); ++i) {
      if (owners[i] < 0 || static_cast<std::size_t>(owners[i]) >= columns.size())
        in_.fail("/bench/case", "names a case that does not exist");
      columns[static_cast<std::size_t>(owners[i])].push_back(static_cast<std::int64_t>(i));
    }
    for (std::size_t c = 0; c < columns.size(); ++c) {
      Matrix<double>& seconds = bench.cases[c].seconds;
      seconds = Matrix<double>(all.rows, std::ssize(columns[c]));
      for (std::int64_t r = 0; r < all.rows; ++r)
        for (std::int64_t k = 0; k < seconds.columns; ++k)
          seconds.at(r, k) = all.at(r, columns[c][static_cast<std::size_t>(k)]);
    }
  }
};

}  // namespace

CommBench read_comm_bench(const std::string& path) {
  Trials trial = reading_trials({path}, [](const std::string& p) { BenchReader(p).bench(); });
  require_harmless(trial, 0, path);
  return BenchReader(path).bench();
}

bool is_comm_bench(const std::string& path) {
  try {
    Trials trial = reading_trials({path}, [](const std::string& p) { FileReader(p).kind(); });
    require_harmless(trial, 0, path);
    return FileReader(path).kind() == kCommBenchKind;
  } catch (const Error&) {  // said again, and then heard, by what reads all of it
    return false;
  }
}

}  // namespace lockstep
