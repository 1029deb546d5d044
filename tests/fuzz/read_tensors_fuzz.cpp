// libFuzzer target: a file of any bytes is read as a checkpoint's file of tensors is, or refused in one line.
//
// Damaged bytes end at the header's checksum. Most inputs therefore have one that fits, and half of them are
// made of odd numbers in the right places, so that what is checked behind it is reached too. See
// scripts/fuzz.
#include <cstdint>
#include <cstring>
#include <iterator>

#include "base/random.hpp"
#include "fuzz/refusal.hpp"
#include "tensors/support.hpp"

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t most);

namespace lockstep::fuzz {

namespace {

void read(std::string_view file) {
  refusal_by([&] {
    TensorTexts texts;
    std::size_t bytes = 0;
    for (const TensorBytes& tensor : decode_tensors(file, &texts)) bytes += tensor.bytes.size();
    if (bytes > file.size()) found("more than the file has", std::to_string(bytes));
  });
}

template <typename List>
const auto& any_of(const List& list, RandomStream& random) {
  return list[random.below(std::size(list))];
}

constexpr std::uint64_t kOdd[] = {
    0, 1, 2, 3, 4, 8, 24, 1u << 31, 1ull << 32, 1ull << 62, (1ull << 63) - 1, 1ull << 63, ~0ull};
constexpr const char* kTypes[] = {"F32", "I64", "BOOL", "BF16", "F64", "U8", "F33", ""};

struct Extent {
  std::string text;
  std::uint64_t bytes;  // modulo 2^64
};

Extent any_shape(std::uint64_t element, RandomStream& random) {
  Extent extent{"", element};
  for (std::uint64_t d = random.below(4); d > 0; --d) {
    const std::uint64_t size = random.below(4) ? 1 + random.below(4) : any_of(kOdd, random);
    extent.text += fmt::format("{}{}", extent.text.empty() ? "" : ",", size);
    extent.bytes *= size;
  }
  return extent;
}

// A header as the format has it, of tensors that mostly lie one after the other, with checksums that fit.
std::string file_of_odd_places(RandomStream& random) {
  const std::string data(random.below(200), 'x');
  std::string texts = "\"", entries;
  std::uint64_t begin = 0;
  for (std::uint64_t t = 0; t < 1 + random.below(3); ++t) {
    const std::string dtype = any_of(kTypes, random);
    const Extent shape = any_shape(bytes_per_element(dtype), random);
    if (random.below(8) == 0) begin = any_of(kOdd, random);
    const std::uint64_t end = random.below(4) ? begin + shape.bytes : any_of(kOdd, random);
    const std::string_view bytes =
        begin <= data.size() ? std::string_view(data).substr(begin, end - begin) : std::string_view();
    texts += fmt::format(",\"crc32:{}\":\"{:08x}\"", t, checksum_of(bytes));
    entries += fmt::format(",\"{}\":{{\"dtype\":\"{}\",\"shape\":[{}],\"data_offsets\":[{},{}]}}", t, dtype,
                           shape.text, begin, end);
    begin = end;
  }
  const std::string exact = begin < 4000 && random.below(2) ? std::string(begin, 'x') : data;
  return sealed(texts + "}" + entries + "}", exact);
}

// The same file with a checksum that fits its header, when it is long enough to have one.
std::string with_checksum(const std::string& file) {
  const std::size_t from = kLengthBytes + kSealOpening.size() + 8;
  if (file.size() < from) return file;
  std::uint64_t length = 0;
  std::memcpy(&length, file.data(), sizeof length);
  const std::uint64_t rest = length < file.size() - kLengthBytes && length + kLengthBytes >= from
                                 ? length + kLengthBytes - from
                                 : file.size() - from;
  return sealed(file.substr(from, rest), file.substr(from + rest));
}

}  // namespace

}  // namespace lockstep::fuzz

using namespace lockstep;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::read({reinterpret_cast<const char*>(data), size});
  return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t most,
                                               unsigned int seed) {
  RandomStream random({seed});
  if (random.below(2) == 0) {
    const std::string file = fuzz::file_of_odd_places(random);
    size = std::min(file.size(), most);
    std::memcpy(data, file.data(), size);
    if (random.below(2) == 0) return size;
  }
  size = LLVMFuzzerMutate(data, size, most);
  if (random.below(3) == 0) return size;
  const std::string file = fuzz::with_checksum({reinterpret_cast<const char*>(data), size});
  if (file.size() > most) return size;
  std::memcpy(data, file.data(), file.size());
  return file.size();
}
