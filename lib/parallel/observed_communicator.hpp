// ObservedCommunicator: wraps a communicator and reports everything that is sent to its observer, as buckets
// of one sender. For communication hooks, which may send anything.
#pragma once

#include <string>

#include "comm/communicator.hpp"

namespace lockstep {

class ObservedCommunicator final : public Communicator {
 public:
  // inner outlives it.
  ObservedCommunicator(Communicator& inner, const void* sender) : inner_(inner), sender_(sender) {
    set_world(inner.world());
  }
  // Of what is sent from now on.
  void set_bucket(int bucket) { bucket_ = bucket; }

  BackendKind backend() const override { return inner_.backend(); }
  int rank() const override { return inner_.rank(); }
  int size() const override { return inner_.size(); }
  bool occupies_device() const override { return inner_.occupies_device(); }
  bool takes_mean() const override { return inner_.takes_mean(); }
  at::Tensor allocate(std::int64_t elements, const at::TensorOptions& options) override {
    return inner_.allocate(elements, options);
  }
  bool shares_memory(at::Device device) const override { return inner_.shares_memory(device); }
  at::Tensor allocate_common(std::int64_t elements, const at::TensorOptions& options) override {
    return inner_.allocate_common(elements, options);
  }
  WorkPtr all_reduce(const at::Tensor& tensor, ReduceOp op) override;
  WorkPtr reduce(const at::Tensor& tensor, int root) override;
  WorkPtr reduce_scatter(const at::Tensor& output, const at::Tensor& input) override;
  WorkPtr all_gather(const at::Tensor& output, const at::Tensor& input) override;
  WorkPtr broadcast(const at::Tensor& tensor, int root) override;
  WorkPtr barrier() override;
  WorkPtr send(const at::Tensor& tensor, int to) override;
  WorkPtr recv(const at::Tensor& tensor, int from) override;
  WorkPtr exchange(const at::Tensor& sent, const at::Tensor& received, int peer) override;

 private:
  WorkPtr told(WorkPtr work) const;

  Communicator& inner_;
  const void* sender_;
  int bucket_ = -1;
};

}  // namespace lockstep
