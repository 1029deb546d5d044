// Rank 0's side of a run, in a folder that goes away with it.
#pragma once

#include <memory>

#include "record/run_output.hpp"
#include "reference.hpp"
#include "results/support.hpp"

namespace lockstep::test {

struct Output {
  Output() {
    if (world().rank() != 0) return;
    RunData start = sample_start();
    start.ranks.resize(static_cast<std::size_t>(world().size()), start.ranks.front());
    start.buckets = {};
    start.reduction.reset();
    writer = std::make_unique<RunWriter>(folder / "run.h5", start);
    progress = std::make_unique<Progress>("", /*quiet=*/true);
  }
  RunOutput where() const { return {writer.get(), progress.get(), world().rank() == 0 ? folder.path : ""}; }

  TemporaryFolder folder;
  std::unique_ptr<RunWriter> writer;
  std::unique_ptr<Progress> progress;
};

}  // namespace lockstep::test
