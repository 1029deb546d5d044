#include "nn/packing.hpp"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <numeric>

namespace lockstep {

namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

Tensor take_rows(const Tensor& x, const Tensor& places) { return x.index_select(0, places); }

// (n, E) -> (count, E): row i at places[i], zeros elsewhere.
Tensor spread_rows(const Tensor& x, const Tensor& places, std::int64_t count) {
  return at::zeros({count, x.size(1)}, x.options()).index_copy_(0, places, x);
}

// Rows at distinct places: what they get back is copied, where autograd would add it.
class TakeRows : public torch::autograd::Function<TakeRows> {
 public:
  static Tensor forward(AutogradContext* context, const Tensor& x, const Tensor& places) {
    context->save_for_backward({places});
    context->saved_data["count"] = x.size(0);
    return take_rows(x, places);
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const Tensor places = context->get_saved_variables()[0];
    return {spread_rows(gradients[0], places, context->saved_data["count"].toInt()), Tensor()};
  }
};

class SpreadRows : public torch::autograd::Function<SpreadRows> {
 public:
  static Tensor forward(AutogradContext* context, const Tensor& x, const Tensor& places, std::int64_t count) {
    context->save_for_backward({places});
    return spread_rows(x, places, count);
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    return {take_rows(gradients[0], context->get_saved_variables()[0]), Tensor(), Tensor()};
  }
};

class MirrorRows : public torch::autograd::Function<MirrorRows> {
 public:
  static Tensor forward(AutogradContext* context, const Tensor& x, const Tensor& mirror) {
    context->save_for_backward({mirror});
    return take_rows(x, mirror);
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    return {take_rows(gradients[0], context->get_saved_variables()[0]), Tensor()};
  }
};

}  // namespace

Packing pack(const Tensor& lengths, std::int64_t longest) {
  const Tensor on_cpu = lengths.to(torch::kCPU).contiguous();
  const std::int64_t* length = on_cpu.const_data_ptr<std::int64_t>();
  const std::int64_t batch = on_cpu.size(0);
  std::vector<std::int64_t> order(static_cast<std::size_t>(batch));
  std::iota(order.begin(), order.end(), std::int64_t{0});
  std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return length[a] > length[b]; });

  Packing packing;
  std::vector<std::int64_t> places, sorted(order.size()), begins;
  for (std::size_t i = 0; i < order.size(); ++i)
    sorted[static_cast<std::size_t>(order[i])] = static_cast<std::int64_t>(i);
  for (std::int64_t t = 0; t < length[order[0]]; ++t) {
    begins.push_back(static_cast<std::int64_t>(places.size()));
    std::int64_t count = 0;
    for (; count < batch && length[order[static_cast<std::size_t>(count)]] > t; ++count)
      places.push_back(order[static_cast<std::size_t>(count)] * longest + t);
    packing.rows.push_back(count);
  }
  std::vector<std::int64_t> mirror;
  mirror.reserve(places.size());
  for (std::size_t t = 0; t < packing.rows.size(); ++t) {
    for (std::int64_t i = 0; i < packing.rows[t]; ++i) {
      const auto from_end = static_cast<std::size_t>(length[order[static_cast<std::size_t>(i)]] - 1) - t;
      mirror.push_back(begins[from_end] + i);
    }
  }
  const auto on_device = [&](const std::vector<std::int64_t>& values) {
    return torch::tensor(values, torch::kInt64).to(lengths.device());
  };
  packing.places = on_device(places);
  packing.sorted = on_device(sorted);
  packing.mirror = on_device(mirror);
  return packing;
}

Tensor packed_rows(const Tensor& x, const Packing& packing) {
  return TakeRows::apply(x.reshape({-1, x.size(2)}), packing.places);
}

Tensor padded_rows(const Tensor& x, const Packing& packing, std::int64_t longest) {
  const std::int64_t batch = packing.rows[0];
  return SpreadRows::apply(x, packing.places, batch * longest).view({batch, longest, x.size(1)});
}

Tensor mirrored_rows(const Tensor& x, const Packing& packing) { return MirrorRows::apply(x, packing.mirror); }

PaddedPlaces padded_places(const Tensor& lengths, std::int64_t longest) {
  const Tensor step = at::arange(longest, lengths.options()).unsqueeze(0);            // (1, T)
  const Tensor begin = at::arange(lengths.size(0), lengths.options()).mul_(longest);  // (B)
  const Tensor last = (lengths - 1).unsqueeze(1);                                     // (B, 1)
  const Tensor mirror = at::where(step <= last, last - step, step) + begin.unsqueeze(1);
  return {begin + lengths - 1, mirror.flatten()};
}

Tensor last_steps(const Tensor& x, const PaddedPlaces& places) {
  return TakeRows::apply(x.flatten(0, 1), places.ends);
}

Tensor mirrored_steps(const Tensor& x, const PaddedPlaces& places) {
  return MirrorRows::apply(x.flatten(0, 1), places.mirror).view(x.sizes());
}

Tensor last_rows(const Tensor& x, const StepRows& rows) {
  Tensor last = at::empty({rows[0], x.size(1)}, x.options());
  std::int64_t place = 0;
  for (std::size_t t = 0; t < rows.size(); place += rows[t++]) {
    const std::int64_t next = t + 1 < rows.size() ? rows[t + 1] : 0;
    if (next < rows[t]) last.narrow(0, next, rows[t] - next).copy_(x.narrow(0, place + next, rows[t] - next));
  }
  return last;
}

Tensor rows_before(const Tensor& first, const Tensor& x, const StepRows& rows) {
  Tensor before = at::empty_like(x);
  before.narrow(0, 0, rows[0]).copy_(first);
  std::int64_t place = rows[0];
  for (std::size_t t = 1; t < rows.size(); place += rows[t++])
    before.narrow(0, place, rows[t]).copy_(x.narrow(0, place - rows[t - 1], rows[t]));
  return before;
}

}  // namespace lockstep
