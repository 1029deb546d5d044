// CIFAR-10, binary version: five files of records to train on, and one to test with.
#include <array>
#include <utility>

#include "base/digest.hpp"
#include "data/array_dataset.hpp"
#include "data/cache.hpp"
#include "data/cifar10_records.hpp"
#include "data/sources.hpp"

namespace lockstep {

namespace {

constexpr const char* kUnpacked = "cifar-10-batches-bin";  // what the archive unpacks to
constexpr std::array<const char*, 6> kFiles = {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin",
                                               "data_batch_4.bin", "data_batch_5.bin", "test_batch.bin"};

using Files = std::vector<std::unique_ptr<const MappedFile>>;

Files open_files(const RunConfig& config) {
  require_folder(config, config.data.path, "data_batch_1.bin to data_batch_5.bin and test_batch.bin");
  std::string folder = config.data.path;
  if (!is_there(folder + "/" + kFiles[0]) && is_folder(folder + "/" + kUnpacked))
    folder += std::string("/") + kUnpacked;
  Files files;
  for (const char* name : kFiles) {
    require_file(config, folder + "/" + name);
    files.push_back(open_cifar10_records(folder + "/" + name, config.data.max_bytes));
  }
  return files;
}

EncodedData parse_all(const Files& files, int threads) {
  EncodedData data;
  data.sample_shape = {3, 32, 32};
  data.classes = kCifar10Classes;
  data.class_names = {"airplane", "automobile", "bird",  "cat",  "deer",
                      "dog",      "frog",       "horse", "ship", "truck"};
  const std::span all(files);
  data.train = read_cifar10_records(all.first(5), threads);
  data.test = read_cifar10_records(all.subspan(5), threads);
  return data;
}

}  // namespace

DataSplits load_cifar10(const RunConfig& config, int threads) {
  const Files files = open_files(config);
  Digest digest;
  for (const auto& file : files) digest.add(file->bytes());
  std::vector<std::string> notes;
  const EncodedData data = cached(config, digest.hex(), notes, [&] { return parse_all(files, threads); });
  const Normalisation normalisation{{.4914F, .4822F, .4465F}, {.2470F, .2435F, .2616F}};
  DataSplits splits = split_encoded(data, config, normalisation, digest.hex());
  splits.notes = std::move(notes);
  return splits;
}

}  // namespace lockstep
