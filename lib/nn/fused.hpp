// The pieces of transformer layers on a GPU in bf16, each forward and backward in a few kernels of our own
// (lib/kernels) around LibTorch's matrix products and attention: a residual stream in fp32, branches in bf16,
// weights in fp32 that are rounded where they are used, and their gradients added in fp32 where they belong.
// Dropout masks come from LibTorch's generator, are computed where they are needed and never stored.
//
// For a build with CUDA alone: to be called under `if constexpr (fused::kBuilt)`, where fused::takes says so.
#pragma once

#include <torch/nn/modules/normalization.h>
#include <torch/types.h>

#include <optional>
#include <vector>

namespace lockstep::fused {

#ifdef LOCKSTEP_WITH_CUDA
inline constexpr bool kBuilt = true;
#else
inline constexpr bool kBuilt = false;
#endif

// Whether the functions below are for this computation: x on a GPU, under autocast to bf16; weight (any of
// the layer's) in fp32; rows of x not too wide.
bool takes(const torch::Tensor& x, const torch::Tensor& weight);

// Two forms of one activation.
struct Normed {
  torch::Tensor stream;  // (B, T, E) fp32
  torch::Tensor normed;  // (B, T, E) bf16, for the products
};

// flow: {x (B, T, E) fp32} -> {x, norm(x)}, or {base, branch, bias} -> as add_norm, with dropout p. The first
// is to be used in place of x from here on: its gradient and that of the norm are added up in one kernel.
Normed norm(const std::vector<torch::Tensor>& flow, double p, const torch::nn::LayerNorm& norm);

// A branch (B, T, E) in bf16 that is added to the stream: dropout(values + bias), p the share that is zeroed.
struct Branch {
  torch::Tensor values;
  torch::Tensor bias;  // (E)
  double p;
};

// s = base + branch. Pre-LN: {s, norm(s)}.
Normed add_norm(const torch::Tensor& base, const Branch& branch, const torch::nn::LayerNorm& norm);
// Post-LN: {norm(s), norm(s)}.
Normed add_then_norm(const torch::Tensor& base, const Branch& branch, const torch::nn::LayerNorm& norm);
// flow: {base, branch, bias}. s alone, (B, T, E) fp32.
torch::Tensor add(const std::vector<torch::Tensor>& flow, double p);

// x (..., in) bf16, weight (out, in), bias (out). Returns (..., out) bf16.
torch::Tensor linear(const torch::Tensor& x, const torch::Tensor& weight);
torch::Tensor linear_gelu(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias);
// dropout(relu(linear(x))).
torch::Tensor linear_relu(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias,
                          double p);

struct Attention {
  torch::Tensor weight, bias;         // (3E, E), (3E): to query, key and value
  std::optional<torch::Tensor> mask;  // (B, 1, 1, T), added to the scores; none: causal
  std::int64_t heads;
  double p;  // dropout of the weights
};
// x (B, T, E) bf16 -> (B, T, E) bf16, without the projection behind it.
torch::Tensor attention(const torch::Tensor& x, const Attention& options);

// x (B, T, E) bf16, weight (V, E) -> logits (B, T, V) bf16, a view of rows that are a multiple of 64 apart:
// matrix products over odd rows are several times slower.
torch::Tensor head(const torch::Tensor& x, const torch::Tensor& weight);

// dropout(weight[tokens] + positions[0..T)): (B, T, E) fp32. tokens (B, T) int64, weight (V, E), positions
// (at least T, E).
torch::Tensor look_up(const torch::Tensor& tokens, const torch::Tensor& weight,
                      const torch::Tensor& positions, double p);

// Those of nn/embedding.hpp, with or without autocast, where takes_table says so: weight (V, E) on a GPU, in fp32.
// The gradient of the table is added up in a fixed order. An id outside of it makes NaN.
bool takes_table(const torch::Tensor& weight);
torch::Tensor embed(const torch::Tensor& weight, const torch::Tensor& tokens);
torch::Tensor look_up_rows(const torch::Tensor& weight, const torch::Tensor& tokens);
torch::Tensor mean_embedding(const torch::Tensor& weight, const torch::Tensor& tokens);

}  // namespace lockstep::fused
