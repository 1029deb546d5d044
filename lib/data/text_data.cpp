#include "data/text_data.hpp"

#include <memory>

#include "base/error.hpp"
#include "base/parallel_for.hpp"
#include "data/array_dataset.hpp"
#include "data/basic_english.hpp"

namespace lockstep {

namespace {

std::unique_ptr<TextEncoder> make_encoder(const RunConfig& config, const LabelledTexts& train, int threads) {
  const auto& data = config.data;
  if (data.tokenizer == Tokenizer::hash) return hash_encoder(data.vocabulary);
  const RowSplit rows = split_rows(train.rows, data.max_train_rows, data.validation, config.run.seed);
  return basic_english_encoder(train, rows.train, data.min_freq.value_or(1), data.vocabulary, threads);
}

}  // namespace

LabelledTexts labelled_texts(const CsvTable& table) {
  LabelledTexts texts;
  texts.path = table.path;
  texts.rows = static_cast<std::int64_t>(table.rows.size());
  texts.text = [&table](std::int64_t row, std::string& out) {
    const CsvRow& fields = table.rows[static_cast<std::size_t>(row)];
    out.clear();
    append_text(table.bytes, fields.texts[0], out);
    if (table.text_fields < 2) return;
    out.push_back(' ');
    append_text(table.bytes, fields.texts[1], out);
  };
  texts.label = [&table](std::int64_t row) { return table.rows[static_cast<std::size_t>(row)].label - 1; };
  return texts;
}

EncodedSplit encode_texts(const LabelledTexts& texts, const TextEncoder& encoder, std::int64_t max_length,
                          int threads) {
  const auto length = static_cast<std::size_t>(max_length), rows = static_cast<std::size_t>(texts.rows);
  const auto inputs = zeroed_bytes(rows * length * sizeof(std::int32_t));
  const auto labels = zeroed_int32(rows);
  auto* ids = reinterpret_cast<std::int32_t*>(inputs.get());
  parallel_for(rows, threads, [&](std::size_t begin, std::size_t end) {
    std::string text;
    for (std::size_t row = begin; row < end; ++row) {
      texts.text(static_cast<std::int64_t>(row), text);
      encoder.encode(text, ids + row * length, length);
      labels.get()[row] = texts.label(static_cast<std::int64_t>(row));
    }
  });
  return {texts.rows, inputs, labels};
}

EncodedData encode_labelled(const RunConfig& config, const LabelledTexts& train, const LabelledTexts& test,
                            int threads) {
  const auto encoder = make_encoder(config, train, threads);
  EncodedData data;
  data.text = true;
  data.sample_shape = {config.data.max_length};
  data.vocabulary = encoder->vocabulary();
  if (const auto words = encoder->words()) data.words = *words;
  data.train = encode_texts(train, *encoder, config.data.max_length, threads);
  data.test = encode_texts(test, *encoder, config.data.max_length, threads);
  return data;
}

void add_text_keys(const RunConfig& config, Digest& digest) {
  const auto& data = config.data;
  digest.add_value(data.max_length).add_value(data.tokenizer).add_value(data.vocabulary);
  if (data.tokenizer != Tokenizer::basic_english) return;
  digest.add_value(data.min_freq.value_or(1)).add_value(data.max_train_rows).add_value(data.validation);
  if (data.validation > 0) digest.add_value(config.run.seed);
}

void check_text_keys(const RunConfig& config) {
  const auto& data = config.data;
  if (data.max_length < 1)
    throw input_error("{} must be at least 1, not {}", config.place("data.max_length"), data.max_length);
  if (data.tokenizer == Tokenizer::hash && data.min_freq.value_or(1) > 1)
    throw input_error("{} means nothing to data.tokenizer hash, which counts no words; remove it",
                      config.place("data.min_freq"));
  if (data.tokenizer == Tokenizer::hash && !data.embeddings.empty())
    throw input_error("{} needs words, but data.tokenizer is hash, which keeps none; set it to basic_english",
                      config.place("data.embeddings"));
}

}  // namespace lockstep
