// The safetensors format (https://huggingface.co/docs/safetensors): tensors and short texts, nothing that can
// be executed. On top of it a checksum of the header and of each tensor, so that no flipped bit goes unseen.
// Bytes in memory: no files here, no LibTorch.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace lockstep {

// A tensor's bytes are row-major and little-endian, as the format has them and as every machine that runs
// this has them in memory.
struct TensorBytes {
  std::string name, dtype;          // dtype: "F32", as the format calls it
  std::vector<std::int64_t> shape;  // empty: one element
  std::string_view bytes;
};

struct TensorPlace {
  std::string name, dtype;
  std::vector<std::int64_t> shape;
  std::uint64_t begin = 0, end = 0;            // of its bytes, from the begin of the file
  std::optional<std::uint32_t> checksum = {};  // CRC-32 of them; none in a file that has none
};

using TensorTexts = std::map<std::string, std::string>;

struct TensorHeader {
  TensorTexts texts;                 // __metadata__ without the checksums
  std::vector<TensorPlace> tensors;  // in the order of their bytes, which leave no gap
  // Of the header: equal for equal files alone, as it covers the tensors'; 0 in a file that has none.
  std::uint32_t checksum = 0;
};

constexpr std::uint64_t kLengthBytes = 8;              // in front of the header: its length
constexpr std::uint64_t kMostHeaderBytes = 16u << 20;  // some 100,000 tensors

// 0: no type of the format.
std::uint64_t bytes_per_element(std::string_view dtype);

// Names, keys and texts are of characters that a terminal can be shown: this is what is left of others.
std::string plain_text(std::string_view text);

// CRC-32 as zlib, gzip and Python's zlib.crc32 have it.
std::uint32_t checksum_of(std::string_view bytes);

// Length and header of a file of these tensors, whose bytes follow in the order in which this puts them.
std::string encode_header(std::vector<TensorBytes>& tensors, const TensorTexts& texts);
// The whole file.
std::string encode_tensors(std::vector<TensorBytes> tensors, const TensorTexts& texts);

// What is wrong with a file is said without its name: "its header is cut short". Error(bad_input).

// Of a file of so many bytes, from its first ones: never more than the file holds.
std::uint64_t header_bytes(std::string_view first_bytes, std::uint64_t file_bytes);
// Ours have checksums, those that other programs write have none.
enum class Checksums { required, where_there };

// header: those bytes. Everything is checked but the tensors' checksums: types, shapes, that the tensors fill
// the file without gap or overlap, that no name is there twice. Memory: a few times the header's.
TensorHeader parse_header(std::string_view header, std::uint64_t file_bytes,
                          Checksums checksums = Checksums::required);
// Where the tensor has one.
void require_checksum(const TensorPlace& tensor, std::string_view bytes);

// All of a file in memory, checksums included. The result refers to `file`. texts: null: not wanted.
std::vector<TensorBytes> decode_tensors(std::string_view file, TensorTexts* texts = nullptr);

}  // namespace lockstep
