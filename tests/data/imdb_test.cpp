// IMDB folders: order, classes, tokenizers, and what is refused.
#include "data/dataset.hpp"
#include "data/support.hpp"
#include "data/tokenizer.hpp"

using namespace lockstep;
using namespace lockstep::test;

namespace {

using Ids = std::vector<std::int64_t>;

void write_set(const ScratchFolder& folder, const std::string& below = "") {
  for (const char* part : {"train/pos", "train/neg", "test/pos", "test/neg"})
    std::filesystem::create_directories(folder / (below + part));
  folder.write(below + "train/pos/0_9.txt", "A good film<br /><br />good!");
  folder.write(below + "train/neg/0_2.txt", "bad film");
  folder.write(below + "train/pos/10_8.txt", "good");
  folder.write(below + "train/neg/10_1.txt", "a bad bad bad bad bad bad end");
  folder.write(below + "train/neg/notes.md", "not a document");
  folder.write(below + "test/pos/0_10.txt", "caf\xe9 na\xc3\xafve good");
  folder.write(below + "test/neg/0_3.txt", "bad");
}

RunConfig config_for(const ScratchFolder& folder) {
  RunConfig config;
  config.data.name = "imdb";
  config.data.path = folder.path();
  config.data.max_length = 5;
  config.data.vocabulary = 1000;
  config.data.validation = 0;
  config.data.cache = "none";
  config.data.tokenizer = Tokenizer::basic_english;
  return config;
}

Ids fetched(const Dataset& dataset, std::int64_t id) {
  Batch batch = dataset.make_batch(1, false);
  dataset.fetch({&id, 1}, 0, batch);
  const auto* first = batch.inputs.data_ptr<std::int64_t>();
  Ids ids(first, first + batch.inputs.numel());
  ids.push_back(batch.targets.data_ptr<std::int64_t>()[0]);
  return ids;
}

std::string refusal(const RunConfig& config) {
  return input_error_of([&] { load_data(config, 2); });
}

}  // namespace

TEST_CASE("documents come by name, the classes mixed; long ones are cut, short ones padded") {
  for (const std::string below : {"", "aclImdb/"}) {
    const ScratchFolder folder;
    write_set(folder, below);
    const DataSplits splits = load_data(config_for(folder), 3);
    const DatasetInfo& info = splits.train->info();
    CHECK(info.kind == SampleKind::text);
    CHECK(info.class_names == std::vector<std::string>{"neg", "pos"});
    // bad 7, good 3, a 2, film 2, ! 1, end 1
    CHECK(*info.words == std::vector<std::string>{"<pad>", "<unk>", "bad", "good", "a", "film", "!", "end"});
    REQUIRE(splits.train->size() == 4);
    CHECK(fetched(*splits.train, 0) == Ids{2, 5, 0, 0, 0, 0});
    CHECK(fetched(*splits.train, 1) == Ids{4, 3, 5, 3, 6, 1});
    CHECK(fetched(*splits.train, 2) == Ids{4, 2, 2, 2, 2, 0});
    CHECK(fetched(*splits.train, 3) == Ids{3, 0, 0, 0, 0, 1});
    CHECK(splits.train->lengths_of(3).input == 1);
    CHECK(splits.train->lengths_of(2).input == 5);
    REQUIRE(splits.test->size() == 2);
    CHECK(fetched(*splits.test, 0) == Ids{1, 1, 3, 0, 0, 1});
    CHECK(fetched(*splits.test, 1) == Ids{2, 0, 0, 0, 0, 0});
  }
}

TEST_CASE("the hash tokenizer reads the same documents, a line break as a space") {
  const ScratchFolder folder;
  write_set(folder);
  RunConfig config = config_for(folder);
  config.data.tokenizer = Tokenizer::hash;
  const DataSplits splits = load_data(config, 1);
  CHECK(splits.train->info().words == nullptr);
  std::int32_t expected[5] = {};
  hash_encoder(1000)->encode("a good film good!", expected, 5);
  const Ids ids = fetched(*splits.train, 1);
  CHECK(Ids(ids.begin(), ids.begin() + 5) == Ids(expected, expected + 5));
}

