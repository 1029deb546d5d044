// Plans of split models: what is measured of the layers, and what does not fit a device.
#include "train/pipeline_setup.hpp"
#include "base/error.hpp"
#include "parity.hpp"
#include "support/catch.hpp"
#include "train/layer_costs.hpp"

using namespace lockstep;
using namespace lockstep::test;

namespace {

struct Planned {
  RunConfig config;
  DataSplits data;
  std::shared_ptr<Model> model;
};

Planned prepare(const std::string& model) {
  Planned p;
  p.config = configure(case_of(model));
  p.config.parallel.schedule = PipelineSchedule::gpipe;
  p.config.parallel.micro_batches = 2;
  p.config.parallel.sync_batchnorm = false;
  p.data = load_data(p.config, 1);
  p.model = make_model(p.config.model, model_inputs(p.data.train->info()), p.config.run.seed);
  return p;
}

std::string refusal(const Planned& p, std::optional<std::int64_t> memory) {
  try {
    plan_pipeline(p.config, *p.model, std::vector<int>{0, 0}, parameter_costs(*p.model), memory);
  } catch (const Error& error) {
    return error.code() == ExitCode::bad_input ? error.what() : "another exit code";
  }
  return "accepted";
}

}  // namespace

TEST_CASE("a stage that does not fit its device is refused") {
  const Planned p = prepare("mlp");
  CHECK(refusal(p, {}) == "accepted");
  // Values and gradients; plain SGD keeps nothing.
  const std::int64_t all = 2 * p.model->parameter_count() * static_cast<std::int64_t>(sizeof(float));
  CHECK(refusal(p, all) == "accepted");
  const std::string said = refusal(p, all / 8);
  CHECK(said.find("'parallel.partition'") != std::string::npos);
  CHECK(said.find("needs") != std::string::npos);
  CHECK(said.find("a device has") != std::string::npos);
}

TEST_CASE("layers are measured: time, what flows on, what is kept for backward") {
  Planned p = prepare("transformer");
  const std::int64_t rows = 8, length = 16;
  const torch::Tensor tokens = torch::randint(1, 200, {rows, length}, torch::kInt64);
  const auto [costs, backward] = measure_layers(*p.model, {tokens});
  CHECK(backward);
  REQUIRE(costs.size() == p.model->layers().size());
  const std::vector<LayerCost> sizes = parameter_costs(*p.model);
  for (std::size_t i = 0; i < costs.size(); ++i) {
    CAPTURE(p.model->layers()[i].name);
    CHECK(costs[i].forward_seconds > 0);
    CHECK(costs[i].backward_seconds > 0);
    CHECK(costs[i].output_bytes > 0);
    CHECK(costs[i].saved_bytes >= costs[i].output_bytes);
    CHECK(costs[i].parameter_bytes == sizes[i].parameter_bytes);
  }
  // An encoder layer keeps its projections and the feed-forward layer's wide activation, many times its
  // output.
  const auto encoder = std::find_if(p.model->layers().begin(), p.model->layers().end(),
                                    [](const auto& entry) { return entry.name.rfind("encoder", 0) == 0; });
  REQUIRE(encoder != p.model->layers().end());
  const auto at = static_cast<std::size_t>(encoder - p.model->layers().begin());
  CHECK(costs[at].saved_bytes > 4 * costs[at].output_bytes);
  // What is kept grows with the rows.
  const std::vector<LayerCost> half = measure_layers(*p.model, {tokens.narrow(0, 0, rows / 2)}).costs;
  CHECK(static_cast<double>(half[at].saved_bytes) < 0.6 * static_cast<double>(costs[at].saved_bytes));
  for (const torch::Tensor& parameter : p.model->parameters())
    CHECK((!parameter.grad().defined() || parameter.grad().abs().max().item<double>() == 0));
}

TEST_CASE("published partitions: the embedding apart, whole blocks, and evenly where nothing is published") {
  const auto boundaries = [](const Planned& p, std::size_t stages) {
    return plan_pipeline(p.config, *p.model, std::vector<int>(stages, 0), parameter_costs(*p.model), {})
        .boundaries;
  };
  const auto count = [](const Planned& p) { return static_cast<int>(p.model->layers().size()); };
  for (const std::string model : {"text_cnn", "lstm", "gru"}) {
    CAPTURE(model);
    const Planned p = prepare(model);
    CHECK(boundaries(p, 2) == Boundaries{0, 1, count(p)});
  }
  for (const auto& [model, second] : {std::pair("transformer", "encoder2"), {"gpt", "decoder3"}}) {
    CAPTURE(model);
    const Planned p = prepare(model);
    const auto& layers = p.model->layers();
    const auto cut =
        std::find_if(layers.begin(), layers.end(),
                     [name = std::string(second)](const auto& entry) { return entry.name == name; });
    REQUIRE(cut != layers.end());
    CHECK(boundaries(p, 2) == Boundaries{0, static_cast<int>(cut - layers.begin()), count(p)});
  }
  const Planned p = prepare("mlp");
  CHECK(boundaries(p, 2) == even_partition(count(p), 2, 1));
}
