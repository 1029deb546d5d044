// The published files themselves: counts, first labels, and an encoding that was computed elsewhere.
#include <cstdlib>
#include <filesystem>
#include <iostream>

#include "data/csv.hpp"
#include "data/dataset.hpp"
#include "data/input_file.hpp"
#include "data/support.hpp"
#include "data/text_data.hpp"

using namespace lockstep;
using namespace lockstep::test;

namespace {

// Empty, after saying so, when the folder is not there.
std::string folder_or_skip(const std::string& path) {
  if (std::filesystem::is_directory(path)) return path;
  std::cout << "SKIPPED: there is no folder " << path << "\n";
  return {};
}

std::string shared(const std::string& name) {
  return folder_or_skip(fmt::format("{}/../shared/data/{}", LOCKSTEP_SOURCE_DIR, name));
}

RunConfig config_for(const std::string& name, const std::string& path) {
  RunConfig config;
  config.data.name = name;
  config.data.path = path;
  config.data.validation = 0;
  config.data.cache = "none";
  return config;
}

std::vector<std::int64_t> first_labels(const Dataset& dataset, std::int64_t count) {
  Batch batch = dataset.make_batch(count, false);
  std::vector<std::int64_t> ids;
  for (std::int64_t i = 0; i < count; ++i) ids.push_back(i);
  dataset.fetch(ids, 0, batch);
  const auto* labels = batch.targets.data_ptr<std::int64_t>();
  return {labels, labels + count};
}

// Mean and deviation of the normalised training images: 0 and 1 when the constants are the set's own.
void check_normalisation(const Dataset& dataset) {
  Batch batch = dataset.make_batch(6000, false);
  double sum = 0, squares = 0, count = 0;
  for (std::int64_t begin = 0; begin < dataset.size(); begin += 6000) {
    std::vector<std::int64_t> ids;
    for (std::int64_t i = begin; i < begin + 6000; ++i) ids.push_back(i);
    dataset.fetch(ids, 0, batch);
    for (std::int64_t i = 0; i < batch.inputs.numel(); ++i) {
      const double value = batch.inputs.data_ptr<float>()[i];
      sum += value;
      squares += value * value;
    }
    count += static_cast<double>(batch.inputs.numel());
  }
  CHECK(sum / count == Approx(0).margin(1e-3));
  CHECK(std::sqrt(squares / count) == Approx(1).margin(1e-3));
}

// A sum over all ids and labels, each weighted by its place.
std::uint64_t weighted_sum(const EncodedSplit& split, std::int64_t length) {
  std::uint64_t sum = 0;
  const auto* ids = reinterpret_cast<const std::int32_t*>(split.inputs.get());
  for (std::int64_t row = 0; row < split.rows; ++row) {
    for (std::int64_t i = row * length; i < (row + 1) * length; ++i)
      sum += static_cast<std::uint64_t>(i + 1) * static_cast<std::uint64_t>(ids[i]);
    sum += static_cast<std::uint64_t>(split.labels.get()[row] + 1) * 1000003U *
           static_cast<std::uint64_t>(row + 1);
  }
  return sum;
}

}  // namespace

TEST_CASE("MNIST") {
  const std::string path = shared("mnist");
  if (path.empty()) return;
  const DataSplits splits = load_data(config_for("mnist", path), 2);
  CHECK(splits.train->size() == 60000);
  CHECK(splits.test->size() == 10000);
  CHECK(splits.train->info().sample_shape == std::vector<std::int64_t>{1, 28, 28});
  CHECK(first_labels(*splits.train, 10) == std::vector<std::int64_t>{5, 0, 4, 1, 9, 2, 1, 3, 1, 4});
  CHECK(first_labels(*splits.test, 5) == std::vector<std::int64_t>{7, 2, 1, 0, 4});
  check_normalisation(*splits.train);
}

TEST_CASE("Fashion-MNIST, from where the package puts it") {
  if (folder_or_skip("/usr/share/datasets/fashion-mnist").empty()) return;
  const DataSplits splits = load_data(config_for("fashion_mnist", ""), 2);
  CHECK(splits.train->size() == 60000);
  CHECK(splits.test->size() == 10000);
  CHECK(first_labels(*splits.train, 5) == std::vector<std::int64_t>{9, 0, 0, 3, 0});
  CHECK(first_labels(*splits.test, 5) == std::vector<std::int64_t>{9, 2, 1, 1, 6});
  CHECK(splits.train->info().class_names.at(9) == "Ankle boot");
  check_normalisation(*splits.train);
}

