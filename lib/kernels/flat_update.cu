#include "kernels/flat_update.hpp"
#include "kernels/grid.cuh"
#include "kernels/launch.hpp"

namespace lockstep::kernels {
namespace {

__device__ float clip_factor(const Clipping& clipping) {
  if (clipping.norm == nullptr) return 1.0f;
  return fminf(1.0f, clipping.max_norm / (*clipping.norm + 1e-6f));
}

// The arithmetic is that of LibTorch's fused Adam, in fp32.
struct Adam {
  AdamOptions options;
  float learning_rate, correction1, sqrt_correction2;

  __device__ Adam(const AdamOptions& o, const UpdateScalars& s)
      : options(o),
        learning_rate(s.learning_rate),
        correction1(s.correction1),
        sqrt_correction2(s.sqrt_correction2) {}

  __device__ void operator()(float& value, float gradient, float& first, float& second) const {
    if (options.decoupled)
      value -= learning_rate * options.weight_decay * value;
    else
      gradient += options.weight_decay * value;
    first = options.beta1 * first + (1.0f - options.beta1) * gradient;
    second = options.beta2 * second + (1.0f - options.beta2) * gradient * gradient;
    const float denominator = sqrtf(second) / sqrt_correction2 + options.eps;
    value -= learning_rate / correction1 * first / denominator;
  }
};

struct Sgd {
  SgdOptions options;
  float learning_rate;

  __device__ Sgd(const SgdOptions& o, const UpdateScalars& s) : options(o), learning_rate(s.learning_rate) {}

  __device__ void operator()(float& value, float gradient, float& first, float&) const {
    gradient += options.weight_decay * value;
    first = options.momentum * first + gradient;
    value -= learning_rate * (options.nesterov ? gradient + options.momentum * first : first);
  }
};

// Four elements a thread and turn; what is left over one by one. A moment that there is none of is read as 0.
template <typename Rule, typename Options>
__global__ void update(FlatBucket bucket, Options options, const UpdateScalars* scalars, Clipping clipping) {
  const Rule rule(options, *scalars);
  const float factor = clip_factor(clipping);
  const std::int64_t quads = bucket.count / 4;
  for (std::int64_t i = first_index(); i < quads; i += grid_threads()) {
    float4 value = reinterpret_cast<float4*>(bucket.values)[i];
    const float4 gradient = reinterpret_cast<const float4*>(bucket.gradients)[i];
    float4 first{}, second{};
    if (bucket.first_moment != nullptr) first = reinterpret_cast<float4*>(bucket.first_moment)[i];
    if (bucket.second_moment != nullptr) second = reinterpret_cast<float4*>(bucket.second_moment)[i];
    rule(value.x, factor * gradient.x, first.x, second.x);
    rule(value.y, factor * gradient.y, first.y, second.y);
    rule(value.z, factor * gradient.z, first.z, second.z);
    rule(value.w, factor * gradient.w, first.w, second.w);
    reinterpret_cast<float4*>(bucket.values)[i] = value;
    if (bucket.first_moment != nullptr) reinterpret_cast<float4*>(bucket.first_moment)[i] = first;
    if (bucket.second_moment != nullptr) reinterpret_cast<float4*>(bucket.second_moment)[i] = second;
  }
  for (std::int64_t i = 4 * quads + first_index(); i < bucket.count; i += grid_threads()) {
    float value = bucket.values[i];
    float first = bucket.first_moment != nullptr ? bucket.first_moment[i] : 0.0f;
    float second = bucket.second_moment != nullptr ? bucket.second_moment[i] : 0.0f;
    rule(value, factor * bucket.gradients[i], first, second);
    bucket.values[i] = value;
    if (bucket.first_moment != nullptr) bucket.first_moment[i] = first;
    if (bucket.second_moment != nullptr) bucket.second_moment[i] = second;
  }
}

}  // namespace

void adam_step(const FlatBucket& bucket, const AdamOptions& options, const UpdateScalars* scalars,
               const Clipping& clipping, cudaStream_t stream) {
  if (bucket.count == 0) return;
  update<Adam><<<blocks_for(bucket.count / 4 + 1), kThreads, 0, stream>>>(bucket, options, scalars, clipping);
  check_launch("adam_step");
}

void sgd_step(const FlatBucket& bucket, const SgdOptions& options, const UpdateScalars* scalars,
              const Clipping& clipping, cudaStream_t stream) {
  if (bucket.count == 0) return;
  update<Sgd><<<blocks_for(bucket.count / 4 + 1), kThreads, 0, stream>>>(bucket, options, scalars, clipping);
  check_launch("sgd_step");
}

}  // namespace lockstep::kernels
