#include "plan/partition.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <numeric>

#include "base/error.hpp"
#include "plan/chunk_costs.hpp"

namespace lockstep {

namespace {

constexpr double kMiB = 1024.0 * 1024.0;

// "4 stages", "4 stages x 2 chunks".
std::string describe(int stages, int chunks_per_stage) {
  const std::string text = fmt::format("{} stages", stages);
  return chunks_per_stage == 1 ? text : fmt::format("{} x {} chunks", text, chunks_per_stage);
}

void require_layers(int layers, int stages, int chunks_per_stage) {
  if (stages < 1 || chunks_per_stage < 1)
    throw input_error("a partition into {}", describe(stages, chunks_per_stage));
  if (layers < stages * chunks_per_stage)
    throw input_error("the model has {} layers, too few for {}; use at most {} stages", layers,
                      describe(stages, chunks_per_stage), layers / chunks_per_stage);
}

void require_boundaries(const ChunkCosts& costs, const Boundaries& boundaries) {
  const bool fits =
      static_cast<int>(boundaries.size()) == costs.chunks() + 1 && boundaries.front() == 0 &&
      boundaries.back() == costs.layers() &&
      std::adjacent_find(boundaries.begin(), boundaries.end(), std::greater_equal<>()) == boundaries.end();
  if (!fits)
    throw input_error("the boundaries [{}] are not a partition of {} layers into {} chunks",
                      fmt::join(boundaries, ", "), costs.layers(), costs.chunks());
}

// "layers 0 to 3", "layers 0 to 3 and 8 to 11".
std::string layers_of(const Boundaries& boundaries, std::size_t stage, std::size_t stages) {
  std::string text;
  for (std::size_t c = stage; c + 1 < boundaries.size(); c += stages)
    text +=
        fmt::format("{}{} to {}", text.empty() ? "layers " : " and ", boundaries[c], boundaries[c + 1] - 1);
  return text;
}

}  // namespace

Boundaries even_partition(int layers, int stages, int chunks_per_stage) {
  require_layers(layers, stages, chunks_per_stage);
  const int chunks = stages * chunks_per_stage;
  Boundaries result = {0};
  for (int c = 0; c < chunks; ++c)
    result.push_back(result.back() + layers / chunks + (c < layers % chunks ? 1 : 0));
  return result;
}

Boundaries explicit_partition(std::span<const std::int64_t> counts, int layers, int stages,
                              int chunks_per_stage) {
  require_layers(layers, stages, chunks_per_stage);
  const std::string list = fmt::format("[{}]", fmt::join(counts, ", "));
  const int chunks = stages * chunks_per_stage;
  if (static_cast<int>(counts.size()) != chunks)
    throw input_error("{} has {} numbers, {} are needed: one for each of {}", list, counts.size(), chunks,
                      describe(stages, chunks_per_stage));
  Boundaries result = {0};
  for (std::size_t c = 0; c < counts.size(); ++c) {
    if (counts[c] < 1)
      throw input_error("{} gives entry {} {} layers; each needs at least 1", list, c + 1, counts[c]);
    const std::int64_t end = result.back() + std::min<std::int64_t>(counts[c], layers + 1);
    if (end > layers)
      throw input_error("{} needs more than the model's {} layers; the numbers must add up to {}", list,
                        layers, layers);
    result.push_back(static_cast<int>(end));
  }
  if (result.back() != layers)
    throw input_error("{} covers {} of the model's {} layers; the numbers must add up to {}", list,
                      result.back(), layers, layers);
  return result;
}

std::vector<StagePrediction> predict_stages(const PartitionProblem& problem, const Boundaries& boundaries) {
  const ChunkCosts costs(problem);
  require_boundaries(costs, boundaries);
  const std::size_t stages = problem.schedule.size();
  std::vector<double> held;
  for (std::size_t c = 0; c + 1 < boundaries.size(); ++c)
    held.push_back(static_cast<double>(costs.held(boundaries[c], boundaries[c + 1])));
  std::vector<StagePrediction> result(stages);
  for (std::size_t s = 0; s < stages; ++s) {
    std::int64_t parameters = 0;
    for (std::size_t c = s; c < held.size(); c += stages) {
      const int begin = boundaries[c];
      const int end = boundaries[c + 1];
      result[s].forward_seconds += costs.forward(begin, end);
      result[s].backward_seconds += costs.backward(begin, end);
      result[s].transfer_seconds += costs.transfer(begin, end);
      parameters += costs.parameters(begin, end);
    }
    result[s].memory = stage_memory(parameters, problem.optimizer_moments,
                                    static_cast<std::int64_t>(peak_held(problem.schedule[s], held)));
  }
  return result;
}

ChunkTimes chunk_times(const PartitionProblem& problem, const Boundaries& boundaries) {
  const ChunkCosts costs(problem);
  require_boundaries(costs, boundaries);
  ChunkTimes times;
  for (std::size_t c = 0; c + 1 < boundaries.size(); ++c) {
    times.forward.push_back(costs.forward(boundaries[c], boundaries[c + 1]));
    times.backward.push_back(costs.backward(boundaries[c], boundaries[c + 1]));
    if (c > 0) times.transfer.push_back(costs.message(boundaries[c]));
  }
  return times;
}

void require_fits(const PartitionProblem& problem, const Boundaries& boundaries) {
  if (!problem.memory_limit) return;
  const std::vector<StagePrediction> stages = predict_stages(problem, boundaries);
  const auto fullest = std::max_element(stages.begin(), stages.end(), [](const auto& a, const auto& b) {
    return a.memory.total() < b.memory.total();
  });
  if (fullest->memory.total() <= *problem.memory_limit) return;
  const auto stage = static_cast<std::size_t>(fullest - stages.begin());
  throw input_error(
      "stage {} ({}) needs {:.1f} MiB, a device has {:.1f} MiB; use more stages, smaller micro-batches or "
      "partition: auto",
      stage, layers_of(boundaries, stage, stages.size()), static_cast<double>(fullest->memory.total()) / kMiB,
      static_cast<double>(*problem.memory_limit) / kMiB);
}

}  // namespace lockstep
