// A communication hook: gradients compressed to rank 1 (PowerSGD) before they are summed.
//
//   mpirun -np 4 ddp_communication_hook
//
// A matrix of n x m numbers travels as n + m. What a step leaves out is added to the next one's gradient
// (error feedback), so that nothing is lost for good. Source: Vogels, Karimireddy and Jaggi 2019, algorithms
// 1 and 2.
#include <fmt/format.h>
#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/linear.h>
#include <torch/optim/sgd.h>

#include <map>

#include "comm/backends.hpp"
#include "launch/device_map.hpp"
#include "launch/session.hpp"
#include "parallel/distributed_data_parallel.hpp"

namespace {

using torch::Tensor;

class PowerSgd {
 public:
  // One round for all p = M q, one for all q = M' p: the second starts when the first has been summed.
  std::function<void()> operator()(const lockstep::GradientBucket& bucket, lockstep::Communicator& c) {
    std::vector<Matrix> matrices;
    std::vector<Tensor> parts;
    for (const Tensor& view : bucket.views) {
      if (view.dim() < 2) {
        parts.push_back(view.reshape({-1}));
        continue;
      }
      State& state = states_[view.data_ptr()];
      Matrix m{view, view.reshape({view.size(0), -1}), &state};
      if (!state.q.defined()) state.start(m.gradient);
      m.gradient = m.gradient + state.error;
      parts.push_back(m.gradient.mv(state.q));
      matrices.push_back(std::move(m));
    }
    const Tensor message = at::cat(parts);
    sent_ += message.numel();
    whole_ += bucket.gradients.numel();
    return [this, matrices, message, views = bucket.views, &c, work = c.all_reduce(message)]() mutable {
      work->wait();
      finish(matrices, message, views, c);
    };
  }

  double share() const { return static_cast<double>(sent_) / static_cast<double>(whole_); }

 private:
  struct State {
    Tensor q, error;
    void start(const Tensor& matrix) {
      q = torch::linspace(-1, 1, matrix.size(1), matrix.options());  // the same on every rank
      error = torch::zeros_like(matrix);
    }
  };
  struct Matrix {
    Tensor view, gradient;  // the bucket's memory; (n, m) with the error of the last step
    State* state;
  };

  void finish(std::vector<Matrix>& matrices, const Tensor& message, const std::vector<Tensor>& views,
              lockstep::Communicator& c) {
    const double ranks = c.size();
    std::vector<Tensor> sums = split(message, views);
    std::vector<Tensor> ps, qs;
    std::size_t next = 0;
    for (std::size_t i = 0; i < views.size(); ++i) {
      if (views[i].dim() < 2) {
        Tensor(views[i]).copy_(sums[i].view(views[i].sizes()));
        continue;
      }
      ps.push_back(sums[i] / (sums[i].norm() + 1e-12));
      qs.push_back(matrices[next++].gradient.t().mv(ps.back()));
    }
    if (matrices.empty()) return;
    const Tensor second = at::cat(qs);
    sent_ += second.numel();
    c.all_reduce(second)->wait();
    std::int64_t begin = 0;
    for (std::size_t i = 0; i < matrices.size(); ++i) {
      Matrix& m = matrices[i];
      m.state->q = second.narrow(0, begin, m.gradient.size(1)).clone();
      begin += m.gradient.size(1);
      const Tensor sum = at::outer(ps[i], m.state->q);
      m.state->error = m.gradient - sum / ranks;
      m.view.copy_(sum.view(m.view.sizes()));
    }
  }

  // The parts of the first message: n numbers of a matrix, all of anything else.
  static std::vector<Tensor> split(const Tensor& message, const std::vector<Tensor>& views) {
    std::vector<Tensor> parts;
    std::int64_t begin = 0;
    for (const Tensor& view : views) {
      const std::int64_t length = view.dim() < 2 ? view.numel() : view.size(0);
      parts.push_back(message.narrow(0, begin, length));
      begin += length;
    }
    return parts;
  }

  std::map<void*, State> states_;
  std::int64_t sent_ = 0, whole_ = 0;
};

lockstep::ExitCode fit(lockstep::World& world) {
  using lockstep::BackendKind;
  const torch::Device device =
      lockstep::choose_device(lockstep::DeviceKind::automatic, BackendKind::automatic, world);
  const auto communicator = lockstep::make_communicator(BackendKind::automatic, device, world);
  torch::nn::Sequential net(torch::nn::Linear(1, 64), torch::nn::Tanh(), torch::nn::Linear(64, 64),
                            torch::nn::Tanh(), torch::nn::Linear(64, 1));
  net->to(device);
  PowerSgd power_sgd;
  lockstep::DistributedOptions options;
  options.hook = [&](const lockstep::GradientBucket& bucket, lockstep::Communicator& c) {
    return power_sgd(bucket, c);
  };
  lockstep::DistributedDataParallel ddp(net.ptr(), *communicator, options);
  torch::optim::SGD optimizer(net->parameters(), torch::optim::SGDOptions(0.05).momentum(0.9));

  torch::manual_seed(1 + world.rank());
  float first = 0, last = 0;
  for (int step = 0; step < 600; ++step) {
    const Tensor x = torch::rand({32, 1}, device) * 6 - 3;
    const Tensor loss = (net->forward(x) - x.sin()).square().mean();
    optimizer.zero_grad();
    loss.backward();
    optimizer.step();
    if (step == 0) first = loss.item<float>();
    last = loss.item<float>();
  }
  const bool fell = last < first / 5;
  if (world.rank() == 0)
    fmt::print("{} ranks, {:.0f} % of the numbers sent: loss {} from {:.4f} to {:.4f}\n", world.size(),
               world.size() == 1 ? 0.0 : 100 * power_sgd.share(), fell ? "fell" : "did not fall", first,
               last);
  return fell ? lockstep::ExitCode::done : lockstep::ExitCode::failed;
}

}  // namespace

int main(int argc, char** argv) { return lockstep::run_main(argc, argv, lockstep::UseMpi::yes, fit); }
