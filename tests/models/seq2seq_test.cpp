#include <ATen/autocast_mode.h>
#include <torch/nn/modules/rnn.h>
#include <torch/optim/adam.h>

#include <algorithm>

#include "base/special_tokens.hpp"
#include "models/generate.hpp"
#include "models/helpers.hpp"
#include "models/seq2seq_decoder.hpp"
#include "support/catch.hpp"

using namespace lockstep;
using namespace lockstep::test;
using torch::Tensor;

namespace {

ModelInputs pairs(std::int64_t source, std::int64_t words, std::int64_t target, std::int64_t target_words) {
  return {{source}, words, 0, SampleKind::pairs, target, target_words};
}

std::shared_ptr<Model> tiny(const Given& more = {}) {
  Given given{{"embedding", "12"}, {"hidden", "20"}};
  given.insert(given.end(), more.begin(), more.end());
  return make("seq2seq", "", pairs(9, 30, 8, 25), given);
}

// Rows <bos> words <eos>, padded to `length`, of the lengths given.
Tensor sentences(const std::vector<std::int64_t>& lengths, std::int64_t length, std::int64_t words) {
  Tensor rows = torch::zeros({static_cast<std::int64_t>(lengths.size()), length}, torch::kInt64);
  for (std::size_t i = 0; i < lengths.size(); ++i) {
    Tensor row = rows[static_cast<std::int64_t>(i)];
    row.narrow(0, 0, lengths[i]).copy_(torch::randint(kEndToken + 1, words, {lengths[i]}, torch::kInt64));
    row[0] = kBeginToken;
    row[lengths[i] - 1] = kEndToken;
  }
  return rows;
}

Flow batch() { return {sentences({9, 3, 7, 2, 7}, 9, 30), sentences({4, 8, 5, 6, 8}, 8, 25)}; }

Tensor loss_of(const Tensor& logits, const Tensor& target) {
  return at::cross_entropy_loss(logits.to(torch::kFloat32).flatten(0, 1),
                                target.narrow(1, 1, target.size(1) - 1).flatten(), {}, at::Reduction::Mean,
                                kPaddingToken);
}

SequenceDecoder& decoder_of(Model& model) {
  return dynamic_cast<SequenceDecoder&>(*model.layers().back().layer);
}

// A torch::nn::LSTM with the weights of the model's layers `prefix`1 and `prefix`2, the same tensors.
torch::nn::LSTM as_torch(const Model& model, const std::vector<std::string>& layers, std::int64_t in) {
  torch::nn::LSTM lstm(torch::nn::LSTMOptions(in, 20).num_layers(2));
  auto ours = model.named_parameters();
  const torch::NoGradGuard no_grad;
  for (std::size_t l = 0; l < layers.size(); ++l) {
    for (const std::string name : {"weight_ih_l", "weight_hh_l", "bias_ih_l", "bias_hh_l"})
      lstm->named_parameters()[name + std::to_string(l)].copy_(ours[layers[l] + name + "0"]);
  }
  return lstm;
}

struct Reference {
  torch::nn::LSTM encoder, decoder;
  Tensor source_embedding, embedding, weight, bias;

  explicit Reference(const Model& model)
      : encoder(as_torch(model, {"encoder1.lstm.", "encoder2.lstm."}, 12)),
        decoder(as_torch(model, {"decoder.lstm1.", "decoder.lstm2."}, 12)) {
    const auto ours = model.named_parameters();
    const auto copy = [&](const char* name) { return ours[name].detach().clone().requires_grad_(); };
    source_embedding = copy("encoder_embedding.weight");
    embedding = copy("decoder.embedding");
    weight = copy("decoder.weight");
    bias = copy("decoder.bias");
  }

