// model.kernels: by LibTorch's operations alone training has the same results up to rounding, on one rank and on several.
#include "nn/own_kernels.hpp"
#include "reference.hpp"

using namespace lockstep;
using namespace lockstep::test;

namespace {

RunConfig by_library(RunConfig config) {
  config.model.kernels = Kernels::library;
  return config;
}

// With its hyper-parameter "dropout" set anew.
RunConfig with_dropout(const std::string& model, const std::string& share) {
  Case c = case_of(model);
  std::erase_if(c.hyper, [](const Setting& s) { return s.key == "dropout"; });
  c.hyper.push_back(hyper("dropout", share));
  return configure(c);
}

}  // namespace

TEST_CASE("every model trains by LibTorch's operations alone as by our own kernels") {
  const auto alone = self_world();
  for (const Case& c : cases()) {
    const RunConfig config = configure(c);
    const Reference own(config);
    if (world().rank() == 0) CHECK(own_kernels());
    check_equal(name_of(c) + ", by the library", own,
                state_of(*train(by_library(config), Mode::sequential, *alone)));
    CHECK_FALSE(own_kernels());
  }
}

TEST_CASE("by LibTorch's operations alone several ranks equal one, dropout and embeddings included") {
  for (const std::string model : {"nbow", "transformer", "gpt"}) {
    const RunConfig config =
        by_library(model == "nbow" ? configure(case_of(model)) : with_dropout(model, "0.1"));
    const Reference reference(config);
    check_equal(model + ", by the library", reference,
                state_of(*train(config, Mode::data_parallel, world())));
  }
}
