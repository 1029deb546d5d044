// Translation with an LSTM encoder and decoder (Sutskever, Vinyals, Le 2014), sizes and initial weights as in
// Ben Trevett's "Sequence to Sequence Learning with Neural Networks". Padding is token 0, never read.
#include <fmt/format.h>

#include "base/error.hpp"
#include "base/special_tokens.hpp"
#include "models/generate.hpp"
#include "models/seq2seq_decoder.hpp"
#include "models/seq2seq_encoder.hpp"
#include "models/zoo.hpp"
#include "nn/sampling.hpp"

namespace lockstep {

namespace {

class Seq2Seq : public Model, public SequenceGenerator {
 public:
  Seq2Seq() : Model("seq2seq") {}

  torch::Tensor greedy(const torch::Tensor& source, std::int64_t max_length) override {
    const InferenceGuard guard(*this);
    const torch::Tensor begin = at::full({source.size(0), 1}, kBeginToken, source.options());
    Flow flow{source, begin};
    for (std::size_t i = 0; i + 1 < layers().size(); ++i) flow = layers()[i].layer->forward(std::move(flow));
    return decoder().greedy(flow[0], flow[1].select(1, 0), max_length);
  }

 private:
  SequenceDecoder& decoder() const { return dynamic_cast<SequenceDecoder&>(*layers().back().layer); }
};

void check(const HyperParameters& hyper, const ModelInputs& inputs) {
  if (hyper.real("teacher_forcing") > 1) {
    throw input_error("{}: {} is not a share; take 0 to 1", hyper.place("teacher_forcing"),
                      hyper.real("teacher_forcing"));
  }
  if (inputs.target_length < 2 || inputs.target_vocabulary <= kEndToken + 1) {
    throw input_error(
        "'data.name': seq2seq needs targets of at least 2 tokens, and more than {} ids for them",
        kEndToken + 1);
  }
}

std::shared_ptr<Model> build_seq2seq(const HyperParameters& hyper, const ModelInputs& inputs) {
  check(hyper, inputs);
  const std::int64_t width = hyper.integer("embedding"), units = hyper.integer("hidden");
  const std::int64_t layers = hyper.integer("layers");
  const double p = hyper.real("dropout");
  auto model = std::make_shared<Seq2Seq>();
  const auto& context = model->shared_dropout_context();
  std::uint32_t site = 0;
  model->append("encoder_embedding",
                std::make_shared<SourceEmbedding>(inputs.vocabulary, width, Dropout(p, site++, context)));
  for (std::int64_t i = 1; i <= layers; ++i) {
    const EncoderLstm::Options options{inputs.sample_shape[0], i == 1 ? width : units, units, i == layers};
    model->append(fmt::format("encoder{}", i),
                  std::make_shared<EncoderLstm>(options, Dropout(p, site++, context)));
  }
  const SequenceDecoder::Options options{
      inputs.target_length - 1,     inputs.target_vocabulary, width, units, layers, p,
      hyper.real("teacher_forcing")};
  model->append("decoder", std::make_shared<SequenceDecoder>(options, site, context));
  const torch::NoGradGuard no_grad;
  for (torch::Tensor parameter : model->parameters()) parameter.uniform_(-0.08, 0.08);
  return model;
}

}  // namespace

ModelRow seq2seq() {
  using Kind = HyperParameter::Kind;
  return {"seq2seq",
          "LSTM encoder and decoder for translation",
          SampleKind::pairs,
          {},
          {{"embedding", Kind::integer, {"256"}, "Width of both embeddings"},
           {"hidden", Kind::integer, {"512"}, "Units of every LSTM layer"},
           {"layers", Kind::integer, {"2"}, "LSTM layers of the encoder, and of the decoder", 1, 1025},
           {"dropout", Kind::real, {"0.5"}, "Share of what each LSTM layer reads that training zeroes", 0, 1},
           {"teacher_forcing",
            Kind::real,
            {"0.5"},
            "Share of target positions that training reads instead of what the model wrote; 0 to 1",
            0}},
          build_seq2seq,
          TaskKind::translation};
}

}  // namespace lockstep
