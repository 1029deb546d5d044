#include "parallel/join.hpp"

namespace lockstep {

bool Join::next(bool has_batch) {
  has_batch_ = has_batch;
  torch::Tensor ranks =
      torch::full({1}, has_batch ? 1 : 0, torch::kInt32).to(ddp_.module().parameters().front().device());
  ddp_.communicator().all_reduce(ranks)->wait();
  const int with_batch = ranks.to(torch::kCPU).data_ptr<int>()[0];
  if (with_batch > 0) ddp_.reducer().set_contributors(with_batch);
  return with_batch > 0;
}

}  // namespace lockstep