TEST_CASE("AG News") {
  const std::string path = shared("ag_news");
  if (path.empty()) return;
  const DataSplits splits = load_data(config_for("ag_news", path), 2);
  CHECK(splits.train->size() == 41250);
  CHECK(splits.test->size() == 7600);
  CHECK(splits.train->info().classes == 4);
  CHECK(splits.train->info().class_names ==
        std::vector<std::string>{"World", "Sports", "Business", "Sci/Tech"});
  CHECK(first_labels(*splits.train, 10) == std::vector<std::int64_t>{1, 2, 0, 2, 0, 1, 3, 0, 3, 0});
  CHECK(first_labels(*splits.test, 5) == std::vector<std::int64_t>{2, 3, 3, 3, 3});
}

TEST_CASE("AG News, hashed, equals what Python's csv module and a plain FNV-1a make of the files") {
  const std::string path = shared("ag_news");
  if (path.empty()) return;
  const auto encoder = hash_encoder(20000);
  const auto sum_of = [&](const std::string& name) {
    const MappedFile file(path + "/" + name);
    return weighted_sum(
        encode_texts(labelled_texts(parse_csv(file.bytes(), file.path(), 4)), *encoder, 128, 3), 128);
  };
  CHECK(sum_of("test.csv") == 1494352850912728ULL);
  CHECK(sum_of("train.csv") == 44545358606621807ULL);
}

TEST_CASE("CIFAR-10, unpacked") {
  const std::string path = shared("cifar10");
  if (path.empty()) return;
  const ScratchFolder folder;
  REQUIRE(std::system(
              fmt::format("tar -xJf '{}/cifar-10-binary.tar.xz' -C '{}'", path, folder.path()).c_str()) == 0);
  const DataSplits splits = load_data(config_for("cifar10", folder.path()), 2);
  CHECK(splits.train->size() == 50000);
  CHECK(splits.test->size() == 10000);
  CHECK(first_labels(*splits.train, 10) == std::vector<std::int64_t>{6, 9, 9, 4, 1, 1, 2, 7, 8, 3});
  CHECK(first_labels(*splits.test, 5) == std::vector<std::int64_t>{3, 8, 8, 0, 6});
}

TEST_CASE("Multi30k, German to English, equals what a plain Python program makes of the files") {
  const std::string path = shared("multi30k");
  if (path.empty()) return;
  RunConfig config = config_for("multi30k", path);
  config.data.batching = Batching::length;
  const DataSplits splits = load_data(config, 2);
  CHECK(splits.train->size() == 29000);
  CHECK(splits.validation->size() == 1014);
  CHECK(splits.test->size() == 1000);
  const DatasetInfo& info = splits.train->info();
  CHECK(info.vocabulary == 7820);
  CHECK(info.target_vocabulary == 5921);
  CHECK(info.sample_shape == std::vector<std::int64_t>{46});
  CHECK(info.target_shape == std::vector<std::int64_t>{42});
  CHECK(info.words->at(5) == "ein");
  CHECK(splits.test->target_text(0) == "A man in an orange hat starring at something.");
  Lengths total;
  for (std::int64_t id = 0; id < splits.train->size(); ++id) {
    const Lengths lengths = splits.train->lengths_of(id);
    total = {total.input + lengths.input, total.target + lengths.target};
  }
  CHECK(total.input == 418268);
  CHECK(total.target == 435687);
  Batch batch = splits.train->make_batch(1, false);
  const std::int64_t first = 0;
  batch.lengths = splits.train->lengths_of(first);
  splits.train->fetch({&first, 1}, 0, batch);
  const auto* ids = batch.used_inputs().data_ptr<std::int64_t>();
  CHECK(std::vector<std::int64_t>(ids, ids + batch.lengths.input) ==
        std::vector<std::int64_t>{2, 18, 26, 251, 30, 84, 20, 88, 7, 15, 110, 7605, 3157, 4, 3});
}
