#include "data/cache.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <filesystem>
#include <limits>

#include "base/digest.hpp"
#include "base/durable_file.hpp"
#include "base/error.hpp"
#include "base/unfinished_file.hpp"
#include "data/input_file.hpp"

namespace lockstep {

namespace {

// Layout, in the byte order of the machine: Header, description (numbers as int64, strings behind their
// length), then the four arrays, each at a multiple of kAlign.
constexpr std::array<char, 16> kMagic = {'l', 'o', 'c', 'k', 's', 't', 'e', 'p', ' ', 'r', 'o', 'w', 's'};
constexpr std::uint64_t kFormat = 3;  // raise when the layout or the meaning of the rows changes
constexpr std::size_t kAlign = 64;
constexpr std::string_view kExtension = ".rows";

struct Header {
  std::array<char, 16> magic;
  std::uint64_t format, key, file_bytes, description_bytes;
  std::uint64_t description, content;  // digests of the description, and of all behind it
};

std::uint64_t number_of(const std::string& key) { return Digest().add(key).value(); }
std::size_t aligned(std::size_t offset) { return (offset + kAlign - 1) / kAlign * kAlign; }

class DescriptionWriter {
 public:
  void number(std::int64_t value) { bytes_.append(reinterpret_cast<const char*>(&value), sizeof value); }
  void text(const std::string& value) {
    number(static_cast<std::int64_t>(value.size()));
    bytes_ += value;
  }
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

class DescriptionReader {
 public:
  explicit DescriptionReader(std::string_view bytes) : rest_(bytes) {}
  std::int64_t number() {
    std::int64_t value = 0;
    const std::string_view raw = take(sizeof value);
    std::memcpy(&value, raw.data(), sizeof value);
    return value;
  }
  std::int64_t count() {  // of things that take at least a byte each
    const std::int64_t value = number();
    if (value < 0 || value > static_cast<std::int64_t>(rest_.size()))
      throw input_error("its description is damaged");
    return value;
  }
  std::string text() { return std::string(take(static_cast<std::size_t>(count()))); }

