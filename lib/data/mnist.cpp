// MNIST and the data sets that share its four files.
#include <utility>

#include "base/digest.hpp"
#include "base/error.hpp"
#include "base/parallel_for.hpp"
#include "data/array_dataset.hpp"
#include "data/cache.hpp"
#include "data/idx.hpp"
#include "data/input_file.hpp"
#include "data/sources.hpp"

namespace lockstep {

namespace {

constexpr std::int64_t kClasses = 10;

// What differs between the sets: the statistics of the training images, and what the labels mean.
struct Facts {
  float mean, deviation;
  std::vector<std::string> class_names;
};

struct SplitFiles {
  std::string images, labels;
};

SplitFiles find_split(const RunConfig& config, const std::string& folder, const std::string& prefix) {
  return {require_raw_or_gzip(config, folder + "/" + prefix + "-images-idx3-ubyte"),
          require_raw_or_gzip(config, folder + "/" + prefix + "-labels-idx1-ubyte")};
}

EncodedData parse(const SplitFiles& train, const SplitFiles& test, const Facts& facts, MaxBytes max_bytes,
                  int threads) {
  IdxImages images[2];
  EncodedSplit splits[2];
  const SplitFiles* files[2] = {&train, &test};
  parallel_for(2, threads, [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) {
      images[i] = read_idx_images(files[i]->images, max_bytes);
      splits[i] = idx_split(images[i], read_idx_labels(files[i]->labels, kClasses, max_bytes),
                            files[i]->images, files[i]->labels);
    }
  });
  if (images[0].height != images[1].height || images[0].width != images[1].width)
    throw input_error("the images of '{}' are {} x {}, those of '{}' {} x {}", train.images, images[0].height,
                      images[0].width, test.images, images[1].height, images[1].width);
  EncodedData data;
  data.sample_shape = {1, images[0].height, images[0].width};
  data.classes = kClasses;
  data.class_names = facts.class_names;
  data.train = std::move(splits[0]);
  data.test = std::move(splits[1]);
  return data;
}

DataSplits load(const RunConfig& config, const std::string& folder, const Facts& facts, int threads) {
  require_folder(config, folder, "the four IDX files");
  const SplitFiles train = find_split(config, folder, "train"), test = find_split(config, folder, "t10k");
  Digest digest;
  for (const std::string& file : {train.images, train.labels, test.images, test.labels})
    digest.add(MappedFile(file, config.data.max_bytes).bytes());
  std::vector<std::string> notes;
  const EncodedData data = cached(config, digest.hex(), notes,
                                  [&] { return parse(train, test, facts, config.data.max_bytes, threads); });
  DataSplits splits = split_encoded(data, config, {{facts.mean}, {facts.deviation}}, digest.hex());
  splits.notes = std::move(notes);
  return splits;
}

}  // namespace

DataSplits load_mnist(const RunConfig& config, int threads) {
  const Facts facts{.1307F, .3081F, {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"}};
  return load(config, config.data.path, facts, threads);
}

DataSplits load_fashion_mnist(const RunConfig& config, int threads) {
  const Facts facts{.2860F,
                    .3530F,
                    {"T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker",
                     "Bag", "Ankle boot"}};
  const std::string package = "/usr/share/datasets/fashion-mnist";  // Debian's dataset-fashion-mnist
  return load(config, config.data.path.empty() ? package : config.data.path, facts, threads);
}

}  // namespace lockstep
