// Checkpoints between the model and its file: every type of tensor comes back bit by bit, and what does not
// fit is named.
#include "train/checkpoint.hpp"

#include <ATen/ops/rand.h>

#include <filesystem>
#include <fstream>

#include "base/error.hpp"
#include "comm/self_communicator.hpp"
#include "parallel/distributed_data_parallel.hpp"
#include "parallel/gradient_reducer.hpp"
#include "results/support.hpp"
#include "support/catch.hpp"

using namespace lockstep;

namespace {

// A parameter, and buffers of all types that a checkpoint holds.
struct OddLayer : Layer {
  explicit OddLayer(std::int64_t rows) {
    weight = register_parameter("weight", torch::rand({rows, 3}));
    for (const auto type : {torch::kFloat64, torch::kBFloat16, torch::kFloat16, torch::kInt64, torch::kInt32,
                            torch::kInt16, torch::kInt8, torch::kUInt8, torch::kBool})
      register_buffer(std::string("b_") + c10::toString(type), torch::rand({2, 5}).mul(9).to(type));
    register_buffer("scalar", torch::rand({}).mul(1e6).to(torch::kInt64));
    register_buffer("nothing", torch::empty({3, 0}));
    register_buffer("turned", torch::rand({4, 2}).t());
  }
  Flow forward(Flow inputs) override { return {at::linear(inputs[0], weight)}; }
  double forward_flops() const override { return 0; }
  torch::Tensor weight;
};

// A model and its optimizer.
struct Trained {
  explicit Trained(std::int64_t rows, RunConfig::Optimizer options = {}, bool train = true) : model("odd") {
    model.append("odd", std::make_shared<OddLayer>(rows));
    reducer = std::make_unique<GradientReducer>(trainable_parameters(model), *communicator,
                                                ReducerOptions{.bucket_sizes = {1e-4, 1e-4}});
    optimizer = std::make_unique<FlatOptimizer>(options, reducer->buckets());
    if (!train) return;
    for (int step = 0; step < 3; ++step) {
      reducer->zero_gradients();
      model.forward(torch::rand({7, 3})).square().mean().backward();
      reducer->finish();
      optimizer->step(0.1);
    }
  }
  std::string save(const std::string& folder) const {
    const CheckpointFacts facts{.run = "u",
                                .epochs_done = 1,
                                .steps_done = 3,
                                .total_steps = 9,
                                .global_batch = 7,
                                .data_digest = "d",
                                .settings = {{"run.seed", "1"}}};
    save_checkpoint(folder, facts, 2, checkpoint_tensors(model, optimizer->moments(), {}).tensors);
    return folder + "/epoch_000001.safetensors";
  }
  std::set<std::string> load(const std::string& path) { return Checkpoint(path).load(model, *optimizer, {}); }

  Model model;
  std::unique_ptr<Communicator> communicator = make_self_communicator();
  std::unique_ptr<GradientReducer> reducer;
  std::unique_ptr<FlatOptimizer> optimizer;
};

bool same_bits(const torch::Tensor& a, const torch::Tensor& b) {
  const torch::Tensor x = a.contiguous(), y = b.contiguous();
  return x.scalar_type() == y.scalar_type() && x.sizes() == y.sizes() &&
         std::string_view(static_cast<const char*>(x.const_data_ptr()), x.nbytes()) ==
             std::string_view(static_cast<const char*>(y.const_data_ptr()), y.nbytes());
}

const RunConfig::Optimizer kMomentum{.name = OptimizerKind::sgd, .momentum = 0.9};

}  // namespace

