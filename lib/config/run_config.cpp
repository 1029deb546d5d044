#include "config/run_config.hpp"

#include "base/error.hpp"

namespace lockstep {

namespace {

std::string remedy(std::int64_t batch, std::int64_t parts) {
  const std::int64_t lower = batch / parts * parts, upper = lower + parts;
  return lower == 0 ? fmt::format("take {}", upper) : fmt::format("take {} or {}", lower, upper);
}

}  // namespace

std::string Location::text() const { return line > 0 ? fmt::format("{}:{}", file, line) : file; }

std::string RunConfig::place(const std::string& key) const {
  const auto found = given.find(key);
  if (found == given.end()) return fmt::format("'{}'", key);
  return fmt::format("{}: '{}'", found->second.text(), key);
}

std::int64_t RunConfig::global_batch(int ranks) const {
  const std::int64_t parts = ranks * training.accumulate;
  if (training.micro_batch) return *training.micro_batch * parts;
  if (!training.global_batch)
    throw input_error("'training.global_batch' or 'training.micro_batch' is missing");
  const std::int64_t batch = *training.global_batch;
  if (batch % parts != 0)
    throw input_error("{} is {}, which {} rank{} x accumulate {} do not divide evenly; {}",
                      place("training.global_batch"), batch, ranks, ranks == 1 ? "" : "s",
                      training.accumulate, remedy(batch, parts));
  return batch;
}

std::int64_t RunConfig::micro_batch(int ranks) const {
  return global_batch(ranks) / (ranks * training.accumulate);
}

}  // namespace lockstep
