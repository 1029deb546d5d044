// PipelineRunner: under every schedule a chain of layers split over the ranks gives the gradients, the loss
// and the output of the chain in one piece.
#include "parallel/pipeline_runner.hpp"

#include <mpi.h>

#include "comm/mpi_communicator.hpp"
#include "nn/dense.hpp"
#include "support.hpp"

using namespace lockstep;

namespace {

constexpr std::int64_t kWidth = 6, kRows = 3;

struct Ranks {
  Ranks() {
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
  }
  int rank = 0, size = 1;
};

// The same on every rank; two layers a chunk.
std::shared_ptr<Model> chain(int chunks) {
  torch::manual_seed(11);
  auto model = std::make_shared<Model>("chain");
  for (int i = 0; i < 2 * chunks; ++i)
    model->append(
        "layer" + std::to_string(i),
        std::make_shared<DenseLayer>(kWidth, kWidth, i % 2 == 0 ? Activation::relu : Activation::none));
  return model;
}

std::vector<MicroBatch> micro_batches(int count) {
  torch::manual_seed(12);
  std::vector<MicroBatch> batches;
  for (int i = 0; i < count; ++i) batches.push_back({{torch::rand({kRows, kWidth})}, {kRows}});
  return batches;
}

// Weighted, so that micro-batches that change places show.
torch::Tensor loss_of(const torch::Tensor& output, int micro_batch) {
  return output.square().mean() * (micro_batch + 1);
}

class Host final : public PipelineHost {
 public:
  void computing(const Action& action) override { done.push_back(action); }
  void waiting() override {}
  Flow forward(Model& chunk, Flow inputs) override { return chunk.flow(std::move(inputs)); }
  torch::Tensor loss(const torch::Tensor& output, int micro_batch) override {
    return loss_of(output, micro_batch);
  }
  std::vector<Action> done;
};

// One stage's runner and what it works with.
struct Stage {
  Stage(PipelineSchedule kind, int chunks_per_stage)
      : whole(chain(ranks.size * chunks_per_stage)),
        schedule(make_schedule(kind, ranks.size, 2 * ranks.size, chunks_per_stage)),
        down(make_mpi_communicator(MPI_COMM_WORLD)),
        up(make_mpi_communicator(MPI_COMM_WORLD)) {
    const std::span<const Model::Entry> layers(whole->layers());
    for (int c = 0; c < chunks_per_stage; ++c)
      chunks.push_back(std::make_shared<Model>("chunk", layers.subspan(first_layer(c), 2),
                                               whole->shared_dropout_context()));
    runner = std::make_unique<PipelineRunner>(chunks, schedule,
                                              PipelineLinks{{down.get()}, {up.get()}, down.get()}, nullptr);
  }
  std::size_t first_layer(int chunk) const {
    return 2 * static_cast<std::size_t>(chunk * ranks.size + ranks.rank);
  }
  bool is_last() const { return ranks.rank + 1 == ranks.size; }

  Ranks ranks;
  std::shared_ptr<Model> whole;
  StageActions schedule;
  std::vector<std::shared_ptr<Model>> chunks;
  std::unique_ptr<Communicator> down, up;
  std::unique_ptr<PipelineRunner> runner;
};

// Of a chain of its own that is never cut.
struct Expected {
  Expected(int chunks, const std::vector<MicroBatch>& batches) : model(chain(chunks)) {
    for (std::size_t m = 0; m < batches.size(); ++m) {
      const torch::Tensor one = loss_of(model->forward(batches[m].inputs), static_cast<int>(m));
      one.backward();
      loss += one.item<double>();
    }
  }
  std::shared_ptr<Model> model;
  double loss = 0;
};

void check_stage(Stage& stage, const Expected& expected, const torch::Tensor& loss) {
  CHECK(loss.defined() == stage.is_last());
  if (loss.defined()) CHECK(loss.item<double>() == Approx(expected.loss).epsilon(1e-6));
  for (std::size_t c = 0; c < stage.chunks.size(); ++c)
    for (std::size_t l = 0; l < 2; ++l) {
      const auto mine = stage.chunks[c]->layers()[l].layer->parameters();
      const auto theirs =
          expected.model->layers()[stage.first_layer(static_cast<int>(c)) + l].layer->parameters();
      for (std::size_t p = 0; p < mine.size(); ++p)
        CHECK(at::allclose(mine[p].grad(), theirs[p].grad(), /*rtol=*/1e-5, /*atol=*/1e-7));
    }
}

}  // namespace

TEST_CASE("every schedule gives the gradients, the loss and the output of the whole model") {
  for (const auto kind : {PipelineSchedule::layerwise, PipelineSchedule::gpipe, PipelineSchedule::one_f_one_b,
                          PipelineSchedule::interleaved}) {
    CAPTURE(name_of(kind));
    const int chunks = kind == PipelineSchedule::interleaved ? 2 : 1;
    Stage stage(kind, chunks);
    const std::vector<MicroBatch> batches = micro_batches(2 * stage.ranks.size);
    const Expected expected(chunks * stage.ranks.size, batches);
    Host host;
    check_stage(stage, expected, stage.runner->train(batches, host));
    const bool in_order = host.done == stage.schedule[static_cast<std::size_t>(stage.ranks.rank)];
    CHECK(in_order);

    const torch::NoGradGuard no_grad;
    const torch::Tensor output = stage.runner->evaluate(batches[0], host);
    CHECK(output.defined() == stage.is_last());
    if (output.defined()) CHECK(at::allclose(output, expected.model->forward(batches[0].inputs)));
    stage.runner->require_quiet();
  }
}

TEST_CASE("shapes are learnt anew when the batches change, and steps repeat") {
  Stage stage(PipelineSchedule::gpipe, 1);
  const int count = 2 * stage.ranks.size;
  std::vector<MicroBatch> batches = micro_batches(count), small = batches;
  for (MicroBatch& batch : small) batch = {{batch.inputs[0].narrow(0, 0, 1)}, {1}};
  Host host;
  for (const auto* now : {&batches, &small, &batches}) {
    for (const auto& chunk : stage.chunks) chunk->zero_grad();
    const torch::Tensor loss = stage.runner->train(*now, host);
    check_stage(stage, Expected(stage.ranks.size, *now), loss);
  }
  stage.runner->require_quiet();
}
