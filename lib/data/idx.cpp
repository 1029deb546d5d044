#include "data/idx.hpp"

#include <array>
#include <vector>

#include "base/error.hpp"

namespace lockstep {

namespace {

constexpr std::uint32_t kImageMagic = 0x803;
constexpr std::uint32_t kLabelMagic = 0x801;
constexpr std::uint32_t kGzipStart = 0x1f8b;  // the first two bytes of any gzip file

std::string magic_hint(std::uint32_t found) {
  if (found == kImageMagic) return "it is a file of images";
  if (found == kLabelMagic) return "it is a file of labels";
  if (found >> 16 == kGzipStart) return "it is gzip data, so its name must end in .gz";
  return "it is not such an IDX file";
}

// Reads one IDX file from front to back.
class IdxReader {
 public:
  IdxReader(const std::string& path, MaxBytes max_bytes, std::uint32_t magic, const char* what)
      : path_(path), what_(what), file_(path, max_bytes), bytes_(file_) {
    const std::uint32_t found = number();
    if (found != magic)
      throw input_error("'{}' begins with 0x{:08x} where 0x{:08x} ({}) belongs: {}", path, found, magic, what,
                        magic_hint(found));
  }

  std::uint32_t number() {
    std::array<unsigned char, 4> raw{};
    offset_ += bytes_.read(raw.data(), raw.size());
    if (offset_ % 4 != 0 || offset_ == read_before_) throw too_short("its header is incomplete");
    read_before_ = offset_;
    return std::uint32_t{raw[0]} << 24 | std::uint32_t{raw[1]} << 16 | std::uint32_t{raw[2]} << 8 | raw[3];
  }

  // The rest of the file, which must be `count` records of `record` bytes, into memory that this allocates.
  std::shared_ptr<std::byte> records(std::uint64_t count, std::uint64_t record) {
    if (count == 0 || record == 0) throw input_error("'{}' holds no {}", path_, what_);
    const std::string promise = fmt::format("its header promises {} {}", count, what_);
    // Before memory is taken: a damaged header must not ask for all of it. record < 2^64 / count is not
    // certain.
    if (record > bytes_.most_bytes() / count) throw too_short(promise);
    const auto total = static_cast<std::size_t>(count * record);
    file_.require_within_limit(offset_ + total);
    auto memory = zeroed_bytes(total);
    const std::size_t got = bytes_.read(memory.get(), total);
    offset_ += got;
    if (got < total) throw too_short(promise);
    char beyond = 0;
    if (bytes_.read(&beyond, 1) != 0)
      throw input_error("'{}' continues after byte {}, where it should end: {}", path_, offset_, promise);
    return memory;
  }

 private:
  Error too_short(const std::string& promise) const {
    return input_error("'{}' is too short ({} bytes read): {}; fetch it again", path_, offset_, promise);
  }

  std::string path_;
  const char* what_;
  MappedFile file_;
  ByteReader bytes_;
  std::uint64_t offset_ = 0, read_before_ = 0;
};

}  // namespace

IdxImages read_idx_images(const std::string& path, MaxBytes max_bytes) {
  IdxReader reader(path, max_bytes, kImageMagic, "images");
  IdxImages images;
  images.count = reader.number();
  images.height = reader.number();
  images.width = reader.number();
  if (images.height > 65535 || images.width > 65535)
    throw input_error("'{}' says its images are {} x {}: the header is damaged", path, images.height,
                      images.width);
  images.pixels = reader.records(static_cast<std::uint64_t>(images.count),
                                 static_cast<std::uint64_t>(images.height * images.width));
  return images;
}

IdxLabels read_idx_labels(const std::string& path, std::int64_t classes, MaxBytes max_bytes) {
  IdxReader reader(path, max_bytes, kLabelMagic, "labels");
  IdxLabels labels;
  labels.count = reader.number();
  const auto raw = reader.records(static_cast<std::uint64_t>(labels.count), 1);
  const auto values = zeroed_int32(static_cast<std::size_t>(labels.count));
  for (std::int64_t i = 0; i < labels.count; ++i) {
    const auto label = std::to_integer<std::int32_t>(raw.get()[i]);
    if (label >= classes)
      throw input_error("'{}': label {} of record {} is not below {}", path, label, i, classes);
    values.get()[i] = label;
  }
  labels.labels = values;
  return labels;
}

EncodedSplit idx_split(const IdxImages& images, const IdxLabels& labels, const std::string& image_path,
                       const std::string& label_path) {
  if (images.count != labels.count)
    throw input_error("'{}' holds {} labels, but '{}' holds {} images", label_path, labels.count, image_path,
                      images.count);
  return {images.count, images.pixels, labels.labels};
}

}  // namespace lockstep
