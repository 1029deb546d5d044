// Sentence pairs: tokens, vocabularies, lengths, the set's own validation split, and what is refused.
#include "base/special_tokens.hpp"
#include "data/dataset.hpp"
#include "data/support.hpp"

using namespace lockstep;
using namespace lockstep::test;

namespace {

using Ids = std::vector<std::int64_t>;

void write_set(const ScratchFolder& folder) {
  folder.write("train.de", "Ein Hund.\nÄpfel und ein Hund\r\nein\n");
  folder.write("train.en", "A dog.\nApples and a dog\na\n");
  folder.write("val.de", "Hund Katze\n");
  folder.write("val.en", "dog cat");
  folder.write("test_2016_flickr.de", "ein Hund\nein ein ein ein ein ein ein ein\n");
  folder.write("test_2016_flickr.en", "A  Dog!\na a a a a a a a\n");
}

RunConfig config_for(const ScratchFolder& folder) {
  RunConfig config;
  config.data.name = "multi30k";
  config.data.path = folder.path();
  config.data.cache = ".cache/lockstep";
  return config;
}

Ids row(const at::Tensor& rows, std::int64_t i) {
  const auto* first = rows.data_ptr<std::int64_t>() + i * rows.size(1);
  return {first, first + rows.size(1)};
}

std::string refusal(const RunConfig& config) {
  return input_error_of([&] { load_data(config, 2); });
}

}  // namespace

TEST_CASE("sentences become <bos> words <eos>, by vocabularies of the training split alone") {
  const ScratchFolder folder;
  write_set(folder);
  const DataSplits splits = load_data(config_for(folder), 2);
  const DatasetInfo& info = splits.train->info();
  CHECK(info.kind == SampleKind::pairs);
  CHECK(info.sample_shape == Ids{10});  // the longest is in the test split
  CHECK(info.target_shape == Ids{10});
  CHECK(info.classes == 0);
  CHECK(*info.words == std::vector<std::string>{"<pad>", "<unk>", "<bos>", "<eos>", "ein", "hund"});
  CHECK(*info.target_words == std::vector<std::string>{"<pad>", "<unk>", "<bos>", "<eos>", "a", "dog"});
  CHECK(info.vocabulary == 6);
  CHECK(info.target_vocabulary == 6);
  CHECK(splits.train->size() == 3);
  CHECK(splits.validation->size() == 1);
  CHECK(splits.test->size() == 2);

  Batch batch = splits.train->make_batch(3, false);
  batch.lengths = {6, 7};
  const std::int64_t ids[] = {1, 0};
  splits.train->fetch(ids, 0, batch);
  CHECK(row(batch.used_inputs(), 0) == Ids{2, 1, 1, 4, 5, 3});
  CHECK(row(batch.used_inputs(), 1) == Ids{2, 4, 5, 1, 3, 0});
  CHECK(row(batch.used_targets(), 0) == Ids{2, 1, 1, 4, 5, 3, 0});
  CHECK(row(batch.used_targets(), 1) == Ids{2, 4, 5, 1, 3, 0, 0});
  CHECK(splits.train->lengths_of(0).input == 5);
  CHECK(splits.train->loss_terms(0) == 4);
  batch.lengths = {5, 7};
  CHECK_THROWS_AS(splits.train->fetch(ids, 0, batch), Error);
}

TEST_CASE("references are the sentences as they stand in the file") {
  const ScratchFolder folder;
  write_set(folder);
  const DataSplits splits = load_data(config_for(folder), 1);
  CHECK(splits.train->source_text(1) == "Äpfel und ein Hund");
  CHECK(splits.test->target_text(0) == "A  Dog!");
  CHECK(splits.validation->target_text(0) == "dog cat");
  CHECK_THROWS_AS(splits.test->target_text(2), Error);
}

TEST_CASE("sentences are cut but keep their end; rarer words count when asked to") {
  const ScratchFolder folder;
  write_set(folder);
  RunConfig config = config_for(folder);
  config.data.max_length = 4;
  config.data.min_freq = 1;
  const DataSplits splits = load_data(config, 1);
  CHECK(splits.train->info().sample_shape == Ids{4});
  CHECK(splits.train->info().words->size() == 9);
  CHECK(splits.train->info().words->at(8) == "äpfel");
  Batch batch = splits.test->make_batch(2, false);
  const std::int64_t ids[] = {0, 1};
  splits.test->fetch(ids, 0, batch);
  CHECK(row(batch.used_inputs(), 1) == Ids{2, 4, 4, 3});
  CHECK(splits.test->lengths_of(1).target == 4);
}

TEST_CASE("compressed files, other languages, and fewer rows") {
  const ScratchFolder folder;
  for (const std::string split : {"train", "val", "test_2016_flickr"}) {
    folder.write(split + ".fr.gz", gzip("un chien\nun chat\n"));
    folder.write(split + ".cs", "pes\npes\n");
  }
  RunConfig config = config_for(folder);
  config.data.languages = {"fr", "cs"};
  config.data.max_train_rows = 1;
  config.data.min_freq = 1;
  const DataSplits splits = load_data(config, 1);
  CHECK(splits.train->size() == 1);
  CHECK(splits.validation->size() == 2);
  CHECK(splits.train->info().vocabulary == 6);
  CHECK(splits.train->info().target_words->back() == "pes");
}

