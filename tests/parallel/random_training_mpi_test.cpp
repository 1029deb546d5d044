// Random modules, trained by random sequences of what users do, on N ranks and alone on the whole batch: the
// gradients are the same bits. LOCKSTEP_RANDOM_RUNS and LOCKSTEP_RANDOM_SEED set how many, and the first
// seed.
#include <mpi.h>
#include <torch/optim/sgd.h>

#include <cstdlib>
#include <optional>

#include "parallel/distributed_data_parallel.hpp"
#include "parallel/random_module.hpp"
#include "support/catch.hpp"
#include "support/test_backend.hpp"

using namespace lockstep;

namespace {

using torch::Tensor;

constexpr std::int64_t kRows = 2;  // of each rank, in a pass

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const char* const text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

// One run: a module on all ranks, its twin alone, and what is done to both. Every rank throws the same dice.
class RandomRun {
 public:
  RandomRun(std::uint64_t seed, Communicator& communicator)
      : seed_(seed), dice_(seed), c_(communicator), spec_(ModuleSpec::random(dice_)) {
    const auto rank = static_cast<std::uint64_t>(c_.rank());
    alone_ = std::make_shared<RandomModule>(spec_, Dice(seed));
    net_ = std::make_shared<RandomModule>(spec_, Dice(seed + 1000003 * rank));  // rank 0's weights are to win
    choose_options();
    wrap();
    expect_shared();
  }

  // Empty when all went well; else what was wrong first.
  std::string run() {
    const int actions = 4 + dice_.below(6);
    for (int i = 0; i < actions; ++i) {
      change();
      if (dice_.one_in(6)) throw_in_a_pass();
      step();
    }
    return wrong_;
  }

 private:
  void choose_options() {
    if (!dice_.one_in(3)) options_.bucket_sizes = {1e-5, dice_.one_in(2) ? 1e-5 : 1e-4};
    options_.overlap = !dice_.one_in(5);
    options_.average = c_.size() != 3 && dice_.one_in(2);  // a third is not exact
    options_.broadcast_buffers = dice_.one_in(2);
    options_.static_graph = dice_.one_in(4);
    if (dice_.one_in(5)) options_.reduce_dtype = torch::kFloat64;
    if (!options_.reduce_dtype && dice_.one_in(4))
      options_.hook = [](const GradientBucket& bucket, Communicator& c) -> std::function<void()> {
        return [work = c.all_reduce(bucket.gradients)] { work->wait(); };
      };
  }

  void wrap() {
    ddp_.reset();
    ddp_.emplace(net_, c_, options_);
    optimizer_.emplace(net_->parameters(), torch::optim::SGDOptions(1));
  }

  void expect(bool good, const std::string& what) {
    if (!good && wrong_.empty()) wrong_ = what;
  }

  void expect_shared() {
    const auto mine = net_->named_buffers(), theirs = alone_->named_buffers();
    for (const auto& item : theirs)
      expect(torch::equal(mine[item.key()], item.value()), item.key() + " after wrapping");
    const auto left = net_->parameters(), right = alone_->parameters();
    for (std::size_t i = 0; i < left.size(); ++i)
      expect(torch::equal(left[i], right[i]), "a parameter after wrapping");
  }

  void zero(int kind) {
    if (kind == 0) ddp_->zero_grad();
    if (kind == 1) optimizer_->zero_grad();
    if (kind == 2) optimizer_->zero_grad(/*set_to_none=*/false);
    if (kind == 3) net_->zero_grad();
    if (kind < 4) alone_->zero_grad(/*set_to_none=*/kind != 2);
  }

  // What happens between steps, to both.
  void change() {
    if (dice_.one_in(6)) load();
    if (dice_.one_in(8)) ddp_->reducer().rebuild();
    if (dice_.one_in(12)) wrap();
    if (dice_.one_in(12)) convert();
    if (!options_.static_graph && dice_.one_in(3)) freeze_or_unfreeze();
  }

  // As torch::load does it.
  void load() {
    const torch::NoGradGuard no_grad;
    auto mine = net_->parameters(), theirs = alone_->parameters();
    for (std::size_t i = 0; i < mine.size(); ++i) {
      const Tensor values = dice_.whole(mine[i].sizes(), 1, mine[i].scalar_type());
      mine[i].set_(values.clone());
      theirs[i].set_(values.clone());
    }
  }

  // As Module::to does it, but for what is complex, which would lose its imaginary part.
  void convert() {
    for (RandomModule* module : {net_.get(), alone_.get()})
      for (Tensor& p : module->parameters())
        if (!p.is_complex()) p.set_data(p.to(torch::kFloat64));
    zero(0);
  }

  void freeze_or_unfreeze() {
    const auto layer = static_cast<std::size_t>(dice_.below(static_cast<int>(spec_.layers.size())));
    Tensor mine = net_->parameters()[layer], theirs = alone_->parameters()[layer];
    const bool trained = !mine.requires_grad();
    mine.requires_grad_(trained);
    theirs.requires_grad_(trained);
  }

