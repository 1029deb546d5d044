#include "apps/commbench/options.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>

#include "apps/commbench/operations.hpp"
#include "base/flags.hpp"

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

constexpr Choice<BackendKind> measured(BackendKind kind) { return {name_of(kind), kind}; }
constexpr std::array kBackends = {measured(BackendKind::automatic), measured(BackendKind::mpi),
                                  measured(BackendKind::shm), measured(BackendKind::nccl)};

constexpr std::int64_t kMostTimes = 1'000'000;

constexpr std::int64_t kMostBytes = std::int64_t{1} << 40;

// "4", "64K", "256M", "1G".
std::int64_t bytes_in(const FlagValue& given) {
  constexpr std::string_view kSuffixes = "KMG";
  std::string_view digits = given.text;
  std::int64_t unit = 1;
  if (const std::size_t at = digits.empty() ? std::string_view::npos : kSuffixes.find(digits.back());
      at != std::string_view::npos) {
    unit = std::int64_t{1} << 10 * (at + 1);
    digits.remove_suffix(1);
  }
  if (const auto count = whole_number_in(digits, 1, kMostBytes / unit)) return unit * *count;
  throw input_error("{} {}: not a size from 1 to {}; K, M and G are 2^10, 2^20 and 2^30", given.flag,
                    given.text, size_text(kMostBytes));
}

std::vector<std::string> collectives_in(const FlagValue& given) {
  std::vector<std::string> names;
  for (const std::string& name : listed(given.text))
    names.emplace_back(chosen(operations(), {given.flag, name}).name);
  return names;
}

using Options = BenchOptions;
using Value = const FlagValue&;
constexpr Flag<Options> kFlags[] = {
    {"--min", "BYTES", "smallest message (4); K, M and G are 2^10, 2^20 and 2^30",
     [](Options& o, Value v) { o.least = bytes_in(v); }},
    {"--max", "BYTES", "largest message (256M)", [](Options& o, Value v) { o.most = bytes_in(v); }},
    {"--factor", "N", "ratio of one size to the previous one (2)",
     [](Options& o, Value v) { o.factor = whole_number(v, 2, 1 << 20); }},
    {"--iterations", "N", "maximum number of repetitions of each case (50)",
     [](Options& o, Value v) { o.iterations = whole_number(v, 1, kMostTimes); }},
    {"--warmup", "N", "untimed repetitions before them (5)",
     [](Options& o, Value v) { o.warmup = whole_number(v, 0, kMostTimes); }},
    {"--seconds", "S", "time limit for the repetitions of a case (0.5); at least 5 are made anyway",
     [](Options& o, Value v) { o.seconds = real_number(v, 0, 1e6); }},
    {"--collectives", "NAME,...", "collectives to measure: all_reduce, reduce_scatter, ... (all)",
     [](Options& o, Value v) { o.collectives = collectives_in(v); }},
    {"--backend", "B", "auto (the default), mpi, shm or nccl",
     [](Options& o, Value v) { o.backend = chosen(kBackends, v).value; }},
    {"--device", "D", "auto (the default), cpu or cuda",
     [](Options& o, Value v) { o.device = chosen(kNames<DeviceKind>, v).value; }},
    {"--dtype", "T", "fp32 (the default), fp64, bf16, fp16, int32, int64 or uint8",
     [](Options& o, Value v) { o.dtype = chosen(kTypes, v).name; }},
    {"--output", "DIR", "folder in which the folder with commbench.h5 is created (experiments)",
     [](Options& o, Value v) { o.output = v.text; }},
    {"--quiet", nullptr, "print nothing but errors", [](Options& o, Value) { o.quiet = true; }},
    {"--help", nullptr, "this text", [](Options& o, Value) { o.help = true; }},
    {"--version", nullptr, "version, commit and compiler", [](Options& o, Value) { o.version = true; }},
};

void check(const BenchOptions& o) {
  if (o.most < o.least)
    throw input_error("--max {} is less than --min {}", size_text(o.most), size_text(o.least));
  const auto element = static_cast<std::int64_t>(c10::elementSize(element_type(o.dtype).type));
  if (o.least % element != 0)
    throw input_error("--min {} is not a whole number of {} elements, which take {} bytes; use --min {}",
                      o.least, o.dtype, element, (o.least / element + 1) * element);
}

}  // namespace

const ElementType& element_type(const std::string& name) { return chosen(kTypes, {"--dtype", name}); }

std::string size_text(std::int64_t bytes) {
  int suffix = 0;
  for (; suffix < 3 && bytes % 1024 == 0 && bytes > 0; ++suffix) bytes /= 1024;
  return fmt::format("{}{}", bytes, std::array{"", "K", "M", "G"}[static_cast<std::size_t>(suffix)]);
}

BenchOptions parse_bench_options(int argc, const char* const* argv) {
  BenchOptions options;
  const std::vector<std::string> words =
      parse_flags<Options>(kFlags, {argv + 1, argv + argc}, "commbench", options);
  if (!words.empty()) throw input_error("'{}' is not a flag; see commbench --help", words.front());
  if (!options.help && !options.version) check(options);
  return options;
}

std::string bench_help() {
  std::string out =
      "commbench: times the collectives between these ranks, and fits a model of the link\n"
      "\n"
      "Usage: mpirun -np N commbench [flags]\n"
      "\n"
      "Prints one line per collective and message size, in the columns of nccl-tests, and writes every\n"
      "repetition of every rank to <output>/<time>_commbench_<back end>_<N>r_<id>/commbench.h5, which "
      "analyze reads.\n"
      "Collectives:";
  for (const Operation& operation : operations()) out += std::string(" ") + operation.name;
  out += "\n\nFlags:\n" + flag_lines(flag_texts<Options>(kFlags));
  return out +
         "\nExit codes: 0 done; 1 failed while running; 2 wrong usage; 4 a collective gave a wrong result.\n";
}

}  // namespace lockstep
