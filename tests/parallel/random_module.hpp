// A module made at random from a seed, in numbers whose sums are exact in any order: layers that are shared,
// tied, frozen, transposed, of several dtypes, checkpointed, taken by some ranks only; buffers of every kind.
#pragma once

#include <torch/nn/module.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace lockstep {

class Dice {
 public:
  explicit Dice(std::uint64_t seed) : engine_(seed) {}
  int below(int limit) { return static_cast<int>(engine_() % static_cast<std::uint64_t>(limit)); }
  bool one_in(int chances) { return below(chances) == 0; }
  // Whole numbers from -most to most.
  torch::Tensor whole(at::IntArrayRef shape, int most, torch::ScalarType dtype = torch::kFloat32);

 private:
  std::mt19937_64 engine_;
};

struct ModuleSpec {
  enum class Use { plain, in_place, checkpointed };
  struct Layer {
    torch::ScalarType dtype;
    bool transposed, frozen;
  };
  struct Step {
    int layer;
    Use use;
    bool branches;  // each rank takes another layer here
  };
  std::vector<Layer> layers;
  std::vector<Step> path;
  torch::ScalarType bias;
  bool tied, embeds, complex, all_checkpointed, throws_early;
  static ModuleSpec random(Dice& dice);
  bool branches() const;
};

class RandomModule : public torch::nn::Module {
 public:
  static constexpr std::int64_t kWidth = 3;
  // weights: dice of the same seed give the same values.
  RandomModule(const ModuleSpec& spec, Dice weights);

  // x: (B, kWidth), ids: (B); returns (B, kWidth). Keeps what a backward pass needs until the next but one
  // pass.
  struct Pass {
    int rank = 0;
    bool checkpoints = true;
    bool throws = false;  // in the middle of its backward pass
  };
  torch::Tensor forward(const torch::Tensor& x, const torch::Tensor& ids, const Pass& pass);
  torch::Tensor& count() { return count_; }
  const ModuleSpec& spec() const { return spec_; }

 private:
  torch::Tensor apply(torch::Tensor h, const ModuleSpec::Step& step, const Pass& pass);
  torch::Tensor through(torch::Tensor h, const Pass& pass);
  torch::Tensor checkpoint(const torch::Tensor& h, std::function<torch::Tensor(torch::Tensor)> segment);
  void register_buffers(Dice& dice);

  ModuleSpec spec_;
  std::vector<torch::Tensor> weights_;
  torch::Tensor bias_, phase_, table_, count_;
  std::vector<std::unique_ptr<std::function<torch::Tensor(torch::Tensor)>>> segments_;
};

}  // namespace lockstep
