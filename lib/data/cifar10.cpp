// CIFAR-10, binary version: records of a label byte and 32 x 32 pixels, the red plane first.
#include <array>
#include <cstring>
#include <utility>

#include "base/digest.hpp"
#include "base/error.hpp"
#include "base/parallel_for.hpp"
#include "data/array_dataset.hpp"
#include "data/cache.hpp"
#include "data/input_file.hpp"
#include "data/sources.hpp"

namespace lockstep {

namespace {

constexpr std::size_t kPixels = 3 * 32 * 32, kRecord = 1 + kPixels;
constexpr std::int32_t kClasses = 10;
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
    files.push_back(std::make_unique<const MappedFile>(folder + "/" + name, config.data.max_bytes));
    const std::size_t bytes = files.back()->bytes().size();
    if (bytes == 0 || bytes % kRecord != 0)
      throw input_error("'{}' has {} bytes: record {} is cut off, each has {}; fetch it again",
                        files.back()->path(), bytes, bytes / kRecord, kRecord);
  }
  return files;
}

EncodedSplit parse(std::span<const std::unique_ptr<const MappedFile>> files, int threads) {
  std::size_t rows = 0;
  for (const auto& file : files) rows += file->bytes().size() / kRecord;
  const auto inputs = zeroed_bytes(rows * kPixels);
  const auto labels = zeroed_int32(rows);
  std::size_t row = 0;
  for (const auto& file : files) {
    const std::size_t records = file->bytes().size() / kRecord;
    parallel_for(records, threads, [&](std::size_t begin, std::size_t end) {
      for (std::size_t i = begin; i < end; ++i) {
        const char* record = file->bytes().data() + i * kRecord;
        const auto label = static_cast<std::int32_t>(static_cast<unsigned char>(record[0]));
        if (label >= kClasses)
          throw input_error("'{}': label {} of record {} is not below {}; fetch it again", file->path(),
                            label, i, kClasses);
        labels.get()[row + i] = label;
        std::memcpy(inputs.get() + (row + i) * kPixels, record + 1, kPixels);
      }
    });
    row += records;
  }
  return {static_cast<std::int64_t>(rows), inputs, labels};
}

EncodedData parse_all(const Files& files, int threads) {
  EncodedData data;
  data.sample_shape = {3, 32, 32};
  data.classes = kClasses;
  data.class_names = {"airplane", "automobile", "bird",  "cat",  "deer",
                      "dog",      "frog",       "horse", "ship", "truck"};
  const std::span all(files);
  data.train = parse(all.first(5), threads);
  data.test = parse(all.subspan(5), threads);
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
