#include "models/dropout.hpp"
#include <utility>
namespace lockstep {
Dropout::Dropout(double p, std::uint32_t site, std::shared_ptr<const DropoutContext> context)
    : p_(p), site_(site), context_(std::move(context)) {}
torch::Tensor Dropout::operator()(const torch::Tensor& x) const {
  (void)site_;
  return p_ > 0 ? at::dropout(x, p_, true) : x;
}
}  // namespace lockstep
