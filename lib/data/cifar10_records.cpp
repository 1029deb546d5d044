#include "data/cifar10_records.hpp"

#include <cstring>

#include "base/error.hpp"
#include "base/parallel_for.hpp"

namespace lockstep {

namespace {

constexpr std::size_t kPixels = 3 * 32 * 32, kRecord = 1 + kPixels;

}  // namespace

std::unique_ptr<const MappedFile> open_cifar10_records(const std::string& path, MaxBytes max_bytes) {
  auto file = std::make_unique<const MappedFile>(path, max_bytes);
  const std::size_t bytes = file->bytes().size();
  if (bytes == 0 || bytes % kRecord != 0)
    throw input_error("'{}' has {} bytes: record {} is cut off, each has {}; fetch it again", path, bytes,
                      bytes / kRecord, kRecord);
  return file;
}

EncodedSplit read_cifar10_records(std::span<const std::unique_ptr<const MappedFile>> files, int threads) {
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
        if (label >= kCifar10Classes)
          throw input_error("'{}': label {} of record {} is not below {}; fetch it again", file->path(),
                            label, i, kCifar10Classes);
        labels.get()[row + i] = label;
        std::memcpy(inputs.get() + (row + i) * kPixels, record + 1, kPixels);
      }
    });
    row += records;
  }
  return {static_cast<std::int64_t>(rows), inputs, labels};
}

}  // namespace lockstep