TEST_CASE("a checkpoint gives back every tensor and the optimizer's state") {
  torch::manual_seed(1);
  const TemporaryFolder folder;
  for (const RunConfig::Optimizer& options : {RunConfig::Optimizer{}, kMomentum}) {
    Trained before(4, options);
    const std::string path = before.save(folder.path);
    Trained after(4, options, false);
    const Checkpoint checkpoint(path);
    checkpoint.require_all_taken(checkpoint.load(after.model, *after.optimizer, {}));
    CHECK(checkpoint.facts().steps_done == 3);
    CHECK(checkpoint.facts().settings.at("run.seed") == "1");
    CHECK(after.optimizer->steps() == 3);
    CHECK(same_bits(before.model.parameters()[0], after.model.parameters()[0]));
    const auto wanted = before.model.named_buffers(), got = after.model.named_buffers();
    REQUIRE(got.size() == 12);
    for (const auto& buffer : wanted) CHECK(same_bits(buffer.value(), got[buffer.key()]));
    const auto moments = before.optimizer->moments(), restored = after.optimizer->moments();
    REQUIRE(moments.size() == restored.size());
    for (std::size_t m = 0; m < moments.size(); ++m) CHECK(same_bits(moments[m].values, restored[m].values));
    CHECK(moments[0].values.abs().max().item<float>() > 0);
  }
}

TEST_CASE("a checkpoint of another model or optimizer is refused with the tensor's name") {
  torch::manual_seed(1);
  const TemporaryFolder folder;
  const std::string path = Trained(4).save(folder.path);
  Trained wider(5, {}, false), other(4, kMomentum, false);
  CHECK_THROWS_WITH(wider.load(path),
                    path +
                        ": tensor 'parameter/odd.weight' is F32 [4, 3], not F32 [5, 3]: it belongs to "
                        "another model");
  const std::set<std::string> taken = other.load(path);
  CHECK_THROWS_WITH(
      Checkpoint(path).require_all_taken(taken),
      path +
          ": has a tensor 'optimizer/second_moment/odd.weight', for which there is no place: it belongs to "
          "another model or optimizer");
  const std::string less = Trained(4, kMomentum).save(folder.path);
  Trained adam(4, {}, false);
  CHECK_THROWS_WITH(
      adam.load(less),
      path +
          ": has no tensor 'optimizer/second_moment/odd.weight': it belongs to another model or "
          "optimizer");
}

TEST_CASE("a truth value that is neither is refused, and so is a checkpoint of a later format") {
  const TemporaryFolder folder;
  const std::string path = Trained(4).save(folder.path);
  const auto rewrite = [&](const auto& change) {
    std::ifstream in(path, std::ios::binary);
    const std::string file(std::istreambuf_iterator<char>(in), {});
    TensorTexts texts;
    std::vector<TensorBytes> tensors = decode_tensors(file, &texts);
    change(tensors, texts);
    std::ofstream(path, std::ios::binary) << encode_tensors(tensors, texts);
  };
  const std::string twos(10, '\2');
  rewrite([&](auto& tensors, auto&) {
    for (TensorBytes& tensor : tensors)
      if (tensor.dtype == "BOOL") tensor.bytes = twos;
  });
  Trained after(4, {}, false);
  CHECK_THROWS_WITH(after.load(path),
                    Catch::Contains("tensor 'buffer/odd.b_Bool' is neither true nor false somewhere"));
  rewrite([](auto&, TensorTexts& texts) { texts["lockstep_checkpoint"] = "3"; });
  CHECK_THROWS_WITH(Checkpoint(path),
                    path + ": a checkpoint of format 3; this version reads the formats 1 and 2");
  rewrite([](auto&, TensorTexts& texts) {
    texts["lockstep_checkpoint"] = "1";
    texts["steps_done"] = "-3";
  });
  CHECK_THROWS_WITH(Checkpoint(path), Catch::Contains("its 'steps_done' is not a number"));
}

TEST_CASE("parts of several ranks make one checkpoint, and a tied weight is in it once") {
  const TemporaryFolder folder;
  Trained model(4);
  const CheckpointTensors all = checkpoint_tensors(model.model, model.optimizer->moments(), {});
  const std::string part = encode_tensors(all.tensors, {});
  CHECK(merge_parts({part, "", part}).size() == all.tensors.size());
  const Aliases tied = {{"odd.weight", "elsewhere.weight"}};
  CHECK(checkpoint_tensors(model.model, model.optimizer->moments(), tied).tensors.size() ==
        all.tensors.size() - 3);
}