  // One sentence pair after another, position after position, as the tutorial does.
  Tensor logits(const Flow& in, const SequenceDecoder& coins) {
    std::vector<Tensor> rows;
    for (std::int64_t b = 0; b < in[0].size(0); ++b) {
      const std::int64_t length = (in[0][b] != 0).sum().item<std::int64_t>();
      const Tensor x = at::embedding(source_embedding, in[0][b].narrow(0, 0, length)).unsqueeze(1);
      auto state = std::get<1>(encoder->forward(x));
      std::vector<Tensor> row;
      Tensor token = in[1][b][0];
      for (std::int64_t t = 1; t < in[1].size(1); ++t) {
        const auto [h, next] = decoder->forward(at::embedding(embedding, token).view({1, 1, -1}), state);
        state = next;
        row.push_back(at::linear(h.view({-1}), weight, bias));
        token = coins.heads(t) ? in[1][b][t] : row.back().argmax();
      }
      rows.push_back(torch::stack(row));
    }
    return torch::stack(rows);
  }
};

}  // namespace

TEST_CASE("seq2seq has the published parameter count, and weights within 0.08") {
  const auto model = make("seq2seq", "", pairs(40, 7853, 40, 5893));
  REQUIRE(model->parameter_count() == 13'898'501);
  for (const auto& item : model->named_parameters()) {
    CAPTURE(item.key());
    REQUIRE(item.value().abs().max().item<double>() == Approx(0.08).epsilon(0.01));
  }
}

TEST_CASE(
    "An LSTM layer over packed sequences is LibTorch's: values and every gradient, taken ahead or not") {
  torch::manual_seed(4);
  LstmCells ours(6, 20);
  for (const Tensor& parameter : ours.parameters()) parameter.data().uniform_(-0.5, 0.5);
  for (const StepRows& rows : {StepRows{4, 4, 4}, StepRows{5, 4, 4, 1}, StepRows{3}}) {
    std::int64_t n = 0;
    for (const std::int64_t count : rows) n += count;
    const Tensor x = torch::randn({n, 6}), h = torch::randn({rows[0], 20}), c = torch::randn({rows[0], 20});
    const Tensor dy = torch::randn({n, 20}), dh = torch::randn_like(h), dc = torch::randn_like(c);
    for (const std::int64_t ahead : {0, 2, 3}) {
      if (ahead > 0 && (ahead > std::int64_t(rows.size()) || rows.back() != rows[0])) continue;
      CAPTURE(rows, ahead);
      std::vector<Tensor> a{x.clone(), h.clone(), c.clone()}, b{x.clone(), h.clone(), c.clone()};
      for (Tensor& t : a) t.requires_grad_();
      for (Tensor& t : b) t.requires_grad_();
      LstmTrace trace;
      const auto steps = static_cast<std::int64_t>(rows.size());
      for (std::int64_t t = 0; t < ahead; ++t)
        ours.take(x.narrow(0, t * rows[0], rows[0]), {h, c}, steps, trace);
      const auto out = ours.forward(a[0], rows, {a[1], a[2]}, ahead > 0 ? &trace : nullptr);
      std::vector<Tensor> weights;
      for (const Tensor& parameter : ours.parameters())
        weights.push_back(parameter.detach().clone().requires_grad_());
      const auto [y, last_h, last_c] =
          at::lstm(b[0], torch::tensor(rows), {b[1].unsqueeze(0), b[2].unsqueeze(0)}, weights, true, 1, 0.0,
                   true, false);
      REQUIRE(largest_difference(out.h, y) < 1e-5);
      REQUIRE(largest_difference(out.last.h, last_h[0]) < 1e-5);
      REQUIRE(largest_difference(out.last.c, last_c[0]) < 1e-5);
      ours.zero_grad();
      ((out.h * dy).sum() + (out.last.h * dh).sum() + (out.last.c * dc).sum()).backward();
      ((y * dy).sum() + (last_h[0] * dh).sum() + (last_c[0] * dc).sum()).backward();
      for (std::size_t i = 0; i < 3; ++i) REQUIRE(largest_difference(a[i].grad(), b[i].grad()) < 1e-4);
      const auto parameters = ours.parameters();
      for (std::size_t i = 0; i < 4; ++i)
        REQUIRE(largest_difference(parameters[i].grad(), weights[i].grad()) < 1e-4);
    }
  }
}

