// CIFAR-10: records, where the files may lie, what is refused; augmentation of the training split alone.
#include "data/dataset.hpp"
#include "data/support.hpp"

using namespace lockstep;
using namespace lockstep::test;

namespace {

// Record i of a file: label (i + shift) mod 10, all red pixels i, green 100, blue 200.
std::string records(int count, int shift) {
  std::string bytes;
  for (int i = 0; i < count; ++i) {
    bytes += static_cast<char>((i + shift) % 10);
    bytes += std::string(1024, static_cast<char>(i + 1)) + std::string(1024, 'd') + std::string(1024, '\xc8');
  }
  return bytes;
}

void write_set(const ScratchFolder& folder, const std::string& below = "") {
  std::filesystem::create_directories(folder / below);
  for (int i = 1; i <= 5; ++i)
    folder.write(below + "data_batch_" + std::to_string(i) + ".bin", records(4, i));
  folder.write(below + "test_batch.bin", records(3, 7));
}

RunConfig config_for(const ScratchFolder& folder) {
  RunConfig config;
  config.data.name = "cifar10";
  config.data.path = folder.path();
  config.data.validation = 0;
  config.data.cache = "none";
  return config;
}

Batch fetched(const Dataset& dataset, std::int64_t id, std::int64_t epoch = 0) {
  Batch batch = dataset.make_batch(1, false);
  dataset.fetch({&id, 1}, epoch, batch);
  return batch;
}

std::vector<float> values(const Dataset& dataset, std::int64_t id, std::int64_t epoch = 0) {
  const Batch batch = fetched(dataset, id, epoch);
  const auto* first = batch.inputs.data_ptr<float>();
  return {first, first + batch.inputs.numel()};
}

}  // namespace

TEST_CASE("five files in order and a test file, in the folder or one below") {
  for (const std::string below : {"", "cifar-10-batches-bin/"}) {
    const ScratchFolder folder;
    write_set(folder, below);
    const DataSplits splits = load_data(config_for(folder), 3);
    CHECK(splits.train->size() == 20);
    CHECK(splits.test->size() == 3);
    CHECK(splits.train->info().sample_shape == std::vector<std::int64_t>{3, 32, 32});
    CHECK(splits.train->info().class_names.at(9) == "truck");
    CHECK(fetched(*splits.train, 4).targets.data_ptr<std::int64_t>()[0] == 2);
    CHECK(fetched(*splits.test, 2).targets.data_ptr<std::int64_t>()[0] == 9);
    const auto image = values(*splits.train, 6);
    CHECK(image[0] == Approx((3 / 255.0 - 0.4914) / 0.2470).epsilon(1e-5));
    CHECK(image[1024] == Approx((100 / 255.0 - 0.4822) / 0.2435).epsilon(1e-5));
    CHECK(image[3071] == Approx((200 / 255.0 - 0.4465) / 0.2616).epsilon(1e-5));
  }
}

TEST_CASE("a record that is cut off, a wrong label and a missing file each make one clear line") {
  const ScratchFolder folder;
  write_set(folder);
  const RunConfig config = config_for(folder);
  const auto message = [&] { return input_error_of([&] { load_data(config, 2); }); };
  folder.write("data_batch_3.bin", records(4, 0).substr(0, 3 * 3073 + 100));
  const std::string cut_off = message();
  contains(cut_off, "data_batch_3.bin");
  contains(cut_off, "record 3");
  folder.write("data_batch_3.bin", "");
  contains(message(), "data_batch_3.bin");
  std::string wrong = records(4, 0);
  wrong[2 * 3073] = 10;
  folder.write("data_batch_3.bin", wrong);
  const std::string label = message();
  contains(label, "data_batch_3.bin");
  contains(label, "label 10 of record 2");
  std::filesystem::remove(folder / "data_batch_3.bin");
  const std::string missing = message();
  contains(missing, "data_batch_3.bin");
  contains(missing, "scripts/get-data cifar10");
}

TEST_CASE("pixels from 0 to 1 when they are not to be normalised") {
  const ScratchFolder folder;
  write_set(folder);
  RunConfig config = config_for(folder);
  config.data.normalise = false;
  const DataSplits splits = load_data(config, 1);
  CHECK(values(*splits.train, 0)[1024] == Approx(100 / 255.0));
}

TEST_CASE("training images are augmented anew each epoch, those of validation and test are not") {
  const ScratchFolder folder;
  write_set(folder);
  RunConfig config = config_for(folder);
  config.data.crop_padding = 4;
  config.data.flip = true;
  config.data.rotation = 10;
  config.data.validation = 0.2;
  const DataSplits splits = load_data(config, 1), same = load_data(config, 2);
  int changed = 0;
  for (std::int64_t id = 0; id < splits.train->size(); ++id) {
    CHECK(values(*splits.train, id, 1) == values(*same.train, id, 1));
    changed += values(*splits.train, id, 1) != values(*splits.train, id, 2);
  }
  CHECK(changed >= splits.train->size() - 2);
  for (const auto& dataset : {splits.validation, splits.test})
    for (std::int64_t id = 0; id < dataset->size(); ++id) {
      const auto image = values(*dataset, id);
      CHECK(image == values(*dataset, id, 5));
      CHECK(std::count(image.begin(), image.begin() + 1024, image[0]) == 1024);
    }
  config.data.flip = false;
  CHECK(load_data(config, 1).train->info().digest != splits.train->info().digest);
}

TEST_CASE("a sample does not depend on its place in the batch") {
  const ScratchFolder folder;
  write_set(folder);
  RunConfig config = config_for(folder);
  config.data.crop_padding = 4;
  const DataSplits splits = load_data(config, 1);
  Batch batch = splits.train->make_batch(3, false);
  const std::int64_t ids[] = {7, 2, 11};
  splits.train->fetch(ids, 4, batch);
  for (std::size_t i = 0; i < 3; ++i) {
    const auto* row = batch.inputs.data_ptr<float>() + i * 3072;
    CHECK(std::vector<float>(row, row + 3072) == values(*splits.train, ids[i], 4));
  }
}

TEST_CASE("images are resized, augmented or not") {
  const ScratchFolder folder;
  write_set(folder);
  RunConfig config = config_for(folder);
  config.data.resize = 80;
  const DataSplits plain = load_data(config, 1);
  CHECK(plain.train->info().sample_shape == std::vector<std::int64_t>{3, 80, 80});
  const auto image = values(*plain.train, 0);
  CHECK(image.size() == 3 * 80 * 80);
  CHECK(image[80 * 80] == Approx((100 / 255.0 - 0.4822) / 0.2435).epsilon(1e-5));
  config.data.crop_padding = 4;
  const DataSplits moved = load_data(config, 1);
  CHECK(values(*moved.train, 0, 1) != values(*moved.train, 0, 2));
  CHECK(values(*moved.test, 0) == values(*plain.test, 0));
}

TEST_CASE("padding as large as the image, and keys of another kind of data, are refused") {
  const ScratchFolder folder;
  write_set(folder);
  RunConfig config = config_for(folder);
  config.data.crop_padding = 32;
  contains(input_error_of([&] { load_data(config, 1); }), "data.crop_padding");
  config = config_for(folder);
  config.data.batching = Batching::length;
  contains(input_error_of([&] { load_data(config, 1); }), "data.batching");
}
