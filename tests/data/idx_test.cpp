// IDX files: read right, and refused with the file's name when they are wrong.
#include "data/idx.hpp"

#include "data/dataset.hpp"
#include "data/support.hpp"

using namespace lockstep;
using namespace std::string_literals;
using namespace lockstep::test;

namespace {

// A whole data set: 20 training and 10 test images of 3 x 4.
void write_set(const ScratchFolder& folder) {
  folder.write("train-images-idx3-ubyte.gz", gzip(idx_images(20, 3, 4)));
  folder.write("train-labels-idx1-ubyte", idx_labels(20));
  folder.write("t10k-images-idx3-ubyte", idx_images(10, 3, 4));
  folder.write("t10k-labels-idx1-ubyte.gz", gzip(idx_labels(10)));
}

RunConfig config_for(const ScratchFolder& folder) {
  RunConfig config;
  config.data.name = "mnist";
  config.data.path = folder.path();
  config.data.validation = 0;
  config.data.cache = "none";
  return config;
}

std::string set_error(const ScratchFolder& folder) {
  return input_error_of([&] { load_data(config_for(folder), 2); });
}

}  // namespace

TEST_CASE("images and labels come back as written, raw and compressed, normalised by the set's statistics") {
  const ScratchFolder folder;
  write_set(folder);
  const DataSplits splits = load_data(config_for(folder), 2);
  REQUIRE(splits.train->size() == 20);
  REQUIRE(splits.test->size() == 10);
  CHECK(splits.validation == nullptr);
  CHECK(splits.train->info().sample_shape == std::vector<std::int64_t>{1, 3, 4});
  CHECK(splits.train->info().classes == 10);
  Batch batch = splits.train->make_batch(4, false);
  const std::int64_t ids[] = {13, 0};
  splits.train->fetch(ids, 0, batch);
  CHECK(batch.size == 2);
  CHECK(batch.targets.data_ptr<std::int64_t>()[0] == 3);
  CHECK(batch.targets.data_ptr<std::int64_t>()[1] == 0);
  for (int p = 0; p < 12; ++p) {
    const float expected = (static_cast<float>(13 * 7 + p) / 255.0F - .1307F) / .3081F;
    CHECK(batch.inputs.data_ptr<float>()[p] == Approx(expected).margin(1e-5));
  }
}

TEST_CASE("an id that is not there, or more ids than the batch holds, is an error") {
  const ScratchFolder folder;
  write_set(folder);
  const DataSplits splits = load_data(config_for(folder), 1);
  Batch batch = splits.test->make_batch(1, false);
  const std::int64_t beyond[] = {10}, negative[] = {-1}, two[] = {0, 1};
  CHECK_THROWS_AS(splits.test->fetch(beyond, 0, batch), Error);
  CHECK_THROWS_AS(splits.test->fetch(negative, 0, batch), Error);
  CHECK_THROWS_AS(splits.test->fetch(two, 0, batch), Error);
}

TEST_CASE("a missing path, folder or file names what is missing and the key") {
  const ScratchFolder folder;
  RunConfig config = config_for(folder);
  contains(set_error(folder), "train-images-idx3-ubyte");
  config.data.path = folder / "nowhere";
  const std::string message = input_error_of([&] { load_data(config, 1); });
  contains(message, "data.path");
  contains(message, folder / "nowhere");
  config.data.path.clear();
  contains(input_error_of([&] { load_data(config, 1); }), "data.path");
}

TEST_CASE("a wrong magic number says what the file is") {
  const ScratchFolder folder;
  const std::string labels = folder.write("labels", idx_labels(3));
  const std::string images = folder.write("images", idx_images(3, 2, 2));
  const std::string squeezed = folder.write("squeezed", gzip(idx_images(3, 2, 2)));
  const std::string text = folder.write("text", "hello, world, this is no such file");
  contains(input_error_of([&] { read_idx_images(labels); }), "0x00000801 where 0x00000803 (images) belongs");
  contains(input_error_of([&] { read_idx_images(labels); }), "it is a file of labels");
  contains(input_error_of([&] { read_idx_labels(images, 10); }), "it is a file of images");
  contains(input_error_of([&] { read_idx_images(squeezed); }), "gzip");
  contains(input_error_of([&] { read_idx_images(text); }), text);
}

TEST_CASE("a file cut at any byte is refused by name, raw and compressed") {
  const ScratchFolder folder;
  const std::string raw = idx_images(3, 2, 2), packed = gzip(raw), labels = idx_labels(5);
  for (std::size_t bytes = 0; bytes < raw.size(); ++bytes) {
    const std::string path = folder.write("cut", std::string_view(raw).substr(0, bytes));
    contains(input_error_of([&] { read_idx_images(path); }), path);
  }
  for (std::size_t bytes = 0; bytes < packed.size(); ++bytes) {
    const std::string path = folder.write("cut.gz", std::string_view(packed).substr(0, bytes));
    contains(input_error_of([&] { read_idx_images(path); }), path);
  }
  for (std::size_t bytes = 0; bytes < labels.size(); ++bytes) {
    const std::string path = folder.write("cut-labels", std::string_view(labels).substr(0, bytes));
    contains(input_error_of([&] { read_idx_labels(path, 10); }), path);
  }
}

