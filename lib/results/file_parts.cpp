#include "results/file_parts.hpp"

#include <algorithm>
#include <filesystem>

#include "base/durable_file.hpp"
#include "results/columns.hpp"

namespace lockstep {

namespace {

// One sentence a line; an attribute that is a list could not be empty in every reader.
std::string joined(const std::vector<std::string>& sentences) {
  std::string text;
  for (std::string sentence : sentences) {
    std::replace(sentence.begin(), sentence.end(), '\n', ' ');
    text += (text.empty() ? "" : "\n") + sentence;
  }
  return text;
}

template <typename T, typename Column>
std::vector<T> collect(const std::vector<RankEnvironment>& ranks, Column RankEnvironment::*member) {
  std::vector<T> values;
  for (const RankEnvironment& rank : ranks) values.push_back(rank.*member);
  return values;
}

void write_gpus(Hdf5Output& file, const std::vector<RankEnvironment>& ranks, const Extent& extent) {
  const auto collect_gpu = [&](auto member) {
    std::vector<std::decay_t<decltype(GpuFacts{}.*member)>> values;
    for (const RankEnvironment& rank : ranks) values.push_back(rank.gpu.value_or(GpuFacts{}).*member);
    return values;
  };
  for (const auto& c : kRankGpuNumbers) file.write(c.path, collect_gpu(c.member), extent);
  file.write(kRankGpuSlowdowns, collect_gpu(&GpuFacts::slowdowns), extent);
}

}  // namespace

std::string partial_path(const std::string& final_path) {
  if (std::filesystem::exists(final_path))
    throw input_error("{}: exists already; a run file is never overwritten", final_path);
  return final_path + ".partial";
}

void write_status(Hdf5Output& file, const std::string& status, bool valid,
                  const std::vector<std::string>& invalid_reasons, double wall_seconds) {
  file.attribute("/", "status", status);
  file.attribute("/", "valid", std::int64_t{valid});
  file.attribute("/", "invalid_reasons", joined(invalid_reasons));
  file.attribute("/", "wall_seconds", wall_seconds);
}

bool close_with_what_there_is(Hdf5Output& file, const std::string& final_path, const std::string& status,
                              const std::string& reason, double wall_seconds) noexcept {
  try {
    file.go_back();
    write_status(file, status, false, {reason}, wall_seconds);
    file.close();
    rename_into_place(file.path(), final_path);
    return true;
  } catch (...) {
    file.abandon();
    return false;
  }
}

void write_environment(Hdf5Output& file, const std::vector<RankEnvironment>& ranks,
                       const std::string& fingerprint,
                       const std::map<std::string, std::string>& environment) {
  const Extent extent{ranks.size()};
  for (const auto& c : kRankTexts) file.write(c.path, collect<std::string>(ranks, c.member), extent);
  for (const auto& c : kRankCounts) file.write(c.path, collect<std::int64_t>(ranks, c.member), extent);
  for (const auto& c : kRankNumbers) file.write(c.path, collect<double>(ranks, c.member), extent);
  if (std::any_of(ranks.begin(), ranks.end(), [](const auto& rank) { return rank.gpu.has_value(); }))
    write_gpus(file, ranks, extent);
  file.attribute("/env", "fingerprint", fingerprint);
  for (const auto& [key, value] : environment) file.attribute("/env", key, value);
}

}  // namespace lockstep
