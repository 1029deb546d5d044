#include "results/file_reader.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <string_view>
#include <utility>

#include "base/regular_file.hpp"
#include "results/columns.hpp"
#include "results/schema.hpp"

namespace lockstep {

namespace {

std::vector<std::string> lines(const std::string& text) {
  std::vector<std::string> result;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    result.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return result;
}

// The earliest format says in its first bytes how long the file should be; most damage is found here, at
// once.
bool is_cut_short(const std::string& path) {
  constexpr std::string_view kSignature = "\x89HDF\r\n\x1a\n";
  std::array<char, 48> start{};
  std::ifstream(path, std::ios::binary).read(start.data(), start.size());
  const bool earliest = std::string_view(start.data(), 8) == kSignature && start[8] == 0 && start[13] == 8;
  std::uint64_t end = 0;
  for (std::size_t i = 48; i-- > 40;) end = end << 8 | static_cast<unsigned char>(start[i]);
  std::error_code error;
  const std::uint64_t size = std::filesystem::file_size(path, error);
  return earliest && !error && size < end;
}

// Processor time for what takes milliseconds a megabyte; memory for what is read, its copies and HDF5's own.
Trials::Limits limits_for(const std::string& path) {
  const std::uint64_t bytes = bytes_with_data(path);
  return {3 + static_cast<unsigned>(std::min<std::uint64_t>(bytes >> 24, 3600)), 2 * allowance(bytes)};
}

// HDF5 keeps what it has freed; Trials look for damage in the heap.
struct FreeListsToHeap {
  ~FreeListsToHeap() { H5garbage_collect(); }
};

}  // namespace

std::string FileReader::kind() const { return in_.text_attribute("/", "kind").value_or(kRunKind); }

RunHeader FileReader::header(const std::string& wanted) const {
  if (kind() != wanted) throw input_error("{}: a file of kind '{}', not '{}'", in_.path(), kind(), wanted);
  RunHeader h;
  const double schema = required_number("/", "schema");
  if (schema != kSchemaVersion)
    throw input_error("{}: schema version {:g}; this program reads version {}", in_.path(), schema,
                      kSchemaVersion);
  h.schema = kSchemaVersion;
  h.uuid = required_text("/", "uuid");
  if (wanted == kRunKind) h.mode = required_text("/", "mode");
  h.status = required_text("/", "status");
  if (h.status != "running" && h.status != "complete" && h.status != "failed" && h.status != "interrupted")
    throw input_error("{}: unknown status '{}'", in_.path(), h.status);
  const auto valid = in_.number_attribute("/", "valid");
  h.valid = valid == 1.0;
  h.invalid_reasons = lines(in_.text_attribute("/", "invalid_reasons").value_or(""));
  if (!valid) h.invalid_reasons.emplace_back("the file does not say whether its checks held");
  h.started = in_.text_attribute("/", "started").value_or("");
  h.wall_seconds = in_.number_attribute("/", "wall_seconds").value_or(0);
  h.world_size = world_size();
  h.resumed = resumed();
  return h;
}

std::int64_t FileReader::world_size() const {
  const double ranks = in_.number_attribute("/", "world_size").value_or(0);
  if (!(ranks >= 0 && ranks <= 1e6)) in_.fail("/@world_size", "is not a number of ranks");
  return static_cast<std::int64_t>(ranks);
}

std::optional<Resumed> FileReader::resumed() const {
  const auto run = in_.text_attribute("/", "resumed_run");
  if (!run) return {};
  const auto count = [&](const char* name) {
    const double value = required_number("/", name);
    if (!(value >= 0 && value <= static_cast<double>(kMostCounted))) in_.fail(name, "is no count");
    return static_cast<std::int64_t>(value);
  };
  return Resumed{*run, in_.text_attribute("/", "resumed_checkpoint").value_or(""), count("resumed_epochs"),
                 count("resumed_steps")};
}

double FileReader::required_number(const std::string& path, const std::string& name) const {
  const auto value = in_.number_attribute(path, name);
  if (!value) throw input_error("{}: not a run file: the attribute '{}' is missing", in_.path(), name);
  return *value;
}

std::string FileReader::required_text(const std::string& path, const std::string& name) const {
  const auto value = in_.text_attribute(path, name);
  if (!value) throw input_error("{}: not a run file: the attribute '{}' is missing", in_.path(), name);
  return *value;
}

bool FileReader::present(const char* path) {
  if (in_.has(path)) return true;
  if (schema_entry(path).required) in_.fail(path, "is missing");
  absent_.emplace_back(path);
  return false;
}

void FileReader::require_finite(const char* path, const std::vector<double>& values) const {
  for (const double v : values)
    if (!std::isfinite(v)) in_.fail(path, "holds a time that is not a number");
}

template <typename T>
void FileReader::require_counts(const char* path, const std::vector<T>& values) const {
  std::int64_t total = 0;
  for (const T value : values) {
    if (value < 0) in_.fail(path, "holds a count below 0");
    if (value > kMostCounted - total) in_.fail(path, "counts more than 2^53");
    total += value;
  }
}

template <typename T>
void FileReader::assign_ranks(std::vector<RankEnvironment>& ranks, const char* path,
                              const std::vector<T>& values, T RankEnvironment::*member) const {
  if (ranks.empty()) ranks.resize(values.size());
  if (values.size() != ranks.size()) in_.fail(path, "has another number of ranks than its neighbours");
  for (std::size_t r = 0; r < values.size(); ++r) ranks[r].*member = values[r];
}

void FileReader::read_environment(std::vector<RankEnvironment>& ranks,
                                  std::map<std::string, std::string>& environment, std::string& fingerprint) {
  Extent extent;
  for (const auto& c : kRankTexts)
    if (present(c.path)) assign_ranks(ranks, c.path, in_.read_strings(c.path), c.member);
  for (const auto& c : kRankCounts)
    if (present(c.path)) assign_ranks(ranks, c.path, in_.read<std::int64_t>(c.path, 1, extent), c.member);
  for (const auto& c : kRankNumbers)
    if (present(c.path)) assign_ranks(ranks, c.path, in_.read<double>(c.path, 1, extent), c.member);
  read_gpus(ranks);
  if (!in_.has("/env")) return;
  for (const std::string& key : in_.attribute_names("/env"))
    environment[key] = in_.text_attribute("/env", key).value_or("");
  const auto digest = environment.extract("fingerprint");
  if (!digest.empty()) fingerprint = digest.mapped();
}

void FileReader::read_gpus(std::vector<RankEnvironment>& ranks) {
  Extent extent;
  const auto assign = [&](const char* path, const auto& values, auto member) {
    if (ranks.empty()) ranks.resize(values.size());
    if (values.size() != ranks.size()) in_.fail(path, "has another number of ranks than its neighbours");
    for (std::size_t r = 0; r < values.size(); ++r) {
      if (!ranks[r].gpu) ranks[r].gpu.emplace();
      (*ranks[r].gpu).*member = values[r];
    }
  };
  for (const auto& c : kRankGpuNumbers)
    if (in_.has(c.path)) assign(c.path, in_.read<double>(c.path, 1, extent), c.member);
  if (in_.has(kRankGpuSlowdowns))
    assign(kRankGpuSlowdowns, in_.read<std::int64_t>(kRankGpuSlowdowns, 1, extent), &GpuFacts::slowdowns);
}

template <typename T>
void FileReader::read_matrix(const char* path, Matrix<T>& into, const Extent* shape, Extent& extent) {
  if (!present(path)) return;
  into.values = in_.read<T>(path, 2, extent);
  into.rows = static_cast<std::int64_t>(extent[0]);
  into.columns = static_cast<std::int64_t>(extent[1]);
  if (shape && *shape != extent)
    in_.fail(path, fmt::format("is {} x {}, its neighbours are {} x {}", extent[0], extent[1], (*shape)[0],
                               (*shape)[1]));
}

template <typename T>
std::vector<T> FileReader::read_column(const char* path, std::size_t length) const {
  Extent extent;
  std::vector<T> values = in_.read<T>(path, 1, extent);
  if (values.size() != length)
    in_.fail(path, fmt::format("has {} entries, its neighbours have {}", values.size(), length));
  return values;
}

Trials reading_trials(const std::vector<std::string>& paths,
                      std::function<void(const std::string& path)> reading) {
  return {paths.size(),
          [paths, reading = std::move(reading)](std::size_t i) {
            const FreeListsToHeap tidy;
            require_regular_file(paths[i]);
            if (!is_cut_short(paths[i])) reading(paths[i]);
          },
          [paths](std::size_t i) { return limits_for(paths[i]); }};
}

void require_harmless(Trials& trials, std::size_t item, const std::string& path) {
  require_regular_file(path);
  if (is_cut_short(path)) throw input_error("{}: damaged: the file is cut short", path);
  if (!trials.survived(item))
    throw input_error("{}: not a run file, or damaged: HDF5 cannot cope with it", path);
  if (trials.complaint() == kOutOfMemory)
    throw input_error("{}: takes more memory than a file of its size can need", path);
  if (!trials.complaint().empty()) throw input_error("{}", trials.complaint());
}

template void FileReader::read_matrix(const char*, Matrix<double>&, const Extent*, Extent&);
template void FileReader::read_matrix(const char*, Matrix<float>&, const Extent*, Extent&);
template void FileReader::read_matrix(const char*, Matrix<std::int32_t>&, const Extent*, Extent&);
template void FileReader::read_matrix(const char*, Matrix<std::int64_t>&, const Extent*, Extent&);
template void FileReader::read_matrix(const char*, Matrix<std::uint64_t>&, const Extent*, Extent&);
template void FileReader::require_counts(const char*, const std::vector<std::int32_t>&) const;
template void FileReader::require_counts(const char*, const std::vector<std::int64_t>&) const;
template std::vector<double> FileReader::read_column(const char*, std::size_t) const;
template std::vector<std::int32_t> FileReader::read_column(const char*, std::size_t) const;
template std::vector<std::int64_t> FileReader::read_column(const char*, std::size_t) const;

}  // namespace lockstep
