// Running text: windows and targets of a file and of made-up tokens; sentence pairs that are made up.
#include <algorithm>
#include <map>
#include <numeric>
#include <set>

#include "data/dataset.hpp"
#include "data/support.hpp"
#include "data/synthetic_sequences.hpp"

using namespace lockstep;
using namespace lockstep::test;

namespace {

using Ids = std::vector<std::int64_t>;

RunConfig config_for(const std::string& name, std::int64_t max_length) {
  RunConfig config;
  config.data.name = name;
  config.data.max_length = max_length;
  config.data.validation = 0;
  return config;
}

struct Sample {
  Ids inputs, targets;
};

Sample fetched(const Dataset& dataset, std::int64_t id) {
  Batch batch = dataset.make_batch(1, false);
  batch.lengths = dataset.lengths_of(id);
  dataset.fetch({&id, 1}, 0, batch);
  const auto row = [](const at::Tensor& used) {
    const auto* first = used.data_ptr<std::int64_t>();
    return Ids{first, first + used.numel()};
  };
  return {row(batch.used_inputs()), row(batch.used_targets())};
}

std::string refusal(const RunConfig& config) {
  return input_error_of([&] { load_data(config, 1); });
}

RunConfig pairs_config() {
  RunConfig config = config_for("synthetic_pairs", 12);
  config.data.samples = 300;
  config.data.test_samples = 50;
  config.data.vocabulary = 40;
  return config;
}

RunConfig tokens_config() {
  RunConfig config = config_for("synthetic_tokens", 32);
  config.data.samples = 2000;
  config.data.test_samples = 200;
  config.data.vocabulary = 50;
  return config;
}

}  // namespace

TEST_CASE("a file's windows follow one another, with targets one byte on; its tail is the test split") {
  const ScratchFolder folder;
  std::string content(100, '\0');
  for (std::size_t i = 0; i < content.size(); ++i) content[i] = static_cast<char>(i * 2);
  for (const std::string name : {"any.txt", "any.txt.gz"}) {
    RunConfig config = config_for("text_file", 9);
    config.data.path = folder.write(name, name.ends_with(".gz") ? gzip(content) : content);
    config.data.test_share = 0.25;
    const DataSplits splits = load_data(config, 1);
    const DatasetInfo& info = splits.train->info();
    CHECK(info.kind == SampleKind::tokens);
    CHECK(info.vocabulary == 256);
    CHECK(info.sample_shape == Ids{9});
    CHECK(info.target_shape == Ids{9});
    CHECK(splits.train->size() == 8);  // 75 bytes: 8 windows of 9 and three left
    CHECK(splits.test->size() == 2);   // 25 bytes
    CHECK(splits.validation == nullptr);
    CHECK(splits.train->loss_terms(0) == 9);
    const Sample last = fetched(*splits.train, 7), test = fetched(*splits.test, 0);
    for (std::size_t i = 0; i < 9; ++i) {
      CHECK(last.inputs[i] == static_cast<std::int64_t>((63 + i) * 2));
      CHECK(last.targets[i] == static_cast<std::int64_t>((64 + i) * 2));
      CHECK(test.inputs[i] == static_cast<std::int64_t>((75 + i) * 2));
    }
  }
}

TEST_CASE("validation windows are held out by seed, and none is lost") {
  const ScratchFolder folder;
  RunConfig config = config_for("text_file", 4);
  std::string content;
  for (int i = 0; i < 500; ++i) content += static_cast<char>(i % 251);
  config.data.path = folder.write("text", content);
  config.data.validation = 0.2;
  const DataSplits splits = load_data(config, 1);
  std::set<Ids> seen;
  for (const auto& dataset : {splits.train, splits.validation})
    for (std::int64_t id = 0; id < dataset->size(); ++id) seen.insert(fetched(*dataset, id).inputs);
  CHECK(splits.train->size() + splits.validation->size() == 112);  // 450 bytes
  CHECK(splits.validation->size() == 22);
  CHECK(seen.size() == 112);
}

TEST_CASE("a file that is too short, empty, missing or a folder makes one clear line") {
  const ScratchFolder folder;
  RunConfig config = config_for("text_file", 16);
  contains(refusal(config), "data.path");
  config.data.path = folder.path();
  contains(refusal(config), "is a folder");
  config.data.path = folder / "missing";
  contains(refusal(config), "missing");
  config.data.path = folder.write("empty", "");
  contains(refusal(config), "is empty");
  config.data.path = folder.write("short", std::string(120, 'x'));
  contains(refusal(config), "test split");
  config.data.max_length = 110;
  contains(refusal(config), "training split");
}