TEST_CASE("a file that goes on, or whose header promises the impossible, is refused") {
  const ScratchFolder folder;
  const std::string longer = folder.write("longer", idx_images(3, 2, 2) + "x");
  contains(input_error_of([&] { read_idx_images(longer); }), "continues after byte 28");
  const auto header = [](std::uint32_t n, std::uint32_t h, std::uint32_t w) {
    return big_endian(0x803) + big_endian(n) + big_endian(h) + big_endian(w) + "pixels";
  };
  const std::string huge = folder.write("huge", header(0xffffffff, 60000, 60000));
  contains(input_error_of([&] { read_idx_images(huge); }), "too short");
  const std::string wide = folder.write("wide", header(1, 0xffffffff, 0xffffffff));
  contains(input_error_of([&] { read_idx_images(wide); }), wide);
  const std::string none = folder.write("none", header(0, 2, 2));
  contains(input_error_of([&] { read_idx_images(none); }), "holds no images");
}

TEST_CASE("compressed data that is damaged, or not compressed at all, is refused") {
  const ScratchFolder folder;
  std::string packed = gzip(idx_images(50, 4, 4));
  packed[packed.size() - 6] = static_cast<char>(packed[packed.size() - 6] ^ 1);  // in the checksum
  const std::string damaged = folder.write("damaged.gz", packed);
  contains(input_error_of([&] { read_idx_images(damaged); }), damaged);
  const std::string plain = folder.write("plain.gz", idx_images(3, 2, 2));
  contains(input_error_of([&] { read_idx_images(plain); }), "not gzip data");
}

TEST_CASE("a gzip file of several members reads as one") {
  const ScratchFolder folder;
  const std::string raw = idx_images(3, 2, 2);
  const std::string path = folder.write("two.gz", gzip(raw.substr(0, 10)) + gzip(raw.substr(10)));
  CHECK(read_idx_images(path).count == 3);
}

TEST_CASE("zeros behind compressed data are padding; other bytes are no data") {
  const ScratchFolder folder;
  const std::string packed = gzip(idx_images(3, 2, 2)), zeros(700, '\0');
  const auto count = [&](const std::string& bytes) {
    return read_idx_images(folder.write("x.gz", bytes)).count;
  };
  CHECK(count(packed + zeros) == 3);
  CHECK(count(packed + "\0"s) == 3);
  const std::string raw = idx_images(3, 2, 2);
  CHECK(count(gzip(raw.substr(0, 10)) + zeros + gzip(raw.substr(10)) + zeros) == 3);
  CHECK(count(gzip("") + gzip(raw) + gzip("")) == 3);
  const auto refusal = [&](const std::string& bytes) {
    return input_error_of([&] { read_idx_images(folder.write("x.gz", bytes)); });
  };
  const std::string place =
      fmt::format("at byte {}, with bytes that are neither zeros nor gzip data", packed.size());
  contains(refusal(packed + "garbage"), place);
  contains(refusal(packed + "\x1f"), place);
  contains(refusal(packed + zeros + "x"), "neither zeros nor gzip");
  contains(refusal(gzip(raw.substr(0, 10)) + gzip(raw.substr(10)).substr(0, 15)), "is cut off");
  contains(refusal(packed + packed), "continues after byte 28");
  contains(refusal(zeros), "not gzip data");
}

TEST_CASE("what is not a regular file is refused at once") {
  const ScratchFolder folder;
  write_set(folder);
  for (const auto& [path, words] : irregular_files(folder / "odd")) {
    std::filesystem::remove(folder / "train-labels-idx1-ubyte");
    std::filesystem::create_symlink(path, folder / "train-labels-idx1-ubyte");
    const std::string message = set_error(folder);
    contains(message, "train-labels-idx1-ubyte");
    contains(message, words);
  }
  std::filesystem::remove(folder / "train-labels-idx1-ubyte");
  std::filesystem::create_symlink(folder.write("elsewhere", idx_labels(20)),
                                  folder / "train-labels-idx1-ubyte");
  CHECK(load_data(config_for(folder), 1).train->size() == 20);
}

TEST_CASE("labels out of range, and labels that do not match the images, are refused") {
  const ScratchFolder folder;
  write_set(folder);
  folder.write("train-labels-idx1-ubyte", idx_labels(19));
  const std::string count = set_error(folder);
  contains(count, "train-labels-idx1-ubyte' holds 19 labels");
  contains(count, "20 images");
  std::string labels = idx_labels(20);
  labels[8 + 12] = 10;
  folder.write("train-labels-idx1-ubyte", labels);
  contains(set_error(folder), "label 10 of record 12 is not below 10");
}

TEST_CASE("training and test images of different sizes are refused") {
  const ScratchFolder folder;
  write_set(folder);
  folder.write("t10k-images-idx3-ubyte", idx_images(10, 4, 4));
  contains(set_error(folder), "4 x 4");
}
