#include "tensors/safetensors.hpp"

#include <fmt/ranges.h>
#include <zlib.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>
#include <tuple>

#include "base/error.hpp"
#include "tensors/safetensors_header.hpp"

namespace lockstep {

namespace {

struct TensorType {
  std::string_view dtype;
  std::uint64_t bytes;
};
constexpr TensorType kTypes[] = {{"F64", 8}, {"I64", 8}, {"U64", 8},     {"F32", 4},     {"I32", 4},
                                 {"U32", 4}, {"F16", 2}, {"BF16", 2},    {"I16", 2},     {"U16", 2},
                                 {"I8", 1},  {"U8", 1},  {"F8_E4M3", 1}, {"F8_E5M2", 1}, {"BOOL", 1}};

// A header begins with its own checksum, which counts these digits as zeros.
constexpr std::string_view kOpening = R"({"__metadata__":{"header_crc32":")";
constexpr std::string_view kNoDigits = "00000000";
constexpr const char* kHeaderKey = "header_crc32";
constexpr std::string_view kTensorKey = "crc32:";  // and the tensor's name

std::string digits(std::uint32_t checksum) { return fmt::format("{:08x}", checksum); }

std::uint32_t header_checksum(std::string_view json) {
  std::string blank(json);
  blank.replace(kOpening.size(), kNoDigits.size(), kNoDigits);
  return checksum_of(blank);
}

std::string entry(const TensorBytes& tensor, std::uint64_t begin) {
  return fmt::format(R"({}:{{"dtype":"{}","shape":[{}],"data_offsets":[{},{}]}})", json_string(tensor.name),
                     tensor.dtype, fmt::join(tensor.shape, ","), begin, begin + tensor.bytes.size());
}

// Of the elements; nothing when there are more bytes than can be counted.
std::optional<std::uint64_t> size_of(const TensorPlace& tensor) {
  std::uint64_t bytes = bytes_per_element(tensor.dtype);
  for (const std::int64_t extent : tensor.shape)
    if (__builtin_mul_overflow(bytes, static_cast<std::uint64_t>(extent), &bytes)) return {};
  return bytes;
}

void check_place(const TensorPlace& tensor, std::uint64_t expected_begin) {
  if (bytes_per_element(tensor.dtype) == 0)
    throw input_error("tensor '{}' is of the unknown type '{}'", tensor.name, tensor.dtype);
  if (tensor.begin != expected_begin || tensor.end < tensor.begin)
    throw input_error("tensor '{}' does not begin where the one before it ends", tensor.name);
  if (size_of(tensor) != tensor.end - tensor.begin)
    throw input_error("tensor '{}' has another number of bytes than its shape and type", tensor.name);
}

// Sorts the tensors and makes their offsets relative to the start of the file.
void place_tensors(TensorHeader& header, std::uint64_t data_begin, std::uint64_t file_bytes) {
  std::sort(header.tensors.begin(), header.tensors.end(), [](const TensorPlace& a, const TensorPlace& b) {
    return std::tie(a.begin, a.end) < std::tie(b.begin, b.end);
  });
  std::uint64_t end = 0;
  for (TensorPlace& tensor : header.tensors) {
    check_place(tensor, end);
    end = tensor.end;
    tensor.begin += data_begin;
    tensor.end += data_begin;
  }
  if (end != file_bytes - data_begin)
    throw input_error("it has {} bytes, its tensors end at {}", file_bytes, data_begin + end);
}

std::uint32_t take_checksum(TensorTexts& texts, const std::string& key) {
  const auto text = texts.extract(key);
  if (text.empty()) throw input_error("its header has no '{}'", key);
  const std::string& given = text.mapped();
  std::uint32_t checksum = 0;
  std::from_chars(given.data(), given.data() + given.size(), checksum, 16);
  if (given != digits(checksum)) throw input_error("its header's '{}' is not a checksum", key);
  return checksum;
}

TensorHeader parse_checked(std::string_view json) {
  // First, as what is damaged needs no closer look.
  const std::string given(json.substr(kOpening.size(), kNoDigits.size()));
  if (given != digits(header_checksum(json))) throw input_error("the checksum of its header does not match");
  TensorHeader header = parse_header_json(json);
  header.checksum = take_checksum(header.texts, kHeaderKey);
  for (TensorPlace& tensor : header.tensors)
    tensor.checksum = take_checksum(header.texts, std::string(kTensorKey) + tensor.name);
  const auto left = header.texts.lower_bound(std::string(kTensorKey));
  if (left != header.texts.end() && left->first.starts_with(kTensorKey))
    throw input_error("its header has '{}', but no such tensor", left->first);
  return header;
}

}  // namespace

