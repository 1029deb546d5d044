#include "parallel/row_gradient.hpp"

#include <ATen/ATen.h>
#include <torch/nn/modules/embedding.h>

#include <algorithm>
#include <cstring>
#include <set>

namespace lockstep {

namespace {

// The rows of a bucket that holds one table.
struct Rows {
  Rows(const torch::Tensor& gradient, std::int64_t elements)
      : data(gradient.data_ptr<float>()), width(elements) {}

  float* row(std::int64_t r) const { return data + r * width; }
  void move(std::int64_t from, std::int64_t to) const {
    if (from != to) std::memcpy(row(to), row(from), static_cast<std::size_t>(width) * sizeof(float));
  }
  void clear(std::int64_t r) const { std::fill_n(row(r), width, 0.0F); }

  float* data;
  std::int64_t width;
};

}  // namespace

void mark_tables(std::vector<NamedParameter>& parameters, const torch::nn::Module& module) {
  std::set<const void*> tables;
  for (const auto& part : module.modules(/*include_self=*/false))
    if (const auto* embedding = part->as<torch::nn::Embedding>();
        embedding && embedding->options.padding_idx() == 0)
      tables.insert(embedding->weight.unsafeGetTensorImpl());
  for (NamedParameter& p : parameters)
    p.by_rows = tables.contains(p.tensor.unsafeGetTensorImpl()) && p.tensor.is_cpu() &&
                p.tensor.is_contiguous() && p.tensor.scalar_type() == torch::kFloat32;
}

void RowGradient::clear(const torch::Tensor& gradient) {
  const Rows rows(gradient, width_);
  const auto* mask = touched_.mask().const_data_ptr<std::uint8_t>();
  for (std::int64_t r = 0; r < touched_.mask().numel(); ++r)
    if (mask[r] != 0) rows.clear(r);
  touched_.clear();
}

WorkPtr RowGradient::share_touched(Communicator& communicator) {
  return communicator.all_reduce(touched_.mask(), ReduceOp::max);
}

torch::Tensor RowGradient::pack(const torch::Tensor& gradient) {
  const std::int64_t all = touched_.mask().numel();
  const auto* mask = touched_.mask().const_data_ptr<std::uint8_t>();
  packed_ = all - std::count(mask, mask + all, std::uint8_t{0});
  if (2 * packed_ > all) {
    packed_ = all;
    return gradient;
  }
  const Rows rows(gradient, width_);
  std::int64_t next = 0;
  for (std::int64_t r = 0; r < all; ++r)
    if (mask[r] != 0) rows.move(r, next++);  // next <= r: what lies there has been moved, or is zero
  return gradient.narrow(0, 0, packed_ * width_);
}

void RowGradient::unpack(const torch::Tensor& gradient) {
  const std::int64_t all = touched_.mask().numel();
  if (packed_ == all) return;
  const Rows rows(gradient, width_);
  const auto* mask = touched_.mask().const_data_ptr<std::uint8_t>();
  std::int64_t next = packed_;
  for (std::int64_t r = all; r-- > 0;)
    if (mask[r] != 0) rows.move(--next, r);
  for (std::int64_t r = 0; r < packed_; ++r)
    if (mask[r] == 0) rows.clear(r);
}

}  // namespace lockstep
