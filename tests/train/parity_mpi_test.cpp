// Correctness gates the numbers: parameters after 50 SGD steps on N ranks equal those of sequential training.
#include "parity.hpp"

#include <mpi.h>

#include "comm/mpi_communicator.hpp"
#include "comm/self_communicator.hpp"
#include "support/catch.hpp"

using namespace lockstep;
using namespace lockstep::test;

namespace {

std::vector<torch::Tensor> train(const RunConfig& config, Communicator& communicator) {
  return train_replicated(config, communicator)->parameters();
}

double largest_difference(const std::vector<torch::Tensor>& a, const std::vector<torch::Tensor>& b) {
  double largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    largest = std::max(largest, (a[i] - b[i]).abs().max().item<double>());
  return largest;
}

std::vector<torch::Tensor> train_alone(const RunConfig& config) {
  const auto self = make_self_communicator();
  return train(config, *self);
}

}  // namespace

TEST_CASE("every model, with and without overlap, equals sequential training") {
  const auto communicator = make_mpi_communicator(MPI_COMM_WORLD);
  for (const Case& c : cases()) {
    RunConfig config = configure(c);
    const auto expected = train_alone(config);
    for (const bool overlap : {true, false}) {
      CAPTURE(c.model, c.preset, overlap);
      config.parallel.overlap = overlap;
      CHECK(largest_difference(expected, train(config, *communicator)) < kTolerance);
    }
  }
}

TEST_CASE("a parameter server equals sequential training, whatever the rows of its batches") {
  const auto communicator = make_mpi_communicator(MPI_COMM_WORLD);
  for (const Case& c : cases()) {
    CAPTURE(c.model, c.preset);
    RunConfig config = configure(c);
    // Rounding alone can turn one pooled pixel, and at 0.05 that shows.
    if (c.preset == "cifar10") config.training.optimizer.lr = 0.001;
    const auto expected = train_alone(config);
    config.parallel.algorithm = Algorithm::parameter_server;
    CHECK(largest_difference(expected, train(config, *communicator)) < kTolerance);
  }
  RunConfig config = configure(case_of("transformer"));
  config.model.hyper = {hyper("dropout", "0.1")};
  config.data.batching = Batching::length;
  config.data.samples = 109;  // the last batch has one row
  config.training.accumulate = 2;
  config.training.grad_clip = 0.5;
  const auto expected = train_alone(config);
  config.parallel.algorithm = Algorithm::parameter_server;
  CHECK(largest_difference(expected, train(config, *communicator)) < kTolerance);
}

TEST_CASE("bucket sizes do not matter") {
  const auto communicator = make_mpi_communicator(MPI_COMM_WORLD);
  RunConfig config = configure(case_of("mlp"));
  const auto expected = train_alone(config);
  for (const double mb : {1e-4, 0.1, 100.0}) {
    CAPTURE(mb);
    config.parallel.bucket_mb = config.parallel.first_bucket_mb = mb;
    CHECK(largest_difference(expected, train(config, *communicator)) < kTolerance);
  }
}

TEST_CASE("accumulation equals one large batch") {
  const auto communicator = make_mpi_communicator(MPI_COMM_WORLD);
  for (const std::string model : {"mlp", "cnn", "transformer"}) {
    RunConfig config = configure(case_of(model));
    const auto expected = train_alone(config);
    config.training.accumulate = 3;
    CAPTURE(model);
    CHECK(largest_difference(expected, train(config, *communicator)) < kTolerance);
  }
}

TEST_CASE("a last batch that does not divide, and clipping, momentum and decay, change nothing") {
  const auto communicator = make_mpi_communicator(MPI_COMM_WORLD);
  RunConfig config = configure(case_of("mlp"));
  config.data.samples = 111;
  config.data.validation = 0.1;
  config.training.grad_clip = 0.5;
  config.training.optimizer.momentum = 0.9;
  config.training.optimizer.weight_decay = 1e-3;
  config.training.optimizer.lr = 0.01;
  CHECK(largest_difference(train_alone(config), train(config, *communicator)) < kTolerance);
}

TEST_CASE("with dropout on, and batches of similar length, N ranks still equal one") {
  const auto communicator = make_mpi_communicator(MPI_COMM_WORLD);
  for (const std::string model : {"transformer"}) {
    CAPTURE(model);
    RunConfig config = configure(case_of(model));
    config.model.hyper = {hyper("dropout", "0.1")};
    config.data.batching = Batching::length;
    CHECK(largest_difference(train_alone(config), train(config, *communicator)) < kTolerance);
  }
}

TEST_CASE("the same seed gives the same bits, another seed another run") {
  const auto communicator = make_mpi_communicator(MPI_COMM_WORLD);
  RunConfig config = configure(case_of("mlp"));
  const auto first = train(config, *communicator);
  CHECK(largest_difference(first, train(config, *communicator)) == 0);
  config.run.seed = 43;
  CHECK(largest_difference(first, train(config, *communicator)) > 1e-3);
}
