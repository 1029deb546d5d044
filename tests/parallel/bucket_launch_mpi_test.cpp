// When a bucket's all-reduce is launched: from the hooks, as soon as its gradients are complete, and in the
// same order on every rank, whatever the order in which gradients become ready there.
#include <mpi.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/nn/modules/linear.h>

#include "parallel/distributed_data_parallel.hpp"
#include "parallel/gradient_reducer.hpp"
#include "support/catch.hpp"
#include "support/test_backend.hpp"

using namespace lockstep;

namespace {

using torch::Tensor;

// Passes all on to MPI, and notes the all-reduces, and what else happens, as it comes.
class NotingCommunicator final : public Communicator {
 public:
  std::vector<std::string> notes;

  BackendKind backend() const override { return mpi_->backend(); }
  int rank() const override { return mpi_->rank(); }
  int size() const override { return mpi_->size(); }
  WorkPtr all_reduce(const Tensor& t, ReduceOp op) override {
    notes.push_back("reduce " + std::to_string(t.numel()));
    return mpi_->all_reduce(t, op);
  }
  WorkPtr reduce(const Tensor& t, int root) override { return mpi_->reduce(t, root); }
  WorkPtr reduce_scatter(const Tensor& out, const Tensor& in) override {
    return mpi_->reduce_scatter(out, in);
  }
  WorkPtr all_gather(const Tensor& out, const Tensor& in) override { return mpi_->all_gather(out, in); }
  WorkPtr broadcast(const Tensor& t, int root) override { return mpi_->broadcast(t, root); }
  WorkPtr barrier() override { return mpi_->barrier(); }
  WorkPtr send(const Tensor& t, int to) override { return mpi_->send(t, to); }
  WorkPtr recv(const Tensor& t, int from) override { return mpi_->recv(t, from); }
  WorkPtr exchange(const Tensor& out, const Tensor& in, int peer) override {
    return mpi_->exchange(out, in, peer);
  }

 private:
  std::unique_ptr<Communicator> mpi_ = test::make_test_communicator();
};

// Notes when the backward pass comes by.
struct Milestone : torch::autograd::Function<Milestone> {
  static Tensor forward(torch::autograd::AutogradContext* context, const Tensor& h, std::int64_t notes,
                        const std::string& name) {
    context->saved_data["notes"] = notes;
    context->saved_data["name"] = name;
    return h.clone();
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& gradients) {
    auto& notes = *reinterpret_cast<std::vector<std::string>*>(context->saved_data["notes"].toInt());
    notes.push_back(context->saved_data["name"].toStringRef());
    return {gradients[0], Tensor(), Tensor()};
  }
};

// Three layers without biases: 35, 20 and 4 weights. A bucket each has 48, 32 and 16, for it is filled up to
// whole 16s.
struct Net : torch::nn::Module {
  torch::nn::Linear a{register_module("a", linear(7, 5))};
  torch::nn::Linear b{register_module("b", linear(5, 4))};
  torch::nn::Linear c{register_module("c", linear(4, 1))};
  static torch::nn::Linear linear(std::int64_t in, std::int64_t out) {
    return torch::nn::Linear(torch::nn::LinearOptions(in, out).bias(false));
  }
  Tensor forward(const Tensor& x, std::vector<std::string>& notes, bool with_b = true) {
    const auto at = reinterpret_cast<std::int64_t>(&notes);
    Tensor h = Milestone::apply(a->forward(x), at, "before a");
    h = with_b ? b->forward(h) : h.narrow(1, 0, 4);
    return c->forward(Milestone::apply(h, at, "before b"));
  }
};

constexpr BucketSizes kBucketEach = {1e-6, 1e-6};
using Notes = std::vector<std::string>;

// Of one backward pass and finish().
template <typename Reducer>
Notes notes_of_step(NotingCommunicator& c, Net& net, Reducer& reducer, bool with_b = true) {
  c.notes.clear();
  net.forward(torch::ones({2, 7}), c.notes, with_b).sum().backward();
  c.notes.emplace_back("backward is over");
  reducer.finish();
  return c.notes;
}

}  // namespace

TEST_CASE("a bucket is launched while backward goes on, as soon as it is complete") {
  NotingCommunicator c;
  Net net;
  GradientReducer reducer(trainable_parameters(net), c, {.bucket_sizes = kBucketEach});
  CHECK(notes_of_step(c, net, reducer) ==
        Notes{"reduce 16", "before b", "reduce 32", "before a", "reduce 48", "backward is over"});
}

TEST_CASE("without overlap every bucket waits for the end of backward") {
  NotingCommunicator c;
  Net net;
  GradientReducer reducer(trainable_parameters(net), c, {.bucket_sizes = kBucketEach, .overlap = false});
  CHECK(notes_of_step(c, net, reducer) ==
        Notes{"before b", "before a", "backward is over", "reduce 16", "reduce 32", "reduce 48"});
}

TEST_CASE("a bucket that is complete waits for those before it, which a rank may lack") {
  NotingCommunicator c;
  Net net;
  GradientReducer reducer(trainable_parameters(net), c, {.bucket_sizes = kBucketEach});
  const bool has_b = c.rank() != c.size() - 1;
  CHECK(notes_of_step(c, net, reducer, has_b) ==
        (has_b ? Notes{"reduce 16", "before b", "reduce 32", "before a", "reduce 48", "backward is over"}
               : Notes{"reduce 16", "before b", "before a", "backward is over", "reduce 32", "reduce 48"}));
}

TEST_CASE("passes that only accumulate launch nothing") {
  NotingCommunicator c;
  Net net;
  GradientReducer reducer(trainable_parameters(net), c, {.bucket_sizes = kBucketEach});
  reducer.set_synchronising(false);
  net.forward(torch::ones({2, 7}), c.notes).sum().backward();
  CHECK(c.notes == Notes{"before b", "before a"});
  reducer.set_synchronising(true);
  CHECK(notes_of_step(c, net, reducer).size() == 6);
}

TEST_CASE("one bucket of all is launched once, when the last gradient has come") {
  NotingCommunicator c;
  Net net;
  GradientReducer reducer(trainable_parameters(net), c, {});
  CHECK(notes_of_step(c, net, reducer) == Notes{"before b", "before a", "reduce 96", "backward is over"});
}
