// Synthetic data: the seed's alone, learnable well over chance but not by a glance, and split as asked.
#include "data/synthetic.hpp"

#include <cmath>
#include <cstring>
#include <set>

#include "data/array_dataset.hpp"
#include "data/support.hpp"

using namespace lockstep;
using namespace lockstep::test;

namespace {

RunConfig images_config() {
  RunConfig config;
  config.data.name = "synthetic_images";
  config.data.samples = 2000;
  config.data.test_samples = 500;
  config.data.shape = {1, 28, 28};
  return config;
}

RunConfig text_config() {
  RunConfig config;
  config.data.name = "synthetic_text";
  config.data.samples = 2000;
  config.data.test_samples = 500;
  config.data.classes = 4;
  config.data.max_length = 40;
  config.data.vocabulary = 1000;
  return config;
}

bool same(const EncodedData& a, const EncodedData& b) {
  const auto bytes = static_cast<std::size_t>(a.train.rows) * a.row_bytes();
  return std::memcmp(a.train.inputs.get(), b.train.inputs.get(), bytes) == 0 &&
         std::memcmp(a.train.labels.get(), b.train.labels.get(),
                     static_cast<std::size_t>(a.train.rows) * 4) == 0;
}

// Accuracy on the test split of the nearest class mean, learnt from the training split.
double nearest_mean_accuracy(const EncodedData& data) {
  const std::size_t width = data.row_bytes(), classes = static_cast<std::size_t>(data.classes);
  const auto pixel = [&](const EncodedSplit& split, std::size_t row, std::size_t i) {
    return static_cast<double>(std::to_integer<int>(split.inputs.get()[row * width + i]));
  };
  std::vector<double> mean(classes * width), count(classes);
  for (std::size_t row = 0; row < static_cast<std::size_t>(data.train.rows); ++row) {
    const auto label = static_cast<std::size_t>(data.train.labels.get()[row]);
    ++count[label];
    for (std::size_t i = 0; i < width; ++i) mean[label * width + i] += pixel(data.train, row, i);
  }
  int right = 0;
  for (std::size_t row = 0; row < static_cast<std::size_t>(data.test.rows); ++row) {
    std::vector<double> distance(classes);
    for (std::size_t c = 0; c < classes; ++c)
      for (std::size_t i = 0; i < width; ++i)
        distance[c] += std::pow(pixel(data.test, row, i) - mean[c * width + i] / count[c], 2);
    const auto best = std::min_element(distance.begin(), distance.end()) - distance.begin();
    right += best == data.test.labels.get()[row];
  }
  return right / static_cast<double>(data.test.rows);
}

// The same for word counts and naive Bayes.
double naive_bayes_accuracy(const EncodedData& data) {
  const auto length = static_cast<std::size_t>(data.sample_shape[0]),
             classes = static_cast<std::size_t>(data.classes);
  const auto words = static_cast<std::size_t>(data.vocabulary);
  const auto row_of = [&](const EncodedSplit& split, std::size_t row) {
    return reinterpret_cast<const std::int32_t*>(split.inputs.get()) + row * length;
  };
  std::vector<double> seen(classes * words, 1.0), total(classes, static_cast<double>(words));
  for (std::size_t row = 0; row < static_cast<std::size_t>(data.train.rows); ++row)
    for (std::size_t i = 0; i < length; ++i) {
      const auto label = static_cast<std::size_t>(data.train.labels.get()[row]);
      ++seen[label * words + static_cast<std::size_t>(row_of(data.train, row)[i])];
      ++total[label];
    }
  int right = 0;
  for (std::size_t row = 0; row < static_cast<std::size_t>(data.test.rows); ++row) {
    std::vector<double> score(classes);
    for (std::size_t c = 0; c < classes; ++c)
      for (std::size_t i = 0; i < length; ++i) {
        const auto id = static_cast<std::size_t>(row_of(data.test, row)[i]);
        if (id > 0) score[c] += std::log(seen[c * words + id] / total[c]);
      }
    right += std::max_element(score.begin(), score.end()) - score.begin() == data.test.labels.get()[row];
  }
  return right / static_cast<double>(data.test.rows);
}

}  // namespace

TEST_CASE("synthetic data follows from the seed, for any number of threads") {
  RunConfig config = images_config();
  CHECK(same(synthetic_images(config, 1), synthetic_images(config, 3)));
  const EncodedData before = synthetic_images(config, 1);
  config.run.seed = 43;
  CHECK_FALSE(same(before, synthetic_images(config, 1)));
  RunConfig text = text_config();
  CHECK(same(synthetic_text(text, 1), synthetic_text(text, 3)));
}

