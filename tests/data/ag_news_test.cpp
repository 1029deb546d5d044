// AG News as a data set: classes, encoding, splits, and what is refused.
#include "data/dataset.hpp"
#include "data/support.hpp"

using namespace lockstep;
using namespace lockstep::test;

namespace {

RunConfig config_for(const ScratchFolder& folder) {
  RunConfig config;
  config.data.name = "ag_news";
  config.data.path = folder.path();
  config.data.max_length = 4;
  config.data.vocabulary = 1000;
  config.data.validation = 0;
  config.data.cache = "none";
  return config;
}

void write_set(const ScratchFolder& folder) {
  folder.write("train.csv",
               "1,red,apple\n2,blue,sky today\n1,red,cherry and many more\n2,blue,\n3,,word\n2,blue,sea\n");
  folder.write("test.csv", "2,blue,car\n1,red,unseen\n");
}

std::vector<std::int64_t> fetch_ids(const Dataset& dataset, std::int64_t id) {
  Batch batch = dataset.make_batch(1, false);
  dataset.fetch({&id, 1}, 0, batch);
  const auto* ids = batch.inputs.data_ptr<std::int64_t>();
  return {ids, ids + dataset.info().sample_shape[0]};
}

std::int64_t fetch_label(const Dataset& dataset, std::int64_t id) {
  Batch batch = dataset.make_batch(1, false);
  dataset.fetch({&id, 1}, 0, batch);
  return batch.targets.data_ptr<std::int64_t>()[0];
}

}  // namespace

TEST_CASE("labels count from 0, classes follow from the file, documents are cut and padded") {
  const ScratchFolder folder;
  write_set(folder);
  const DataSplits splits = load_data(config_for(folder), 2);
  const DatasetInfo& info = splits.train->info();
  CHECK(info.kind == SampleKind::text);
  CHECK(info.sample_shape == std::vector<std::int64_t>{4});
  CHECK(info.classes == 3);
  CHECK(info.class_names == std::vector<std::string>{"1", "2", "3"});
  CHECK(info.vocabulary == 1000);
  CHECK(splits.train->size() == 6);
  CHECK(splits.test->size() == 2);
  CHECK(fetch_label(*splits.train, 0) == 0);
  CHECK(fetch_label(*splits.train, 4) == 2);
  const auto two_words = fetch_ids(*splits.train, 0), cut = fetch_ids(*splits.train, 2);
  CHECK(two_words[1] > 0);
  CHECK(two_words[2] == 0);
  CHECK(cut[3] > 0);
  CHECK(cut[0] == two_words[0]);
  CHECK(fetch_ids(*splits.train, 4)[1] == 0);
  CHECK(splits.notes.empty());
}

TEST_CASE("basic_english knows the words of the training rows alone") {
  const ScratchFolder folder;
  write_set(folder);
  RunConfig config = config_for(folder);
  config.data.tokenizer = Tokenizer::basic_english;
  config.data.max_train_rows = 3;
  const DataSplits splits = load_data(config, 2);
  CHECK(splits.train->size() == 3);
  CHECK(splits.train->info().classes == 3);
  CHECK(splits.train->info().vocabulary == 2 + 9);
  CHECK(fetch_ids(*splits.test, 0) == std::vector<std::int64_t>{fetch_ids(*splits.train, 1)[0], 1, 0, 0});
  CHECK(fetch_ids(*splits.test, 1) ==
        std::vector<std::int64_t>{2, 1, 0, 0});  // red: 2 times, the first of its rank
}

TEST_CASE("held-out words are unknown to basic_english, whichever rows are held out") {
  const ScratchFolder folder;
  std::string train;
  for (int i = 0; i < 40; ++i) train += "1,common,own" + std::to_string(i) + "\n";
  folder.write("train.csv", train);
  folder.write("test.csv", "1,common,own3\n");
  RunConfig config = config_for(folder);
  config.data.tokenizer = Tokenizer::basic_english;
  config.data.validation = 0.25;
  const DataSplits splits = load_data(config, 2);
  CHECK(splits.train->info().vocabulary == 2 + 1 + 30);
  REQUIRE(splits.validation->size() == 10);
  for (std::int64_t id = 0; id < 10; ++id)
    CHECK(fetch_ids(*splits.validation, id) == std::vector<std::int64_t>{2, 1, 0, 0});
}

TEST_CASE("names of classes are read where there are any, and bound the labels") {
  const ScratchFolder folder;
  write_set(folder);
  folder.write("classes.txt", "Fruit\r\nAir\r\nOther\r\nEmpty\r\n");
  CHECK(load_data(config_for(folder), 1).train->info().class_names ==
        std::vector<std::string>{"Fruit", "Air", "Other", "Empty"});
  folder.write("classes.txt", "Fruit\nAir\n");
  contains(input_error_of([&] { load_data(config_for(folder), 1); }),
           "train.csv:5: class 3 is not between 1 and 2");
}

