#include "parallel/observed_communicator.hpp"

#include <utility>

#include "comm/comm_observer.hpp"

namespace lockstep {

WorkPtr ObservedCommunicator::told(WorkPtr work) const {
  return observed(inner_, std::move(work), sender_, bucket_);
}

WorkPtr ObservedCommunicator::all_reduce(const at::Tensor& tensor, ReduceOp op) {
  return told(inner_.all_reduce(tensor, op));
}
WorkPtr ObservedCommunicator::reduce(const at::Tensor& tensor, int root) {
  return told(inner_.reduce(tensor, root));
}
WorkPtr ObservedCommunicator::reduce_scatter(const at::Tensor& output, const at::Tensor& input) {
  return told(inner_.reduce_scatter(output, input));
}
WorkPtr ObservedCommunicator::all_gather(const at::Tensor& output, const at::Tensor& input) {
  return told(inner_.all_gather(output, input));
}
WorkPtr ObservedCommunicator::broadcast(const at::Tensor& tensor, int root) {
  return told(inner_.broadcast(tensor, root));
}
WorkPtr ObservedCommunicator::barrier() { return told(inner_.barrier()); }
WorkPtr ObservedCommunicator::send(const at::Tensor& tensor, int to) { return told(inner_.send(tensor, to)); }
WorkPtr ObservedCommunicator::recv(const at::Tensor& tensor, int from) {
  return told(inner_.recv(tensor, from));
}
WorkPtr ObservedCommunicator::exchange(const at::Tensor& sent, const at::Tensor& received, int peer) {
  return told(inner_.exchange(sent, received, peer));
}

}  // namespace lockstep