TEST_CASE("synthetic images are learnable well over chance, but not wholly by their class means") {
  const double accuracy = nearest_mean_accuracy(synthetic_images(images_config(), 2));
  CHECK(accuracy > 0.5);
  CHECK(accuracy < 0.999);
}

TEST_CASE("synthetic text is learnable well over chance, but not wholly by its word counts") {
  const double accuracy = naive_bayes_accuracy(synthetic_text(text_config(), 2));
  CHECK(accuracy > 0.6);
  CHECK(accuracy < 0.999);
}

TEST_CASE("synthetic documents vary in length and keep their padding at the end") {
  const EncodedData data = synthetic_text(text_config(), 2);
  const auto* ids = reinterpret_cast<const std::int32_t*>(data.train.inputs.get());
  std::set<int> lengths;
  for (std::int64_t row = 0; row < data.train.rows; ++row) {
    int length = 0;
    while (length < 40 && ids[row * 40 + length] != 0) ++length;
    for (int i = length; i < 40; ++i) REQUIRE(ids[row * 40 + i] == 0);
    for (int i = 0; i < length; ++i) REQUIRE((ids[row * 40 + i] > 0 && ids[row * 40 + i] < 1000));
    lengths.insert(length);
  }
  CHECK(*lengths.begin() == 10);
  CHECK(*lengths.rbegin() == 40);
}

TEST_CASE("the validation split is taken by seed, and every row lies on one side") {
  const RowSplit split = split_rows(1000, 0, 0.1, 42);
  CHECK(split.validation.size() == 100);
  std::set<std::int64_t> rows(split.train.begin(), split.train.end());
  rows.insert(split.validation.begin(), split.validation.end());
  CHECK(rows.size() == 1000);
  CHECK(split_rows(1000, 0, 0.1, 42).validation == split.validation);
  CHECK(split_rows(1000, 0, 0.1, 43).validation != split.validation);
  CHECK(split_rows(1000, 50, 0.1, 42).train.back() < 50);
  CHECK(split_rows(3, 0, 0.01, 1).validation.size() == 1);
  CHECK(split_rows(3, 0, 0.99, 1).train.size() == 1);
  contains(input_error_of([] { split_rows(1, 0, 0.5, 1); }), "data.validation");
}

TEST_CASE("splits, ids and digest of a synthetic set") {
  RunConfig config = text_config();
  const DataSplits splits = load_data(config, 2);
  CHECK(splits.train->size() == 1800);
  REQUIRE(splits.validation != nullptr);
  CHECK(splits.validation->size() == 200);
  CHECK(splits.test->size() == 500);
  Batch batch = splits.validation->make_batch(2, false);
  const std::int64_t ids[] = {199, 0};
  splits.validation->fetch(ids, 0, batch);
  CHECK(batch.inputs.scalar_type() == at::kLong);
  CHECK(batch.inputs.sizes() == at::IntArrayRef({2, 40}));
  const std::string digest = splits.train->info().digest;
  CHECK(load_data(config, 1).test->info().digest == digest);
  config.data.max_train_rows = 100;
  CHECK(load_data(config, 1).train->info().digest != digest);
  CHECK(load_data(config, 1).train->size() == 90);
}

TEST_CASE("settings that make no data set are refused by key") {
  RunConfig config = images_config();
  config.data.shape = {28, 28};
  contains(input_error_of([&] { load_data(config, 1); }), "data.shape");
  config = images_config();
  config.data.classes = 0;
  contains(input_error_of([&] { load_data(config, 1); }), "data.classes");
  config = text_config();
  config.data.vocabulary = 8;
  contains(input_error_of([&] { load_data(config, 1); }), "data.vocabulary");
  config = text_config();
  config.data.validation = 1.5;
  contains(input_error_of([&] { load_data(config, 1); }), "data.validation");
  config = images_config();
  config.data.max_length = 64;
  const std::string message = input_error_of([&] { load_data(config, 1); });
  contains(message, "data.max_length");
  contains(message, "synthetic_images");
}

TEST_CASE("an unknown data set is answered with the nearest name") {
  RunConfig config;
  config.data.name = "fashion_minst";
  const std::string message = input_error_of([&] { load_data(config, 1); });
  contains(message, "data.name");
  contains(message, "did you mean 'fashion_mnist'?");
}