TEST_CASE("the newest checkpoints are kept, by their number, and no other file is touched") {
  const TemporaryFolder folder;
  const std::string in = folder / "checkpoint";
  std::filesystem::create_directory(in);
  std::ofstream(in + "/best.safetensors") << "a copy of the user's";
  for (const std::int64_t epochs : {9, 10, 999'999, 1'000'000})
    save_checkpoint(in, {.run = "u", .epochs_done = epochs, .data_digest = "", .settings = {}}, 2, {});
  CHECK(find_checkpoint(folder.path) == in + "/epoch_1000000.safetensors");
  CHECK(std::filesystem::exists(in + "/epoch_999999.safetensors"));
  CHECK_FALSE(std::filesystem::exists(in + "/epoch_000010.safetensors"));
  CHECK(std::filesystem::exists(in + "/best.safetensors"));
  CHECK(find_checkpoint(in + "/epoch_999999.safetensors") == in + "/epoch_999999.safetensors");
  CHECK(resumed_config(in + "/epoch_999999.safetensors") == folder / "config.yaml");
  CHECK(resumed_config(folder.path) == folder / "config.yaml");
}

TEST_CASE("a checkpoint within an epoch lies between those of whole epochs") {
  const TemporaryFolder folder;
  const std::string in = folder / "checkpoint";
  const auto save = [&](std::int64_t epochs, std::int64_t steps, bool within) {
    return save_checkpoint(in,
                           {.run = "u",
                            .epochs_done = epochs,
                            .steps_done = steps,
                            .within_epoch = within,
                            .data_digest = "",
                            .settings = {}},
                           3, {});
  };
  CHECK(save(1, 10, false) == in + "/epoch_000001.safetensors");
  CHECK(save(1, 17, true) == in + "/epoch_000001_step_00000017.safetensors");
  CHECK(save(1, 19, true) == in + "/epoch_000001_step_00000019.safetensors");
  CHECK(find_checkpoint(folder.path) == in + "/epoch_000001_step_00000019.safetensors");
  save(2, 20, false);
  CHECK(find_checkpoint(folder.path) == in + "/epoch_000002.safetensors");
  CHECK_FALSE(std::filesystem::exists(in + "/epoch_000001.safetensors"));
  CHECK(std::filesystem::exists(in + "/epoch_000001_step_00000017.safetensors"));
  std::filesystem::resize_file(in + "/epoch_000002.safetensors", 9);
  CHECK_THROWS_WITH(Checkpoint(in + "/epoch_000002.safetensors"),
                    Catch::Contains("--resume " + in + "/epoch_000001_step_00000019.safetensors"));
}

TEST_CASE("columns and facts of a checkpoint come back as they were") {
  const TemporaryFolder folder;
  const std::vector<double> reals = {1.0 / 3, -0.0};
  const std::vector<std::int64_t> numbers = {-1, std::int64_t{1} << 62};
  CheckpointTensors tensors;
  tensors.add("epoch/loss", std::span<const double>(reals));
  tensors.add("rank/0/bucket_order", std::span<const std::int64_t>(numbers));
  tensors.add("rank/0/host_generator", std::span<const char>(std::string("\0\xff", 2)));
  CheckpointTensors moved = std::move(tensors);
  const std::string path = save_checkpoint(folder.path,
                                           {.run = "u",
                                            .epochs_done = 3,
                                            .steps_done = 31,
                                            .within_epoch = true,
                                            .data_digest = "",
                                            .mode = "ddp",
                                            .ranks = 4,
                                            .order_learnt = true,
                                            .reduction = Reduction{Overlap::after, 0.1},
                                            .invalid_reasons = {"one", "two"},
                                            .settings = {}},
                                           2, moved.tensors);
  const Checkpoint checkpoint(path);
  CHECK(checkpoint.facts().within_epoch);
  CHECK(checkpoint.facts().mode == "ddp");
  CHECK(checkpoint.facts().ranks == 4);
  CHECK(checkpoint.facts().order_learnt);
  CHECK((checkpoint.facts().reduction == Reduction{Overlap::after, 0.1}));
  CHECK(checkpoint.facts().invalid_reasons == std::vector<std::string>{"one", "two"});
  CHECK(checkpoint.column<double>("epoch/loss") == reals);
  CHECK(checkpoint.column<std::int64_t>("rank/0/bucket_order") == numbers);
  CHECK(checkpoint.column<char>("rank/0/host_generator") == std::vector<char>{'\0', '\xff'});
  CHECK(checkpoint.column<char>("rank/1/host_generator").empty());
  CHECK_THROWS_WITH(checkpoint.column<double>("rank/0/bucket_order"),
                    Catch::Contains("'rank/0/bucket_order' is not a column of F64"));
  checkpoint.require_all_taken({});
}

TEST_CASE("what --resume names without a checkpoint is refused, with what to do") {
  const TemporaryFolder folder;
  CHECK_THROWS_WITH(find_checkpoint(folder / "nowhere"),
                    "--resume " + (folder / "nowhere") + ": there is no such run folder or checkpoint");
  const std::string none = folder.path + ": no checkpoint to resume from; set checkpoint.every_epochs, ";
  CHECK_THROWS_WITH(find_checkpoint(folder.path), Catch::Contains(none));
  const std::string in = folder / "checkpoint";
  std::filesystem::create_directory(in);
  std::ofstream(in + "/epoch_x.safetensors") << "a name that is not ours";
  CHECK_THROWS_WITH(find_checkpoint(folder.path), Catch::Contains(none));
  std::ofstream(in + "/epoch_000001.pt") << "PK";
  CHECK_THROWS_WITH(find_checkpoint(folder.path), Catch::Contains(in + ": holds only .pt archives"));
}

TEST_CASE("a damaged checkpoint names the one before it, and the first that there is none") {
  const TemporaryFolder folder;
  for (const std::int64_t epochs : {1, 2})
    save_checkpoint(folder.path, {.run = "u", .epochs_done = epochs, .data_digest = "", .settings = {}}, 2,
                    {});
  const std::string first = folder / "epoch_000001.safetensors", second = folder / "epoch_000002.safetensors";
  for (const std::string& path : {first, second})
    std::filesystem::resize_file(path, std::filesystem::file_size(path) - 1);
  CHECK_THROWS_WITH(Checkpoint(second),
                    Catch::Contains(second + ": damaged: ") &&
                        Catch::Contains("; continue from the previous one with --resume " + first));
  CHECK_THROWS_WITH(Checkpoint(first), Catch::Contains("; there is no earlier one: start again"));
}

TEST_CASE("a checkpoint that cannot be written is an error of the run, and the others stay") {
  const TemporaryFolder folder;
  const CheckpointFacts facts{.run = "u", .epochs_done = 2, .data_digest = "", .settings = {}};
  save_checkpoint(folder / "good", {.run = "u", .epochs_done = 1, .data_digest = "", .settings = {}}, 1, {});
  std::filesystem::create_directory(folder / "good/epoch_000002.safetensors");  // in the way
  CHECK_THROWS_AS(save_checkpoint(folder / "good", facts, 1, {}), Error);
  CHECK(std::filesystem::exists(folder / "good/epoch_000001.safetensors"));
  std::ofstream(folder / "file") << "no folder";
  CHECK_THROWS_WITH(save_checkpoint(folder / "file/checkpoint", facts, 1, {}),
                    Catch::Contains(folder / "file/checkpoint: cannot be made: "));
}