TEST_CASE("a label that the training file does not know, or that leaves a gap, is refused by line") {
  const ScratchFolder folder;
  write_set(folder);
  folder.write("test.csv", "1,a,b\n4,a,b\n");
  contains(input_error_of([&] { load_data(config_for(folder), 2); }),
           "test.csv:2: class 4 is not between 1 and 3");
  folder.write("train.csv", "1,a,b\n2,a,b\n40,a,b\n");
  const std::string message = input_error_of([&] { load_data(config_for(folder), 2); });
  contains(message, "train.csv:3: class 40, but no row has class 3");
}

TEST_CASE("what is missing is named") {
  const ScratchFolder folder;
  contains(input_error_of([&] { load_data(config_for(folder), 1); }),
           "train.csv' does not exist; run scripts/get-data ag_news");
  RunConfig config = config_for(folder);
  config.data.path = folder / "none";
  const std::string message = input_error_of([&] { load_data(config, 1); });
  contains(message, "data.path");
  contains(message, "none");
  write_set(folder);
  folder.write("test.csv", "1,only one text\n");
  contains(input_error_of([&] { load_data(config_for(folder), 1); }), "2 fields");
  config = config_for(folder);
  config.data.max_length = 0;
  contains(input_error_of([&] { load_data(config, 1); }), "data.max_length");
  config = config_for(folder);
  config.data.min_freq = 2;
  contains(input_error_of([&] { load_data(config, 1); }), "data.min_freq");
  config = config_for(folder);
  config.data.embeddings = "vectors.txt";
  contains(input_error_of([&] { load_data(config, 1); }), "data.tokenizer is hash");
}

TEST_CASE("the digest follows the content and the settings") {
  const ScratchFolder folder;
  write_set(folder);
  const RunConfig config = config_for(folder);
  const auto digest = [](const RunConfig& c) { return load_data(c, 1).train->info().digest; };
  const std::string before = digest(config);
  CHECK(digest(config) == before);
  RunConfig other = config;
  other.run.seed = 7;
  CHECK(digest(other) == before);  // nothing is held out, so the seed changes no row
  other.data.validation = 0.5;
  const std::string half = digest(other);
  CHECK(half != before);
  other.run.seed = 8;
  CHECK(digest(other) != half);
  other = config;
  other.data.max_length = 5;
  CHECK(digest(other) != before);
  other = config;
  other.data.max_train_rows = 5;
  CHECK(digest(other) != before);
  folder.write("test.csv", "2,blue,cat\n1,red,unseen\n");
  CHECK(digest(config) != before);
}

TEST_CASE("classes.txt: a byte order mark and CRLF are no part of a name, and names are printable UTF-8") {
  const ScratchFolder folder;
  write_set(folder);
  const RunConfig config = config_for(folder);
  folder.write("classes.txt", "\xef\xbb\xbfWorld\r\nSport\r\n\r\nCaf\xc3\xa9");
  CHECK(load_data(config, 1).train->info().class_names ==
        std::vector<std::string>{"World", "Sport", "Caf\xc3\xa9"});
  const auto refusal_of = [&](const std::string& content) {
    folder.write("classes.txt", content);
    return input_error_of([&] { load_data(config, 1); });
  };
  contains(refusal_of("World\nCaf\xe9\nSport\n"), "classes.txt:2: the class 'Caf");
  contains(refusal_of("World\n\x1b[31mred\nSport\n"), "classes.txt:2: the class '\\x1b[31mred'");
  contains(refusal_of("World\rCaf\rSport\r"), "classes.txt:1: ");
  contains(refusal_of(utf16("World\nSport\n")), "classes.txt' is UTF-16");
  for (const auto& [path, words] : irregular_files(folder / "odd")) {
    std::filesystem::remove(folder / "classes.txt");
    std::filesystem::create_symlink(path, folder / "classes.txt");
    const std::string message = input_error_of([&] { load_data(config, 1); });
    contains(message, "classes.txt");
    contains(message, words);
  }
}

TEST_CASE("one class alone and Latin-1 are noted, files that are none are refused") {
  const ScratchFolder folder;
  write_set(folder);
  const RunConfig config = config_for(folder);
  folder.write("train.csv", "1,a,b\n1,c,d\n");
  folder.write("test.csv", "1,a,b\n");
  const DataSplits alone = load_data(config, 1);
  REQUIRE(alone.notes.size() == 1);
  contains(alone.notes[0], "train.csv: every row is of the class '1', so there is nothing to tell apart");
  folder.write("train.csv", "1,a,b\n2,caf\xe9,d\n");
  const DataSplits splits = load_data(config, 1);
  REQUIRE(splits.notes.size() == 1);
  contains(splits.notes[0], "train.csv:2: byte 0xe9 is not UTF-8");
  for (const auto& [path, words] : irregular_files(folder / "odd")) {
    std::filesystem::remove(folder / "test.csv");
    std::filesystem::create_symlink(path, folder / "test.csv");
    contains(input_error_of([&] { load_data(config, 1); }), words);
  }
}