 private:
  std::string_view take(std::size_t bytes) {
    if (bytes > rest_.size()) throw input_error("its description is damaged");
    const std::string_view taken = rest_.substr(0, bytes);
    rest_.remove_prefix(bytes);
    return taken;
  }
  std::string_view rest_;
};

std::string describe(const EncodedData& data) {
  DescriptionWriter out;
  out.number(data.text ? 1 : 0);
  out.number(data.vocabulary);
  out.number(data.classes);
  out.number(data.train.rows);
  out.number(data.test.rows);
  out.number(static_cast<std::int64_t>(data.sample_shape.size()));
  for (const std::int64_t extent : data.sample_shape) out.number(extent);
  for (const auto* names : {&data.class_names, &data.words}) {
    out.number(static_cast<std::int64_t>(names->size()));
    for (const std::string& name : *names) out.text(name);
  }
  return out.bytes();
}

EncodedData read_description(std::string_view bytes) {
  DescriptionReader in(bytes);
  EncodedData data;
  data.text = in.number() != 0;
  data.vocabulary = in.number();
  data.classes = in.number();
  data.train.rows = in.number();
  data.test.rows = in.number();
  for (std::int64_t left = in.count(); left > 0; --left) data.sample_shape.push_back(in.number());
  for (auto* names : {&data.class_names, &data.words})
    for (std::int64_t left = in.count(); left > 0; --left) names->push_back(in.text());
  return data;
}

struct Array {
  std::size_t offset, bytes;
};

// Where the inputs and labels of both splits lie, and, last, where the file ends.
std::array<Array, 5> layout(const EncodedData& data, std::size_t description_bytes) {
  std::array<Array, 5> arrays{};
  std::size_t offset = sizeof(Header) + description_bytes, next = 0;
  for (const EncodedSplit* split : {&data.train, &data.test}) {
    const auto rows = static_cast<std::size_t>(split->rows);
    for (const std::size_t row_bytes : {data.row_bytes(), sizeof(std::int32_t)}) {
      arrays[next++] = {aligned(offset), rows * row_bytes};
      offset = aligned(offset) + rows * row_bytes;
    }
  }
  arrays[next] = {offset, 0};
  return arrays;
}

// bytes * count, for numbers that a file gives.
std::size_t product(std::size_t bytes, std::int64_t count) {
  std::size_t all = 0;
  if (count < 0 || __builtin_mul_overflow(bytes, static_cast<std::size_t>(count), &all))
    throw input_error("its description is damaged");
  return all;
}

// That the numbers of a description make sense together, before anything is computed from them: the digests
// find damage, but whoever writes a file on purpose writes them as well.
void check_description(const EncodedData& data) {
  std::size_t bytes = 1;
  for (const std::int64_t extent : data.sample_shape) bytes = product(bytes, extent);
  // Four arrays of four bytes an element, and the padding between them, must not pass 2^64 together.
  for (const std::int64_t rows : {data.train.rows, data.test.rows}) product(product(bytes, 64), rows);
  const auto named = [](const std::vector<std::string>& names, std::int64_t count) {
    return names.empty() || static_cast<std::int64_t>(names.size()) == count;
  };
  if (bytes == 0 || data.sample_shape.size() != (data.text ? 1U : 3U) || data.classes < 1 ||
      data.classes > INT32_MAX || data.vocabulary < 0 || data.vocabulary > INT32_MAX ||
      !named(data.class_names, data.classes) || !named(data.words, data.vocabulary))
    throw input_error("its description is damaged");
}

// That no label and no token id leads out of the model's tables.
void check_ids(const EncodedData& data) {
  const auto check = [](const std::int32_t* ids, std::size_t count, std::int64_t below) {
    std::uint32_t largest = 0;  // a negative id is a large one
    for (std::size_t i = 0; i < count; ++i) largest = std::max(largest, static_cast<std::uint32_t>(ids[i]));
    if (count > 0 && largest >= static_cast<std::uint64_t>(below))
      throw input_error("an id in it is out of range");
  };
  for (const EncodedSplit* split : {&data.train, &data.test}) {
    const auto rows = static_cast<std::size_t>(split->rows);
    check(split->labels.get(), rows, data.classes);
    if (data.text)
      check(reinterpret_cast<const std::int32_t*>(split->inputs.get()),
            rows * static_cast<std::size_t>(data.sample_shape[0]), data.vocabulary);
  }
}

using Piece = std::string_view;

// What stands behind the description, in order: padding and array four times.
std::vector<Piece> pieces_of(const EncodedData& data, std::size_t description_bytes) {
  static constexpr std::array<char, kAlign> kZeros{};
  const std::array<const void*, 4> sources = {data.train.inputs.get(), data.train.labels.get(),
                                              data.test.inputs.get(), data.test.labels.get()};
  const auto arrays = layout(data, description_bytes);
  std::vector<Piece> pieces;
  std::size_t offset = sizeof(Header) + description_bytes;
  for (std::size_t i = 0; i < sources.size(); ++i) {
    pieces.emplace_back(kZeros.data(), arrays[i].offset - offset);
    pieces.emplace_back(static_cast<const char*>(sources[i]), arrays[i].bytes);
    offset = arrays[i].offset + arrays[i].bytes;
  }
  return pieces;
}

std::uint64_t digest_of(const std::vector<Piece>& pieces) {
  Digest digest;
  for (const Piece piece : pieces) digest.add_value(Digest().add(piece).value());
  return digest.value();
}

// Lets the splits use the file's memory, which they keep alive.
void point_into(EncodedData& data, const std::array<Array, 5>& arrays,
                const std::shared_ptr<const MappedFile>& file) {
  const char* start = file->bytes().data();
  std::size_t next = 0;
  for (EncodedSplit* split : {&data.train, &data.test}) {
    split->inputs = {file, reinterpret_cast<const std::byte*>(start + arrays[next++].offset)};
    split->labels = {file, reinterpret_cast<const std::int32_t*>(start + arrays[next++].offset)};
  }
}

}  // namespace

EncodedData load_cache(const std::string& path, const std::string& key) {
  // Its size is what was written; a disk holds it already.
  const auto file = std::make_shared<const MappedFile>(path, std::numeric_limits<std::int64_t>::max());
  const std::string_view bytes = file->bytes();
  Header header;
  if (bytes.size() < sizeof header) throw input_error("it is cut off");
  std::memcpy(&header, bytes.data(), sizeof header);
  if (header.magic != kMagic) throw input_error("it is not a cache file");
  if (header.format != kFormat) throw input_error("it has format {}, not {}", header.format, kFormat);
  if (header.key != number_of(key)) throw input_error("it belongs to other data");
  if (header.file_bytes != bytes.size())
    throw input_error("it has {} of {} bytes", bytes.size(), header.file_bytes);
  if (header.description_bytes > bytes.size() - sizeof header) throw input_error("its header is damaged");
  const std::string_view description = bytes.substr(sizeof header, header.description_bytes);
  if (Digest().add(description).value() != header.description)
    throw input_error("its description is damaged");
  EncodedData data = read_description(description);
  check_description(data);
  const auto arrays = layout(data, description.size());
  if (arrays[4].offset != bytes.size()) throw input_error("its arrays do not fit");
  point_into(data, arrays, file);
  std::vector<Piece> pieces = pieces_of(data, description.size());
  std::size_t offset = sizeof header + description.size();
  for (Piece& piece : pieces) {
    piece = bytes.substr(offset, piece.size());  // the padding, too, as it lies in the file
    offset += piece.size();
  }
  if (digest_of(pieces) != header.content) throw input_error("its checksum does not match");
  check_ids(data);
  return data;
}

void store_cache(const std::string& path, const std::string& key, const EncodedData& data) {
  const std::string description = describe(data);
  const std::vector<Piece> pieces = pieces_of(data, description.size());
  std::uint64_t bytes = sizeof(Header) + description.size();
  for (const Piece piece : pieces) bytes += piece.size();
  const Header header{
      kMagic,           kFormat, number_of(key), bytes, description.size(), Digest().add(description).value(),
      digest_of(pieces)};
  DurableFile file(path, Writers::several);
  file.write(&header, sizeof header);
  file.write(description);
  for (const Piece piece : pieces) file.write(piece);
  file.commit();
}

EncodedData cached(const RunConfig& config, const std::string& key, std::vector<std::string>& notes,
                   const std::function<EncodedData()>& build) {
  if (config.data.cache == "none" || config.data.cache.empty()) return build();
  remove_abandoned(config.data.cache,
                   [](const std::string& name) { return is_unfinished_of_several(name, kExtension); });
  const std::string path = fmt::format("{}/{}-{}{}", config.data.cache, config.data.name, key, kExtension);
  if (is_there(path)) {
    try {
      return load_cache(path, key);
    } catch (const Error& error) {
      notes.push_back(fmt::format("cache file '{}' is not used: {}; it is rebuilt", path, error.what()));
    }
  }
  EncodedData data = build();
  try {
    std::filesystem::create_directories(config.data.cache);
    store_cache(path, key, data);
  } catch (const std::exception& error) {
    notes.push_back(
        fmt::format("the encoded data is not cached: {}; set data.cache to another folder", error.what()));
  }
  return data;
}

}  // namespace lockstep
