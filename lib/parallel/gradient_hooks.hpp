// GradientHooks: calls a listener whenever autograd has accumulated a gradient. They sit on the tensors, not
// on autograd's accumulators, so that they survive loading, to(dtype), to(device), freezing and
// unfreezing.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "parallel/flat_buckets.hpp"

namespace lockstep {

class GradientListener {
 public:
  // On autograd's thread of the gradient's device. parameter: its index in what GradientHooks was given.
  virtual void on_gradient(std::size_t parameter) = 0;

 protected:
  ~GradientListener() = default;
};

class GradientHooks {
 public:
  // Error(bad_input) that names the parameter where one has hooks of another listener that is still alive.
  // Hooks of others stay and are called first.
  GradientHooks(const std::vector<NamedParameter>& parameters, GradientListener& listener);

  struct Link {
    GradientListener& listener;
  };

 private:
  std::shared_ptr<Link> link_;  // cut when this is destroyed; the hooks themselves stay with the tensors
};

}  // namespace lockstep