TEST_CASE("seq2seq is the tutorial's loop over torch::nn::LSTM, whatever the share of teacher forcing") {
  for (const char* share : {"1", "0.5", "0"}) {
    CAPTURE(share);
    const auto model = tiny({{"dropout", "0"}, {"teacher_forcing", share}});
    {
      const torch::NoGradGuard no_grad;  // larger weights, so that different tokens are the likeliest
      for (Tensor parameter : model->parameters()) parameter.mul_(6);
    }
    model->dropout_context() = {3, 2, 0};
    Reference reference(*model);
    const Flow in = batch();
    const Tensor expected = reference.logits(in, decoder_of(*model)), logits = model->forward(in);
    REQUIRE(logits.sizes() == at::IntArrayRef({5, 7, 25}));
    REQUIRE(largest_difference(logits, expected) < 1e-4);
    loss_of(logits, in[1]).backward();
    loss_of(expected, in[1]).backward();
    auto ours = model->named_parameters();
    REQUIRE(largest_difference(ours["encoder_embedding.weight"].grad(), reference.source_embedding.grad()) <
            1e-4);
    REQUIRE(largest_difference(ours["decoder.embedding"].grad(), reference.embedding.grad()) < 1e-4);
    REQUIRE(largest_difference(ours["decoder.weight"].grad(), reference.weight.grad()) < 1e-4);
    REQUIRE(largest_difference(ours["decoder.bias"].grad(), reference.bias.grad()) < 1e-4);
    for (const char* name : {"weight_ih_l", "weight_hh_l", "bias_ih_l", "bias_hh_l"}) {
      for (const int l : {0, 1}) {
        const std::string layer = std::to_string(l + 1), theirs = name + std::to_string(l);
        const std::string own = std::string(name) + "0";
        CAPTURE(theirs);
        REQUIRE(largest_difference(ours["encoder" + layer + ".lstm." + own].grad(),
                                   reference.encoder->named_parameters()[theirs].grad()) < 1e-4);
        REQUIRE(largest_difference(ours["decoder.lstm" + layer + "." + own].grad(),
                                   reference.decoder->named_parameters()[theirs].grad()) < 1e-4);
      }
    }
  }
}

TEST_CASE("Evaluation reads what the model wrote, never the target") {
  const auto model = tiny();
  model->eval();
  const torch::NoGradGuard no_grad;
  const Flow in = batch();
  Tensor other = in[1].clone();
  other.narrow(1, 1, 7).fill_(9);
  REQUIRE(torch::equal(model->forward(in), model->forward(Flow{in[0], other})));
}

TEST_CASE("Padding of source and target changes no logit") {
  const auto model = tiny({{"dropout", "0"}});
  for (const bool training : {false, true}) {
    model->train(training);
    const torch::NoGradGuard no_grad;
    const Flow in = batch();
    const Flow padded{at::constant_pad_nd(in[0], {0, 5}), at::constant_pad_nd(in[1], {0, 6})};
    REQUIRE(largest_difference(model->forward(in), model->forward(padded).narrow(1, 0, 7)) < 1e-5);
    for (std::int64_t b = 0; b < 5; ++b) {  // nor do the sentences beside one
      const std::int64_t length = (in[0][b] != 0).sum().item<std::int64_t>();
      const Flow alone{in[0].narrow(0, b, 1).narrow(1, 0, length), in[1].narrow(0, b, 1)};
      REQUIRE(largest_difference(model->forward(in).narrow(0, b, 1), model->forward(alone)) < 1e-5);
    }
  }
  const Tensor empty = model->forward(Flow{torch::zeros({1, 4}, torch::kInt64), batch()[1].narrow(0, 0, 1)});
  REQUIRE(empty.isfinite().all().item<bool>());
}

