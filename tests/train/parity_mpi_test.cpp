// Correctness gates the numbers: parameters and running statistics after 50 SGD steps on N ranks equal those
// of sequential training.
#include "reference.hpp"

using namespace lockstep;
using namespace lockstep::test;

namespace {

State train_on_all(const RunConfig& config) { return state_of(*train(config, Mode::data_parallel, world())); }

}  // namespace

TEST_CASE("every model, with and without overlap, equals sequential training") {
  for (const Case& c : cases()) {
    RunConfig config = configure(c);
    const Reference reference(config);
    for (const Overlap overlap : {Overlap::during, Overlap::after}) {
      config.parallel.overlap = overlap;
      check_equal(name_of(c) + ", overlap " + name_of(overlap), reference, train_on_all(config));
    }
  }
}

TEST_CASE("a parameter server equals sequential training, whatever the rows of its batches") {
  const auto compare = [&](const std::string& what, RunConfig config) {
    const Reference reference(config);
    config.parallel.algorithm = Algorithm::parameter_server;
    check_equal(what + ", parameter server", reference, train_on_all(config));
  };
  for (const Case& c : cases()) compare(name_of(c), configure(c));
  RunConfig config = configure(case_of("transformer"));
  config.model.hyper.front() = hyper("dropout", "0.1");
  config.data.batching = Batching::length;
  config.training.global_batch = 24;  // 2 x any number of ranks divides it
  config.data.validation = 0;
  config.data.samples = 121;  // the last batch has one row
  config.training.accumulate = 2;
  config.training.grad_clip = 0.5;
  compare("transformer small, one row left", config);
}

TEST_CASE("bucket sizes do not matter") {
  RunConfig config = configure(case_of("mlp"));
  const Reference reference(config);
  for (const double mb : {1e-4, 0.1, 100.0}) {
    config.parallel.bucket_mb = config.parallel.first_bucket_mb = mb;
    check_equal("mlp, buckets of " + std::to_string(mb) + " MB", reference, train_on_all(config));
  }
}

TEST_CASE("accumulation equals one large batch") {
  for (const std::string model : {"mlp", "cnn", "transformer"}) {
    RunConfig config = configure(case_of(model));
    config.training.global_batch = 36;  // 3 x any number of ranks divides it
    const Reference reference(config);
    config.training.accumulate = 3;
    check_equal(model + ", accumulated", reference, train_on_all(config));
  }
}

TEST_CASE("a last batch that does not divide, and clipping, momentum and decay, change nothing") {
  RunConfig config = configure(case_of("mlp"));
  config.data.samples = 111;
  config.data.validation = 0.1;
  config.training.grad_clip = 0.5;
  config.training.optimizer.momentum = 0.9;
  config.training.optimizer.weight_decay = 1e-3;
  config.training.optimizer.lr = 0.01;
  check_equal("mlp, clipping, momentum, decay", Reference(config), train_on_all(config));
}

TEST_CASE("with dropout on, and batches of similar length, N ranks still equal one") {
  RunConfig config = configure(case_of("transformer"));
  config.model.hyper.front() = hyper("dropout", "0.1");
  config.data.batching = Batching::length;
  check_equal("transformer small, dropout", Reference(config), train_on_all(config));
}

TEST_CASE("a NaN in one rank's parameters, whichever rank's, is no distance that passes") {
  const RunConfig config = configure(case_of("mlp"));
  const Reference reference(config);
  const State trained = train_on_all(config);
  CHECK(reference.distance(trained) < kTolerance);
  for (int rank = 0; rank < world().size(); ++rank)
    for (const auto& [name, value] : trained) {
      State planted = trained;
      planted[name] = value.clone();
      if (rank == world().rank()) planted[name].view(-1)[value.numel() / 2] = kNotComparable;
      CHECK_FALSE(reference.distance(planted) < kTolerance);
    }
}

TEST_CASE("the same seed gives the same bits, another seed another run") {
  RunConfig config = configure(case_of("mlp"));
  const State first = train_on_all(config);
  CHECK(largest_difference(first, train_on_all(config)) == 0);
  config.run.seed = 43;
  CHECK(largest_difference(first, train_on_all(config)) > 1e-3);
}

// mpirun -np 2 test_parity "[growth]": how the sizes and learning rates of the cases were chosen. The first
// line is the published preset, of a size at which some pooled window or ReLU turns in every run.
TEST_CASE("the growth of rounding at other learning rates", "[.growth]") {
  std::vector<Case> all = {{"cnn", "cifar10", "synthetic_images", {}, {3, 32, 32}}};
  all.insert(all.end(), cases().begin(), cases().end());
  for (Case& c : all)
    for (const double lr : {0.05, 0.02, 0.01, 0.005, 0.001}) {
      c.lr = lr;
      const RunConfig config = configure(c);
      const Reference reference(config, 20);
      print_line(name_of(c) + " at " + std::to_string(lr), reference,
                 reference.distance(train_on_all(config)));
    }
}
