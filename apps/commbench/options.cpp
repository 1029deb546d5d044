#include "apps/commbench/options.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>

#include "apps/commbench/operations.hpp"
#include "base/error.hpp"
#include "config/suggestions.hpp"

namespace lockstep {

namespace {

constexpr std::array kTypes = {
    ElementType{"fp32", "float", at::kFloat, std::int64_t{1} << 24},
    ElementType{"fp64", "double", at::kDouble, std::int64_t{1} << 53},
    ElementType{"bf16", "bfloat16", at::kBFloat16, 256},
    ElementType{"fp16", "half", at::kHalf, 2048},
    ElementType{"int32", "int32", at::kInt, std::numeric_limits<std::int32_t>::max()},
    ElementType{"int64", "int64", at::kLong, std::numeric_limits<std::int64_t>::max()},
    ElementType{"uint8", "uint8", at::kByte, 255},
};

template <typename T>
struct Choice {
  const char* name;
  T value;
};
constexpr Choice<BackendKind> kBackends[] = {{"auto", BackendKind::automatic},
                                             {"mpi", BackendKind::mpi},
                                             {"shm", BackendKind::shm},
                                             {"nccl", BackendKind::nccl}};
constexpr Choice<DeviceKind> kDevices[] = {
    {"auto", DeviceKind::automatic}, {"cpu", DeviceKind::cpu}, {"cuda", DeviceKind::cuda}};

// The row of that name; Error listing all.
template <typename Table>
const auto& chosen(const Table& rows, const std::string& flag, const std::string& value) {
  std::string allowed;
  for (const auto& row : rows) {
    if (value == row.name) return row;
    allowed += (allowed.empty() ? "" : ", ") + std::string(row.name);
  }
  throw input_error("{} {}: not one of {}", flag, value, allowed);
}

template <typename T>
T number_in(const std::string& flag, const std::string& text, std::string_view digits, T least, T most) {
  T value{};
  const char* const end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, value);
  if (error != std::errc() || stop != end || !(value >= least && value <= most))
    throw input_error("{} {}: not a number from {} to {}", flag, text, least, most);
  return value;
}

constexpr std::int64_t kMostTimes = 1'000'000;

// "4", "64K", "256M", "1G".
std::int64_t bytes_in(const std::string& flag, const std::string& text) {
  constexpr std::string_view kSuffixes = "KMG";
  std::string_view digits = text;
  std::int64_t unit = 1;
  if (const std::size_t at = digits.empty() ? std::string_view::npos : kSuffixes.find(digits.back());
      at != std::string_view::npos) {
    unit = std::int64_t{1} << 10 * (at + 1);
    digits.remove_suffix(1);
  }
  return unit * number_in<std::int64_t>(flag, text, digits, 1, (std::int64_t{1} << 40) / unit);
}

std::vector<std::string> collectives_in(const std::string& flag, const std::string& text) {
  std::vector<std::string> names;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    names.emplace_back(chosen(operations(), flag, text.substr(begin, end - begin)).name);
    begin = end + 1;
  }
  return names;
}

