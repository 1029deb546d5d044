// What readers of run files and of files of commbench have in common. Internal to lib/results.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "results/hdf5_io.hpp"
#include "results/run_data.hpp"
#include "results/trial.hpp"

namespace lockstep {

inline constexpr const char* kRunKind = "run";
inline constexpr const char* kCommBenchKind = "commbench";
// Of samples, bytes, tokens: 2^53, up to which a double is exact.
inline constexpr std::int64_t kMostCounted = std::int64_t{1} << 53;

// All of these: Error(bad_input), one line naming file and path, for what cannot be used.
class FileReader {
 public:
  explicit FileReader(const std::string& path) : in_(path) {}

  // What the file says of its kind; a file that says nothing is a run's.
  std::string kind() const;
  // The root attributes, of a file of this kind. mode is empty where the file need not have one.
  RunHeader header(const std::string& kind) const;

 protected:
  // Whether to read it: throws when it is required and missing, notes it when it is optional and missing.
  bool present(const char* path);
  double required_number(const std::string& path, const std::string& name) const;
  std::string required_text(const std::string& path, const std::string& name) const;
  void require_finite(const char* path, const std::vector<double>& values) const;
  // None below 0, and their sum exact in a double: no reader of them need fear an overflow.
  template <typename T>
  void require_counts(const char* path, const std::vector<T>& values) const;

  // Without a GPU whose monitor could be asked their absence is no lack.
  void read_gpus(std::vector<RankEnvironment>& ranks);
  void read_environment(std::vector<RankEnvironment>& ranks, std::map<std::string, std::string>& environment,
                        std::string& fingerprint);

  // Leaves `into` as it is where an optional path is missing. shape: that of the neighbours; nullptr: any.
  template <typename T>
  void read_matrix(const char* path, Matrix<T>& into, const Extent* shape, Extent& extent);
  template <typename T>
  std::vector<T> read_column(const char* path, std::size_t length) const;

  Hdf5Input in_;
  std::vector<std::string> absent_;

 private:
  std::int64_t world_size() const;
  std::optional<Resumed> resumed() const;
  template <typename T>
  void assign_ranks(std::vector<RankEnvironment>& ranks, const char* path, const std::vector<T>& values,
                    T RankEnvironment::*member) const;
};

// Trials of `reading` for each path: whether this process may read it.
Trials reading_trials(const std::vector<std::string>& paths,
                      std::function<void(const std::string& path)> reading);
// Error unless the file is whole and `trials` found it harmless.
void require_harmless(Trials& trials, std::size_t item, const std::string& path);

}  // namespace lockstep