TEST_CASE("Coins and dropout masks are those of the global batch: shares of it give the same logits") {
  const auto model = tiny();
  const torch::NoGradGuard no_grad;
  const Flow in = batch();
  std::string thrown;
  for (std::int64_t step = 0; step < 4; ++step) {
    model->dropout_context() = {7, step, 0};
    const Tensor whole = model->forward(in);
    REQUIRE(torch::equal(whole, model->forward(in)));
    for (std::int64_t t = 1; t < 30; ++t) thrown += decoder_of(*model).heads(t) ? 'h' : 't';
    for (const auto& [first, count] : {std::pair<std::int64_t, std::int64_t>{0, 2}, {2, 3}}) {
      model->dropout_context().first_sample = first;
      const Tensor share = model->forward(Flow{in[0].narrow(0, first, count), in[1].narrow(0, first, count)});
      REQUIRE(largest_difference(whole.narrow(0, first, count), share) < 1e-5);
    }
  }
  REQUIRE(thrown.substr(0, 29) != thrown.substr(29, 29));
  const auto heads = std::count(thrown.begin(), thrown.end(), 'h');
  REQUIRE(heads > 35);
  REQUIRE(heads < 81);
}

TEST_CASE("Greedy decoding writes what evaluation writes, ends at the end token and pads after it") {
  const auto model = tiny({{"dropout", "0"}, {"teacher_forcing", "1"}});
  auto* writer = dynamic_cast<SequenceGenerator*>(model.get());
  REQUIRE(writer != nullptr);
  const Flow in = batch();
  torch::optim::Adam adam(model->parameters(), torch::optim::AdamOptions(0.02));
  for (int step = 0; step < 150; ++step) {  // learn the pairs by heart
    adam.zero_grad();
    loss_of(model->forward(in), in[1]).backward();
    adam.step();
  }
  REQUIRE(model->is_training());
  const Tensor ids = writer->greedy(in[0], 12);
  REQUIRE(model->is_training());
  CAPTURE(ids, in[1]);
  REQUIRE(ids.sizes() == at::IntArrayRef({5, 7}));
  REQUIRE(torch::equal(ids, in[1].narrow(1, 1, 7)));
  REQUIRE(torch::equal(writer->greedy(in[0], 3), in[1].narrow(1, 1, 3)));
  model->eval();
  const Tensor logits = model->forward(in);
  const Tensor real = in[1].narrow(1, 1, 7) != kPaddingToken;
  REQUIRE(torch::equal(logits.argmax(2).masked_select(real), ids.masked_select(real)));
}

TEST_CASE("seq2seq runs in bf16, forward and backward") {
  const auto model = tiny({{"dropout", "0"}}), exact = tiny({{"dropout", "0"}});
  const Flow in = batch();
  const Tensor expected = exact->forward(in);
  for (const bool training : {false, true}) {
    model->train(training);
    exact->train(training);
    at::autocast::set_autocast_dtype(torch::kCPU, torch::kBFloat16);
    at::autocast::set_autocast_enabled(torch::kCPU, true);
    at::autocast::increment_nesting();
    const Tensor logits = model->forward(in);
    at::autocast::decrement_nesting();
    at::autocast::clear_cache();
    at::autocast::set_autocast_enabled(torch::kCPU, false);
    REQUIRE(logits.scalar_type() == torch::kBFloat16);
    REQUIRE(loss_of(logits, in[1]).item<double>() ==
            Approx(loss_of(exact->forward(in), in[1]).item<double>()).epsilon(1e-2));
    if (training) loss_of(logits, in[1]).backward();
  }
  for (const Tensor& parameter : model->parameters()) REQUIRE(parameter.grad().isfinite().all().item<bool>());
}

TEST_CASE("seq2seq in double takes LibTorch's LSTM: the same logits") {
  const auto model = tiny({{"dropout", "0"}}), wide = tiny({{"dropout", "0"}});
  wide->to(torch::kFloat64);
  const Flow in = batch();
  REQUIRE(largest_difference(model->forward(in), wide->forward(in)) < 1e-5);
}

TEST_CASE("A share of teacher forcing above 1 and a vocabulary without words are refused") {
  REQUIRE_THROWS_WITH(tiny({{"teacher_forcing", "1.5"}}),
                      "configs/x.yaml:7: 'model.teacher_forcing': 1.5 is not a share; take 0 to 1");
  REQUIRE_THROWS_WITH(
      make("seq2seq", "", pairs(9, 30, 8, 4)),
      "'data.name': seq2seq needs targets of at least 2 tokens, and more than 4 ids for them");
}
