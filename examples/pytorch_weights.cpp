// Weights from PyTorch into a model of the zoo, and back:
//
//   python3 -c '...; safetensors.torch.save_file(model.state_dict(), "in.safetensors")'
//   pytorch_weights MODEL in.safetensors out.safetensors
//   python3 -c '...; model.load_state_dict(safetensors.torch.load_file("out.safetensors"))'
//
// The models of the zoo compute what those of benchmarks/pytorch do; only their tensors are called otherwise, because
// a model here is a list of layers. What is printed are some of the model's outputs for inputs that are always the
// same.
#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>

#include "launch/session.hpp"
#include "models/registry.hpp"
#include "train/state_dict.hpp"

namespace {

using lockstep::ModelInputs;
using lockstep::SampleKind;
using lockstep::TensorRules;

// Everything of one layer: "hidden1.linear" and "3" make "3.weight" of "hidden1.linear.weight".
lockstep::TensorRule layer(const std::string& here, const std::string& there) {
  return {here + "\\.(.*)", there + ".$1"};
}

// The layers of an nn.Sequential, which PyTorch numbers: name here, number there.
TensorRules sequential(const std::vector<std::pair<std::string, int>>& layers) {
  TensorRules rules;
  for (const auto& [here, there] : layers) rules.push_back(layer(here, std::to_string(there)));
  return rules;
}

const TensorRules kText = {layer("embedding\\.embedding", "embedding"), layer("head\\.linear", "head")};

// One module per layer and direction here, all of them in one nn.LSTM or nn.GRU there.
TensorRules recurrent() {
  TensorRules rules = kText;
  for (const int i : {0, 1}) {
    rules.push_back({fmt::format("rnn{}\\.forward\\.(.*)_l0", i + 1), fmt::format("rnn.$1_l{}", i)});
    rules.push_back({fmt::format("rnn{}\\.reverse\\.(.*)_l0", i + 1), fmt::format("rnn.$1_l{}_reverse", i)});
  }
  return rules;
}

TensorRules transformer() {
  TensorRules rules = kText;
  rules.push_back({"embedding\\.positions", ""});  // computed, not learnt
  for (int i = 0; i < 4; ++i)
    rules.push_back(layer(fmt::format("encoder{}", i + 1), fmt::format("encoder.layers.{}", i)));
  return rules;
}

TensorRules seq2seq() {
  TensorRules rules = {layer("encoder_embedding", "source_embedding"),
                       {"decoder\\.embedding", "target_embedding.weight"},
                       {"decoder\\.(weight|bias)", "head.$1"}};
  for (const int i : {0, 1}) {
    rules.push_back({fmt::format("encoder{}\\.lstm\\.(.*)_l0", i + 1), fmt::format("encoder.$1_l{}", i)});
    rules.push_back({fmt::format("decoder\\.lstm{}\\.(.*)_l0", i + 1), fmt::format("decoder.$1_l{}", i)});
  }
  return rules;
}

TensorRules gpt() {
  TensorRules rules = {{"(embedding|head)\\.weight", "tokens.weight"},  // tied
                       {"embedding\\.positions", "positions.weight"},
                       layer("head\\.norm", "norm")};
  for (int i = 0; i < 4; ++i) {
    const std::string here = fmt::format("decoder{}\\.", i + 1), there = fmt::format("blocks.{}.", i);
    for (const auto& [mine, theirs] : {std::pair("self_attn\\.in_proj_(.*)", "qkv.$1"),
                                       {"self_attn\\.out_proj\\.(.*)", "projection.$1"},
                                       {"linear1\\.(.*)", "expand.$1"},
                                       {"linear2\\.(.*)", "contract.$1"},
                                       {"(norm.*)", "$1"}})
      rules.push_back({here + mine, there + theirs});
  }
  return rules;
}

TensorRules text_cnn() {
  TensorRules rules = kText;
  for (const int i : {0, 1, 2}) {
    // (kernel, filters, width) here, (filters, width, kernel) there.
    rules.push_back(
        {fmt::format("windows\\.weight{}", 3 + 2 * i), fmt::format("convolutions.{}.weight", i), {1, 2, 0}});
    rules.push_back({fmt::format("windows\\.bias{}", 3 + 2 * i), fmt::format("convolutions.{}.bias", i)});
  }
  return rules;
}

struct Row {
  std::string name, preset;
  ModelInputs inputs;
  TensorRules rules;
};

const ModelInputs kMnist{{1, 28, 28}, 0, 10}, kCifar{{3, 32, 32}, 0, 10};
const ModelInputs kNews{{128}, 20000, 4, SampleKind::text};

// By their names in benchmarks/pytorch/zoo.py.
const std::map<std::string, Row> kRows = {
    {"mlp",
     {"mlp", "", kMnist, sequential({{"hidden1.linear", 1}, {"hidden2.linear", 3}, {"output.linear", 5}})}},
    {"cnn_mnist",
     {"cnn", "mnist", kMnist, sequential({{"conv1.conv", 0}, {"hidden1.linear", 3}, {"output.linear", 5}})}},
    {"cnn_cifar10",
     {"cnn", "cifar10", kCifar,
      sequential({{"conv1.conv", 0},
                  {"conv1.norm", 1},
                  {"conv2.conv", 4},
                  {"conv2.norm", 5},
                  {"conv3.conv", 8},
                  {"conv3.norm", 9},
                  {"hidden1.linear", 13},
                  {"output.linear", 15}})}},
    {"conv_autoencoder_mnist",
     {"conv_autoencoder", "", kMnist,
      sequential({{"encoder1.conv", 0}, {"encoder2.conv", 3}, {"decoder1.conv", 6}, {"decoder2.conv", 8}})}},
    {"nbow", {"nbow", "", {{256}, 21635, 2, SampleKind::text}, kText}},
    {"text_cnn", {"text_cnn", "", kNews, text_cnn()}},
    {"lstm", {"lstm", "", kNews, recurrent()}},
    {"gru", {"gru", "", kNews, recurrent()}},
    {"transformer_small", {"transformer", "small", kNews, transformer()}},
    {"seq2seq", {"seq2seq", "", {{32}, 5893, 0, SampleKind::pairs, 32, 5893}, seq2seq()}},
    {"gpt_mini", {"gpt", "mini", {{128}, 256, 0, SampleKind::tokens}, gpt()}}};

// (2, ...) of them: the same numbers on every call, as tests/train/pytorch_weights.py makes them.
lockstep::Flow inputs_of(const ModelInputs& model) {
  std::vector<std::int64_t> shape = model.sample_shape;
  shape.insert(shape.begin(), 2);
  const std::int64_t count = at::zeros(shape, at::kByte).numel();
  const at::Tensor numbers = at::arange(count).view(shape);
  if (model.vocabulary == 0) return {numbers.remainder(251).to(at::kFloat) / 251};
  const at::Tensor tokens = 1 + (numbers * 7).remainder(model.vocabulary - 1);
  if (model.kind == SampleKind::pairs) return {tokens, tokens.flip(1)};
  if (model.kind == SampleKind::text) tokens.narrow(1, shape[1] - 8, 8).zero_();  // padding
  return {tokens};
}

lockstep::ExitCode exchange(const std::string& name, const std::string& from, const std::string& to) {
  const auto row = kRows.find(name);
  if (row == kRows.end()) throw lockstep::input_error("'{}' is no model of this example", name);
  const auto& [model_name, preset, inputs, rules] = row->second;
  const auto model = lockstep::make_model({model_name, preset, {}}, inputs, /*seed=*/1);
  lockstep::load_state_dict(*model, from, rules);
  model->eval();
  const torch::NoGradGuard no_grad;
  const at::Tensor outputs = model->forward(inputs_of(inputs)).flatten();
  for (std::int64_t i = 0; i < 16; ++i)
    fmt::print("{:.6g}\n", outputs[i * (outputs.numel() - 1) / 15].item<double>());
  lockstep::save_state_dict(*model, to, rules);
  return lockstep::ExitCode::done;
}

}  // namespace

int main(int argc, char** argv) {
  return lockstep::run_main(argc, argv, lockstep::UseMpi::no, [&](lockstep::World&) {
    if (argc != 4)
      throw lockstep::input_error("usage: pytorch_weights MODEL FROM.safetensors TO.safetensors");
    return exchange(argv[1], argv[2], argv[3]);
  });
}