struct FlagRow {
  const char* name;
  const char* value;  // what it takes; nullptr: nothing
  const char* about;
  void (*set)(BenchOptions&, const std::string& flag, const std::string& value);
};
using Options = BenchOptions;
using Text = const std::string&;
constexpr FlagRow kFlags[] = {
    {"--min", "BYTES", "smallest message (4); K, M and G are 2^10, 2^20 and 2^30",
     [](Options& o, Text f, Text v) { o.least = bytes_in(f, v); }},
    {"--max", "BYTES", "largest message (256M)", [](Options& o, Text f, Text v) { o.most = bytes_in(f, v); }},
    {"--factor", "N", "ratio of one size to the previous one (2)",
     [](Options& o, Text f, Text v) { o.factor = number_in<std::int64_t>(f, v, v, 2, 1 << 20); }},
    {"--iterations", "N", "maximum number of repetitions of each case (50)",
     [](Options& o, Text f, Text v) { o.iterations = number_in<std::int64_t>(f, v, v, 1, kMostTimes); }},
    {"--warmup", "N", "untimed repetitions before them (5)",
     [](Options& o, Text f, Text v) { o.warmup = number_in<std::int64_t>(f, v, v, 0, kMostTimes); }},
    {"--seconds", "S", "time limit for the repetitions of a case (0.5); at least 5 are made anyway",
     [](Options& o, Text f, Text v) { o.seconds = number_in<double>(f, v, v, 0, 1e6); }},
    {"--collectives", "NAME,...", "collectives to measure: all_reduce, reduce_scatter, ... (all)",
     [](Options& o, Text f, Text v) { o.collectives = collectives_in(f, v); }},
    {"--backend", "B", "auto (the default), mpi, shm or nccl",
     [](Options& o, Text f, Text v) { o.backend = chosen(kBackends, f, v).value; }},
    {"--device", "D", "auto (the default), cpu or cuda",
     [](Options& o, Text f, Text v) { o.device = chosen(kDevices, f, v).value; }},
    {"--dtype", "T", "fp32 (the default), fp64, bf16, fp16, int32, int64 or uint8",
     [](Options& o, Text f, Text v) { o.dtype = chosen(kTypes, f, v).name; }},
    {"--output", "DIR", "folder in which the folder with commbench.h5 is created (experiments)",
     [](Options& o, Text, Text v) { o.output = v; }},
    {"--quiet", nullptr, "print nothing but errors", [](Options& o, Text, Text) { o.quiet = true; }},
    {"--help", nullptr, "this text", [](Options& o, Text, Text) { o.help = true; }},
    {"--version", nullptr, "version, commit and compiler", [](Options& o, Text, Text) { o.version = true; }},
};

const FlagRow& flag_named(const std::string& name) {
  std::vector<std::string> known;
  for (const FlagRow& flag : kFlags) {
    if (name == flag.name) return flag;
    known.emplace_back(flag.name);
  }
  throw input_error("unknown flag '{}'{}; see commbench --help", name, did_you_mean(name, known));
}

void check(const BenchOptions& o) {
  if (o.most < o.least)
    throw input_error("--max {} is less than --min {}", size_text(o.most), size_text(o.least));
  const auto element = static_cast<std::int64_t>(c10::elementSize(element_type(o.dtype).type));
  if (o.least % element != 0)
    throw input_error("--min {} is not a whole number of {} elements, which take {} bytes; use --min {}",
                      o.least, o.dtype, element, (o.least / element + 1) * element);
}

}  // namespace

const ElementType& element_type(const std::string& name) { return chosen(kTypes, "--dtype", name); }

std::string size_text(std::int64_t bytes) {
  int suffix = 0;
  for (; suffix < 3 && bytes % 1024 == 0 && bytes > 0; ++suffix) bytes /= 1024;
  return fmt::format("{}{}", bytes, std::array{"", "K", "M", "G"}[static_cast<std::size_t>(suffix)]);
}

BenchOptions parse_bench_options(int argc, const char* const* argv) {
  BenchOptions options;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    const std::size_t equals = argument.find('=');
    const FlagRow& flag = flag_named(argument.substr(0, equals));
    if (!flag.value) {
      if (equals != std::string::npos) throw input_error("{} takes no value", flag.name);
      flag.set(options, flag.name, "");
    } else if (equals != std::string::npos) {
      flag.set(options, flag.name, argument.substr(equals + 1));
    } else if (++i == argc) {
      throw input_error("{} needs a value: {}", flag.name, flag.about);
    } else {
      flag.set(options, flag.name, argv[i]);
    }
  }
  if (!options.help && !options.version) check(options);
  return options;
}

std::string bench_help() {
  std::string out =
      "commbench: how long the collectives take between these ranks, and the link behind them\n"
      "\n"
      "Usage: mpirun -np N commbench [flags]\n"
      "\n"
      "Prints a line for each collective and message size, in the columns of nccl-tests, and writes every\n"
      "repetition of every rank to <output>/<time>_commbench_<back end>_<N>r_<id>/commbench.h5, which "
      "analyze reads.\n"
      "Collectives:";
  for (const Operation& operation : operations()) out += std::string(" ") + operation.name;
  out += "\n\nFlags:\n";
  for (const FlagRow& flag : kFlags)
    out += fmt::format("  {:<22} {}\n", flag.value ? fmt::format("{} {}", flag.name, flag.value) : flag.name,
                       flag.about);
  return out +
         "\nExit codes: 0 done; 1 failed while running; 2 wrong usage; 4 a collective gave a wrong result.\n";
}

}  // namespace lockstep
