#include "parallel/communication_hook.hpp"

namespace lockstep {

namespace {

CommunicationHook compress_to(torch::ScalarType dtype) {
  return [dtype](const GradientBucket& bucket, Communicator& communicator) -> std::function<void()> {
    const torch::Tensor message = bucket.gradients.to(dtype);
    return [gradients = bucket.gradients, message, work = communicator.all_reduce(message)]() mutable {
      work->wait();
      gradients.copy_(message);
    };
  };
}

}  // namespace

CommunicationHook compress_to_fp16() { return compress_to(torch::kHalf); }
CommunicationHook compress_to_bf16() { return compress_to(torch::kBFloat16); }

}  // namespace lockstep