TEST_CASE("made-up tokens follow from the seed alone, and the next one can be learnt") {
  const RunConfig config = tokens_config();
  const RunningText train = synthetic_tokens(config, false, 1), again = synthetic_tokens(config, false, 3),
                    test = synthetic_tokens(config, true, 2);
  CHECK(train.count == 2000 * 32 + 1);
  const auto* tokens = reinterpret_cast<const std::int32_t*>(train.bytes.get());
  CHECK(std::equal(tokens, tokens + train.count, reinterpret_cast<const std::int32_t*>(again.bytes.get())));
  std::map<std::int32_t, std::map<std::int32_t, int>> after;
  for (std::int64_t i = 0; i + 1 < train.count; ++i) ++after[tokens[i]][tokens[i + 1]];
  std::map<std::int32_t, std::int32_t> guess;
  for (const auto& [token, next] : after)
    guess[token] = std::max_element(next.begin(), next.end(), [](const auto& a, const auto& b) {
                     return a.second < b.second;
                   })->first;
  const auto* held_out = reinterpret_cast<const std::int32_t*>(test.bytes.get());
  double right = 0;
  for (std::int64_t i = 0; i + 1 < test.count; ++i) right += guess[held_out[i]] == held_out[i + 1];
  const double accuracy = right / static_cast<double>(test.count - 1);
  CHECK(accuracy > 0.65);
  CHECK(accuracy < 0.85);
  CHECK(*std::min_element(tokens, tokens + train.count) >= 0);
  CHECK(*std::max_element(tokens, tokens + train.count) < 50);
  RunConfig other = config;
  other.run.seed = 7;
  const RunningText changed = synthetic_tokens(other, false, 1);
  CHECK_FALSE(
      std::equal(tokens, tokens + train.count, reinterpret_cast<const std::int32_t*>(changed.bytes.get())));
}

TEST_CASE("made-up tokens make windows that overlap in nothing but the last target") {
  const DataSplits splits = load_data(tokens_config(), 2);
  CHECK(splits.train->size() == 2000);
  CHECK(splits.test->size() == 200);
  const Sample first = fetched(*splits.train, 0), second = fetched(*splits.train, 1);
  CHECK(std::equal(first.inputs.begin() + 1, first.inputs.end(), first.targets.begin()));
  CHECK(first.targets.back() == second.inputs.front());
}

TEST_CASE("a made-up target is its source in reverse, and follows from the seed") {
  RunConfig config = pairs_config();
  config.data.validation = 0.1;
  const DataSplits splits = load_data(config, 1), again = load_data(config, 4);
  CHECK(splits.train->size() == 270);
  CHECK(splits.validation->size() == 30);
  std::set<std::size_t> lengths;
  for (std::int64_t id = 0; id < splits.train->size(); ++id) {
    const Sample sample = fetched(*splits.train, id);
    CHECK(sample.inputs == fetched(*again.train, id).inputs);
    Ids reversed(sample.inputs.rbegin() + 1, sample.inputs.rend() - 1);
    CHECK(std::equal(reversed.begin(), reversed.end(), sample.targets.begin() + 1));
    CHECK(sample.inputs.front() == 2);
    CHECK(sample.targets.back() == 3);
    CHECK(*std::min_element(reversed.begin(), reversed.end()) >= 4);
    CHECK(*std::max_element(reversed.begin(), reversed.end()) < 40);
    CHECK(sample.inputs.size() <= 12);
    lengths.insert(sample.inputs.size());
  }
  CHECK(lengths.size() == 10);
  const Sample sample = fetched(*splits.test, 3);
  std::string text;
  for (std::size_t i = 1; i + 1 < sample.inputs.size(); ++i)
    text += (i > 1 ? " w" : "w") + std::to_string(sample.inputs[i]);
  CHECK(splits.test->source_text(3) == text);
  config.run.seed = 1;
  CHECK(load_data(config, 1).train->info().digest != splits.train->info().digest);
}

TEST_CASE("settings without room for a word, and keys of other sets, are refused") {
  RunConfig config = pairs_config();
  config.data.max_length = 2;
  contains(refusal(config), "data.max_length");
  config = pairs_config();
  config.data.vocabulary = 4;
  contains(refusal(config), "data.vocabulary");
  config = tokens_config();
  config.data.batching = Batching::length;
  contains(refusal(config), "data.batching");
  config = tokens_config();
  config.data.classes = 3;
  contains(refusal(config), "data.classes");
}

TEST_CASE("bytes are bytes: NUL, CRLF, a byte order mark, and data that was compressed twice") {
  const ScratchFolder folder;
  const std::string content =
      "\xef\xbb\xbf"
      "a\r\nb" +
      std::string(40, '\0') + utf16("text") + std::string(40, '\x1f');
  const std::string twice = gzip(content);
  for (const auto& [name, bytes, held] :
       {std::tuple("t.txt", content, content), std::tuple("t.txt.gz", gzip(content), content),
        std::tuple("t.gz.gz", gzip(twice), twice)}) {
    RunConfig config = config_for("text_file", 1);
    config.data.path = folder.write(name, bytes);
    const DataSplits splits = load_data(config, 1);
    CHECK(splits.notes.empty());
    for (std::int64_t id = 0; id < splits.train->size(); ++id)
      CHECK(fetched(*splits.train, id).inputs[0] ==
            static_cast<unsigned char>(held[static_cast<std::size_t>(id)]));
  }
}

TEST_CASE("running text is read from a regular file alone, up to data.max_bytes") {
  const ScratchFolder folder;
  RunConfig config = config_for("text_file", 4);
  for (const auto& [path, words] : irregular_files(folder / "odd")) {
    config.data.path = path;
    contains(refusal(config), words);
  }
  config.data.path = folder / std::string(5000, 'x');
  contains(refusal(config), "data.path");
  config.data.path = folder.write("t.txt", std::string(100, 'x'));
  config.data.max_bytes = 100;
  CHECK(load_data(config, 1).train->size() > 0);
  config.data.max_bytes = 99;
  contains(refusal(config), "is larger than 99 bytes, the limit; if this is intended, raise data.max_bytes");
  config.data.path = folder.write("t.txt.gz", gzip(std::string(100, 'x')));
  contains(refusal(config), "is larger than 99 bytes after decompression");
}