TEST_CASE("what is cached is what was built, words included, and new words make a new entry") {
  const ScratchFolder folder;
  write_set(folder);
  RunConfig config = config_for(folder);
  config.data.cache = folder / "cache";
  const DataSplits built = load_data(config, 1), read = load_data(config, 1);
  CHECK(built.notes.size() == 2);  // of notes.md and of Latin-1, not of the cache
  CHECK(built.notes == read.notes);
  CHECK(*built.train->info().words == *read.train->info().words);
  CHECK(fetched(*built.train, 1) == fetched(*read.train, 1));
  CHECK(built.train->info().digest == read.train->info().digest);
  folder.write("train/pos/10_8.txt", "great");
  CHECK(load_data(config, 1).train->info().digest != built.train->info().digest);
}

TEST_CASE("a class without documents and a missing folder make one clear line that says what to do") {
  const ScratchFolder folder;
  write_set(folder);
  const RunConfig config = config_for(folder);
  std::filesystem::remove(folder / "test/pos/0_10.txt");
  const std::string empty = refusal(config);
  contains(empty, "test/pos");
  contains(empty, "scripts/get-data imdb");
  std::filesystem::remove_all(folder / "test/pos");
  contains(refusal(config), "test/pos");
  RunConfig nowhere = config;
  nowhere.data.path = folder / "elsewhere";
  contains(refusal(nowhere), "scripts/get-data imdb");
}

TEST_CASE("what lies beside the documents is passed over, and counted once") {
  const ScratchFolder plain, folder;
  write_set(plain);
  write_set(folder);
  const std::string apple("\0\5\x16\7\0\2\0\0Mac OS X", 16);
  for (const char* part : {"train/pos/", "train/neg/", "test/pos/", "test/neg/"}) {
    for (const char* name : {"._0_9.txt", ".hidden.txt", "Thumbs.db", "desktop.ini", ".DS_Store", "0_9.txt~",
                             ".0_9.txt.swp", "#0_9.txt#", "0_9.txt.bak", "~$0_9.txt", "Icon\r"})
      folder.write(std::string(part) + name, apple);
    std::filesystem::create_directory(folder / (std::string(part) + "folder.txt"));
  }
  const DataSplits splits = load_data(config_for(folder), 2), expected = load_data(config_for(plain), 2);
  CHECK(splits.train->size() == 4);
  CHECK(splits.test->size() == 2);
  CHECK(splits.train->info().digest == expected.train->info().digest);
  CHECK(*splits.train->info().words == *expected.train->info().words);
  // Twelve in each of four folders, and notes.md.
  REQUIRE(splits.notes.size() == 2);
  contains(splits.notes[0],
           "skipped files and folders that are not documents: 49, the first '" + folder.path());
  contains(expected.notes.at(0), "skipped files and folders that are not documents: 1, the first");
  contains(expected.notes.at(0), "train/neg/notes.md");
}

TEST_CASE("a byte order mark is no part of the first word; UTF-16 is refused, Latin-1 is noted") {
  const ScratchFolder folder;
  write_set(folder);
  const DataSplits expected = load_data(config_for(folder), 1);
  REQUIRE(expected.notes.size() == 2);
  contains(expected.notes[1], "test/pos/0_10.txt:1: byte 0xe9 is not UTF-8");
  folder.write("train/pos/10_8.txt", "\xef\xbb\xbfgood");
  const DataSplits marked = load_data(config_for(folder), 1);
  CHECK(*marked.train->info().words == *expected.train->info().words);
  CHECK(marked.train->info().digest == expected.train->info().digest);
  folder.write("train/pos/10_8.txt", utf16("good"));
  contains(refusal(config_for(folder)), "train/pos/10_8.txt' is UTF-16");
}

TEST_CASE("a document that is not a regular file, or too long, is refused at once") {
  const ScratchFolder folder;
  write_set(folder);
  for (const auto& [path, words] : irregular_files(folder / "odd")) {
    if (words == "a folder") continue;
    std::filesystem::create_symlink(path, folder / "train/pos/5_5.txt");
    const std::string message = refusal(config_for(folder));
    contains(message, "train/pos/5_5.txt");
    contains(message, words);
    std::filesystem::remove(folder / "train/pos/5_5.txt");
  }
  folder.write("train/pos/5_5.txt", "");
  std::filesystem::resize_file(folder / "train/pos/5_5.txt", std::uintmax_t{8} << 30);  // a hole
  contains(refusal(config_for(folder)), "train/pos/5_5.txt: a text of more than 16 MiB");
}