  struct Batch {
    Tensor x, ids, weights;
  };
  Batch batch() {
    const std::int64_t rows = kRows * c_.size();
    return {dice_.whole({rows, RandomModule::kWidth}, 1), dice_.whole({rows}, 2, torch::kInt64) + 2,
            dice_.whole({rows, RandomModule::kWidth}, 1)};
  }

  static Tensor loss_of(RandomModule& net, const Batch& batch, int rank, bool checkpoints, bool throws) {
    const auto rows = [rank](const Tensor& t) { return t.narrow(0, kRows * rank, kRows); };
    return (net.forward(rows(batch.x), rows(batch.ids), {rank, checkpoints, throws}) * rows(batch.weights))
        .sum();
  }

  void pass_alone(const Batch& batch) {
    Tensor loss = torch::zeros({});
    for (int rank = 0; rank < c_.size(); ++rank)
      loss = loss + loss_of(*alone_, batch, rank, /*checkpoints=*/false, /*throws=*/false);
    loss.backward();
  }

  void pass(const Batch& batch, bool throws = false) {
    {
      const torch::NoGradGuard no_grad;
      net_->count().add_(c_.rank() + 1);
    }
    const Tensor loss = loss_of(*net_, batch, c_.rank(), /*checkpoints=*/true, throws);
    (options_.average ? loss * c_.size() : loss).backward();
  }

  void step() {
    // The gradients of reduced passes add up only where their mean is taken.
    zero(dice_.below(options_.average ? 5 : 4));
    for (int more = dice_.below(3); more > 0; --more) {
      const Batch extra = batch();
      const auto guard = ddp_->no_sync();
      if (dice_.one_in(2)) const auto inner = ddp_->no_sync();
      pass(extra);
      pass_alone(extra);
    }
    const Batch last = batch();
    pass(last);
    pass_alone(last);
    expect_same_gradients();
    update(*net_);
    update(*alone_);
    if (options_.broadcast_buffers) expect_count_of_root();
  }

  void expect_count_of_root() {
    if (c_.size() == 1) return;
    Tensor root = net_->count().clone().view({1});
    c_.broadcast(root, 0)->wait();
    expect(torch::equal(root.squeeze(), net_->count()), "the buffer that every rank counts in");
  }

  void throw_in_a_pass() {
    const Batch skipped = batch();
    bool thrown = false;
    try {
      pass(skipped, /*throws=*/true);
    } catch (const std::runtime_error& error) {
      thrown = std::string(error.what()).find("thrown by the test") != std::string::npos;
    }
    expect(thrown, "the exception");
    zero(dice_.below(2));
  }

  void expect_same_gradients() {
    const auto mine = net_->named_parameters(), theirs = alone_->named_parameters();
    for (const auto& item : theirs) {
      const Tensor left = mine[item.key()].grad(), right = item.value().grad();
      expect(left.defined() == right.defined(),
             item.key() + (left.defined() ? " has" : " lacks") + " a gradient");
      if (left.defined() && right.defined())
        expect(torch::equal(left.to_dense(), right.to_dense()), item.key() + "'s gradient");
    }
  }

  // Weights stay whole numbers from -1 to 1.
  static void update(RandomModule& module) {
    const torch::NoGradGuard no_grad;
    std::vector<const void*> done;
    for (Tensor& p : module.parameters()) {
      if (!p.grad().defined() || std::find(done.begin(), done.end(), p.unsafeGetTensorImpl()) != done.end())
        continue;
      done.push_back(p.unsafeGetTensorImpl());
      const Tensor moved = p - p.grad().to_dense().sgn();
      p.copy_(p.is_complex()
                  ? torch::complex(at::real(moved).clamp(-1, 1), torch::zeros_like(at::real(moved)))
                  : moved.clamp(-1, 1));
    }
  }

  std::uint64_t seed_;
  Dice dice_;
  Communicator& c_;
  ModuleSpec spec_;
  DistributedOptions options_;
  std::shared_ptr<RandomModule> net_, alone_;
  std::optional<DistributedDataParallel> ddp_;
  std::optional<torch::optim::SGD> optimizer_;
  std::string wrong_;
};

// A rank that fails in another way than by a wrong value would leave the others waiting.
std::string outcome_of(std::uint64_t seed, Communicator& communicator) {
  try {
    return RandomRun(seed, communicator).run();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "rank %d, seed %llu: %s\n", communicator.rank(),
                 static_cast<unsigned long long>(seed), std::string(error.what()).substr(0, 400).c_str());
    MPI_Abort(MPI_COMM_WORLD, 1);
    return {};
  }
}

}  // namespace

TEST_CASE("whatever is done to whatever module, N ranks have the gradients of one") {
  const auto communicator = test::make_test_communicator();
  const std::uint64_t runs = from_environment("LOCKSTEP_RANDOM_RUNS", 125);
  const std::uint64_t first = from_environment("LOCKSTEP_RANDOM_SEED", 1);
  for (std::uint64_t seed = first; seed < first + runs; ++seed) {
    const std::string wrong = outcome_of(seed, *communicator);
    INFO("LOCKSTEP_RANDOM_SEED=" << seed << " LOCKSTEP_RANDOM_RUNS=1: wrong on rank "
                                 << communicator->rank());
    CHECK(wrong == "");
  }
}