std::uint64_t bytes_per_element(std::string_view dtype) {
  for (const TensorType& type : kTypes)
    if (type.dtype == dtype) return type.bytes;
  return 0;
}

std::uint32_t checksum_of(std::string_view bytes) {
  return static_cast<std::uint32_t>(
      crc32_z(0, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()));
}

std::string encode_header(std::vector<TensorBytes>& tensors, const TensorTexts& texts) {
  // Large elements first, so that each is aligned to its size.
  std::sort(tensors.begin(), tensors.end(), [](const TensorBytes& a, const TensorBytes& b) {
    const std::uint64_t size_a = bytes_per_element(a.dtype), size_b = bytes_per_element(b.dtype);
    return std::tie(size_b, a.name) < std::tie(size_a, b.name);
  });
  std::string json = fmt::format("{}{}\"", kOpening, kNoDigits);
  for (const auto& [key, text] : texts) json += fmt::format(",{}:{}", json_string(key), json_string(text));
  for (const TensorBytes& tensor : tensors)
    json += fmt::format(",{}:\"{}\"", json_string(std::string(kTensorKey) + tensor.name),
                        digits(checksum_of(tensor.bytes)));
  json += '}';
  std::uint64_t begin = 0;
  for (const TensorBytes& tensor : tensors) {
    json += ',' + entry(tensor, begin);
    begin += tensor.bytes.size();
  }
  json += '}';
  json.resize((json.size() + 7) / 8 * 8, ' ');
  json.replace(kOpening.size(), kNoDigits.size(), digits(header_checksum(json)));
  const std::uint64_t length = json.size();
  return std::string(reinterpret_cast<const char*>(&length), kLengthBytes) + json;
}

std::string encode_tensors(std::vector<TensorBytes> tensors, const TensorTexts& texts) {
  std::string file = encode_header(tensors, texts);
  for (const TensorBytes& tensor : tensors) file += tensor.bytes;
  return file;
}

std::uint64_t header_bytes(std::string_view first_bytes, std::uint64_t file_bytes) {
  std::uint64_t length = 0;
  if (file_bytes < kLengthBytes || first_bytes.size() < kLengthBytes) throw input_error("it is cut short");
  std::memcpy(&length, first_bytes.data(), kLengthBytes);
  if (length > file_bytes - kLengthBytes) throw input_error("its header is longer than the file");
  if (length > kMostHeaderBytes)
    throw input_error("its header has {} bytes, more than {}", length, kMostHeaderBytes);
  return length;
}

TensorHeader parse_header(std::string_view json, std::uint64_t file_bytes, Checksums checksums) {
  const bool checked = json.starts_with(kOpening) && json.size() >= kOpening.size() + kNoDigits.size();
  if (!checked && checksums == Checksums::required)
    throw input_error("its header does not begin with a checksum");
  TensorHeader header = checked ? parse_checked(json) : parse_header_json(json);
  place_tensors(header, kLengthBytes + json.size(), file_bytes);
  return header;
}

void require_checksum(const TensorPlace& tensor, std::string_view bytes) {
  if (tensor.checksum && checksum_of(bytes) != *tensor.checksum)
    throw input_error("the checksum of tensor '{}' does not match", tensor.name);
}

std::vector<TensorBytes> decode_tensors(std::string_view file, TensorTexts* texts) {
  const std::uint64_t length = header_bytes(file.substr(0, kLengthBytes), file.size());
  TensorHeader header = parse_header(file.substr(kLengthBytes, length), file.size());
  std::vector<TensorBytes> tensors;
  for (TensorPlace& place : header.tensors) {
    const std::string_view bytes = file.substr(place.begin, place.end - place.begin);
    require_checksum(place, bytes);
    tensors.push_back({std::move(place.name), std::move(place.dtype), std::move(place.shape), bytes});
  }
  if (texts) *texts = std::move(header.texts);
  return tensors;
}

}  // namespace lockstep