TEST_CASE("any bytes make words: Latin-1 is not refused") {
  const ScratchFolder folder;
  write_set(folder);
  folder.write("train.de", "M\xe4nner M\xe4nner\nein ein\nein\n");
  const DataSplits splits = load_data(config_for(folder), 1);
  CHECK(splits.train->info().words->at(5) == "m\xe4nner");
}

TEST_CASE("files that do not fit each other, are missing or have empty lines make one clear line") {
  const ScratchFolder folder;
  write_set(folder);
  const RunConfig config = config_for(folder);
  folder.write("train.en", "A dog.\nApples and a dog\n");
  const std::string unequal = refusal(config);
  contains(unequal, "train.de' has 3 lines");
  contains(unequal, "train.en' has 2");
  folder.write("train.en", "A dog.\n \nApples\n");
  contains(refusal(config), "train.en:2: the line is empty");
  folder.write("train.en", "");
  contains(refusal(config), "train.en' is empty");
  std::filesystem::remove(folder / "train.en");
  const std::string missing = refusal(config);
  contains(missing, "train.en");
  contains(missing, "scripts/get-data multi30k");
  RunConfig nowhere = config;
  nowhere.data.path = folder / "not-there";
  contains(refusal(nowhere), "scripts/get-data multi30k");
}

TEST_CASE("the set's own validation split is used: asking for another is refused") {
  const ScratchFolder folder;
  write_set(folder);
  RunConfig config = config_for(folder);
  config.data.validation = 0;
  CHECK(load_data(config, 1).validation->size() == 1);
  config.data.validation = 0.3;
  contains(refusal(config), "data.validation");
  config = config_for(folder);
  config.given["data.validation"] = {"x.yaml", 3};  // the default's value, but given
  contains(refusal(config), "x.yaml:3");
  config = config_for(folder);
  config.data.max_length = 2;
  contains(refusal(config), "data.max_length");
  config = config_for(folder);
  config.data.min_freq = 50;
  contains(refusal(config), "data.min_freq");
}

TEST_CASE("the digest follows from content and settings") {
  const ScratchFolder folder;
  write_set(folder);
  RunConfig config = config_for(folder);
  const std::string digest = load_data(config, 1).train->info().digest;
  CHECK(digest == load_data(config, 2).train->info().digest);
  config.data.max_length = 5;
  CHECK(digest != load_data(config, 1).train->info().digest);
  config = config_for(folder);
  folder.write("val.en", "dog cat cat");
  CHECK(digest != load_data(config, 1).train->info().digest);
}

TEST_CASE("samples are ordered by input and then target for batches of similar length") {
  const ScratchFolder folder;
  write_set(folder);
  const DataSplits splits = load_data(config_for(folder), 1);
  const auto keys = splits.train->batching_lengths();
  CHECK((*keys)[2] < (*keys)[0]);
  CHECK((*keys)[0] < (*keys)[1]);
}

TEST_CASE("a byte order mark is no word, and only a line feed ends a line") {
  const ScratchFolder folder, plain;
  write_set(folder);
  write_set(plain);
  for (const char* name :
       {"train.de", "train.en", "val.de", "val.en", "test_2016_flickr.de", "test_2016_flickr.en"})
    folder.write(name, "\xef\xbb\xbf" + read_all(folder / name));
  const DataSplits marked = load_data(config_for(folder), 1), expected = load_data(config_for(plain), 1);
  CHECK(*marked.train->info().words == *expected.train->info().words);
  CHECK(*marked.train->info().target_words == *expected.train->info().target_words);
  CHECK(marked.train->source_text(0) == "Ein Hund.");
  CHECK(marked.notes.empty());
  RunConfig config = config_for(folder);
  config.data.min_freq = 1;
  // A line or paragraph separator, a next line, a vertical tab and a form feed are part of their line.
  folder.write("train.en",
               "A\xe2\x80\xa8"
               "dog.\nApples\xe2\x80\xa9 and\x0b a\x0c dog\r\na\xc2\x85 b\rc\n");
  const DataSplits splits = load_data(config, 1);
  CHECK(splits.train->size() == 3);
  CHECK(splits.train->target_text(1) == "Apples\xe2\x80\xa9 and\x0b a\x0c dog");
  CHECK(splits.train->target_text(2) == "a\xc2\x85 b\rc");
}

TEST_CASE("UTF-16, carriage returns alone and too long lines are named, Latin-1 is noted") {
  const ScratchFolder folder;
  write_set(folder);
  const RunConfig config = config_for(folder);
  folder.write("train.en", utf16("A dog.\nApples\na\n"));
  contains(refusal(config), "train.en' is UTF-16");
  folder.write("train.en", "A dog.\rApples and a dog\ra\r");
  contains(refusal(config), "train.en' ends its lines with only carriage returns");
  folder.write("train.en", "A dog.\n" + std::string(std::size_t{17} << 20, 'x') + "\na\n");
  contains(refusal(config), "train.en:2: a text of more than 16 MiB");
  folder.write("train.en", "A dog.\nApples and a dog\ncaf\xe9\n");
  const DataSplits splits = load_data(config, 1);
  REQUIRE(splits.notes.size() == 1);
  contains(splits.notes[0], "train.en:3: byte 0xe9 is not UTF-8");
  for (const auto& [path, words] : irregular_files(folder / "odd")) {
    std::filesystem::remove(folder / "train.en");
    std::filesystem::create_symlink(path, folder / "train.en");
    contains(refusal(config), words);
  }
}
