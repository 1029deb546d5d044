// The format in memory: what is written comes back, and nothing else is believed.
#include "tensors/safetensors.hpp"

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/random.hpp"
#include "support/catch.hpp"
#include "tensors/support.hpp"

using namespace lockstep;

namespace {

std::string bytes_from(int first, std::size_t count) {
  std::string bytes;
  for (std::size_t i = 0; i < count; ++i) bytes += static_cast<char>(first + static_cast<int>(i));
  return bytes;
}

// Owns what TensorBytes refers to.
const std::string kSixFloats = bytes_from(1, 24),
                  kThreeBooleans("\1\0\1", 3), kEightBytes = bytes_from(60, 8);

std::vector<TensorBytes> sample() {
  return {{"mask", "BOOL", {3}, kThreeBooleans},
          {"weight", "F32", {2, 3}, kSixFloats},
          {"scalar", "I64", {}, kEightBytes},
          {"half", "BF16", {2, 2}, kEightBytes},
          {"nothing", "F64", {4, 0, 2}, ""}};
}

const TensorTexts kTexts = {{"run", "u-1"}, {"path", R"(a "quoted" \ text)"}};

// Why a file is refused; empty when it is not.
std::string refusal(std::string_view file) {
  try {
    decode_tensors(file);
    return "";
  } catch (const Error& error) {
    CHECK(error.code() == ExitCode::bad_input);
    CHECK(std::string(error.what()).find('\n') == std::string::npos);
    return error.what();
  }
}

bool refuses(std::string_view file, const std::string& words) {
  const std::string said = refusal(file);
  UNSCOPED_INFO("said: '" << said << "'");
  return said.find(words) != std::string::npos;
}

}  // namespace

TEST_CASE("tensors of every kind come back as they went in") {
  const std::string file = encode_tensors(sample(), kTexts);
  TensorTexts texts;
  const std::vector<TensorBytes> read = decode_tensors(file, &texts);
  CHECK(texts == kTexts);
  REQUIRE(read.size() == 5);
  for (const TensorBytes& wanted : sample()) {
    const auto found =
        std::find_if(read.begin(), read.end(), [&](const TensorBytes& t) { return t.name == wanted.name; });
    REQUIRE(found != read.end());
    CHECK(found->dtype == wanted.dtype);
    CHECK(found->shape == wanted.shape);
    CHECK(found->bytes == wanted.bytes);
    // Aligned in a file that is mapped into memory.
    CHECK(static_cast<std::size_t>(found->bytes.data() - file.data()) % bytes_per_element(found->dtype) == 0);
  }
  CHECK(decode_tensors(encode_tensors({}, {})).empty());
}

TEST_CASE("every flipped bit is found") {
  const std::string file = encode_tensors(sample(), kTexts);
  REQUIRE(refusal(file).empty());
  for (std::size_t bit = 0; bit < file.size() * 8; ++bit) {
    std::string damaged = file;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8));
    if (refusal(damaged).empty()) FAIL("bit " << bit % 8 << " of byte " << bit / 8 << " goes unseen");
  }
}

TEST_CASE("a file cut short anywhere, or with something behind it, is refused") {
  const std::string file = encode_tensors(sample(), kTexts);
  for (std::size_t size = 0; size < file.size(); ++size)
    if (refusal(std::string_view(file).substr(0, size)).empty())
      FAIL("read when cut to " << size << " bytes");
  CHECK(refuses(file + '\0', "its tensors end at"));
  CHECK(refuses("", "cut short"));
}

TEST_CASE("the length of the header is bounded by the file and by what one needs") {
  for (const std::uint64_t length : {std::uint64_t{1} << 63, ~std::uint64_t{0}, std::uint64_t{1} << 32})
    CHECK(refuses(length_bytes(length) + "{}", "longer than the file"));
  CHECK_THROWS_WITH(header_bytes(length_bytes(100'000'000), std::uint64_t{1} << 40),
                    Catch::Contains("its header has 100000000 bytes"));
}

TEST_CASE("places that do not fit the file are refused") {
  const auto entry = [](const std::string& dtype, const std::string& shape, const std::string& offsets) {
    return fmt::format(R"({{"dtype":"{}","shape":[{}],"data_offsets":[{}]}})", dtype, shape, offsets);
  };
  const std::string data(8, 'x');
  REQUIRE(refusal(one_tensor(entry("F32", "2", "0,8"), data)).empty());
  CHECK(refuses(one_tensor(entry("F32", "2", "4,12"), data), "does not begin where"));
  CHECK(refuses(one_tensor(entry("F32", "2", "8,0"), data), "does not begin where"));
  CHECK(refuses(one_tensor(entry("F32", "2", "0,4"), data), "another number of bytes"));
  CHECK(refuses(one_tensor(entry("F32", "1", "0,4"), data), "its tensors end at"));
  CHECK(refuses(one_tensor(entry("F32", "3", "0,12"), data), "its tensors end at"));
  CHECK(refuses(one_tensor(entry("F32", "2", "0,18446744073709551615"), data), "another number of bytes"));
  CHECK(refuses(one_tensor(entry("F32", "4611686018427387904,4", "0,8"), data), "another number of bytes"));
  CHECK(refuses(one_tensor(entry("F32", "9223372036854775807,2,0", "0,0")), "another number of bytes"));
  CHECK(refuses(one_tensor(entry("F32", "18446744073709551615", "0,8"), data), "no place for"));
  CHECK(refuses(one_tensor(entry("F32", "-2", "0,8"), data), "no place for"));
  CHECK(refuses(one_tensor(entry("F32", "2", "-8,0"), data), "no place for"));
  CHECK(refuses(one_tensor(entry("F32", "2", "0,8,8"), data), "no place for"));
  CHECK(refuses(one_tensor(entry("F32", "2", "0"), data), "two offsets"));
  CHECK(refuses(one_tensor(entry("F31", "2", "0,8"), data), "unknown type 'F31'"));
}

TEST_CASE("two tensors neither overlap nor leave a gap") {
  const auto two = [](int begin, int end, const std::string& data) {
    const std::string a = data.substr(0, 4), b = data.substr(static_cast<std::size_t>(begin), 4);
    return sealed(fmt::format(R"(","crc32:a":"{:08x}","crc32:b":"{:08x}"}},)"
                              R"("a":{{"dtype":"I32","shape":[],"data_offsets":[0,4]}},)"
                              R"("b":{{"dtype":"I32","shape":[],"data_offsets":[{},{}]}}}})",
                              checksum_of(a), checksum_of(b), begin, end),
                  data);
  };
  CHECK(refusal(two(4, 8, "abcdefgh")).empty());
  CHECK(refuses(two(2, 6, "abcdef"), "does not begin where"));
  CHECK(refuses(two(0, 4, "abcd"), "does not begin where"));
  CHECK(refuses(two(6, 10, "abcdefghij"), "does not begin where"));
}

TEST_CASE("a header has what the format has, once, and nothing else") {
  const std::string good = R"({"dtype":"U8","shape":[],"data_offsets":[0,1]})";
  const std::string a = fmt::format("{:08x}", checksum_of("x"));
  REQUIRE(refusal(one_tensor(good, "x")).empty());
  CHECK(refuses(sealed(R"(","crc32:a":")" + a + R"("},"a":)" + good + R"(,"a":)" + good + "}", "x"),
                "has 'a' twice"));
  CHECK(refuses(sealed(R"("},"__metadata__":{}})"), "has '__metadata__' twice"));
  CHECK(refuses(sealed(R"(","run":"1","run":"2"}})"), "the text 'run' twice"));
  CHECK(refuses(sealed(R"(","header_crc32":"00000000"}})"), "the text 'header_crc32' twice"));
  CHECK(refuses(one_tensor(R"({"dtype":"U8","dtype":"U8","shape":[],"data_offsets":[0,1]})", "x"), "twice"));
  CHECK(refuses(one_tensor(R"({"shape":[],"data_offsets":[0,1]})", "x"), "only these"));
  CHECK(refuses(one_tensor(R"({"dtype":"U8","shape":[],"data_offsets":[0,1],"more":"x"})", "x"),
                "no place for"));
  CHECK(refuses(sealed(R"("},"a":)" + good + "}", "x"), "has no 'crc32:a'"));
  CHECK(refuses(sealed(R"(","crc32:a":")" + a + R"(","crc32:b":"00000000"},"a":)" + good + "}", "x"),
                "no such tensor"));
  CHECK(refuses(sealed(R"(","crc32:a":"+)" + a.substr(1) + R"("},"a":)" + good + "}", "x"),
                "is not a checksum"));
  CHECK(refuses(sealed(R"(","run":1}})"), "no place for"));
  CHECK(refuses(sealed(R"("},"a":[]})"), "no place for"));
  CHECK(refuses(sealed(R"("},"a":null})"), "no place for"));
  for (const char* shape : {"NaN", "Infinity", "-0", "1e0", "1.0", "1e999", "true", "\"2\"", "[]", "{}"}) {
    INFO(shape);
    CHECK_FALSE(
        refusal(one_tensor(fmt::format(R"({{"dtype":"U8","shape":[{}],"data_offsets":[0,1]}})", shape), "x"))
            .empty());
  }
  for (const char* rest : {"", "\"", "\"}", "\"}}x", "\"}}{}", "\"},}", "\"}]"}) {
    INFO(rest);
    CHECK(refuses(sealed(rest), "is no JSON"));
  }
}

TEST_CASE("a header that nests is refused at its first bracket, not at its last") {
  const std::string deep(10 << 20, '[');
  CHECK(refuses(sealed(R"("},"a":)" + deep), "no place for"));
  CHECK(refuses(one_tensor(R"({"dtype":"U8","shape":)" + deep + "}"), "no place for"));
  CHECK(refuses(sealed(R"("},"a":{"b":{"c":{)"), "no place for"));
}

TEST_CASE("names and texts with control characters, or beyond ASCII, are refused") {
  for (const char* text :
       {R"(\u0000)", R"(\u001b[2J)", R"(\n)", R"(\u009b)", R"(\u202e)", "\xc3\xa9", "\x7f"}) {
    INFO(text);
    CHECK(refuses(sealed(fmt::format(R"(","run":"{}"}}}})", text)), "control character"));
    CHECK(refuses(sealed(fmt::format(R"(","{}":"run"}}}})", text)), "control character"));
    CHECK(refuses(sealed(fmt::format(R"("}},"{}":{{}}}})", text)), "control character"));
  }
  CHECK(refuses(sealed("\",\"run\":\"\xff\"}}"), "is no JSON"));
  CHECK(plain_text("a\x1b[2J\xc3\xa9\n") == "a?[2J???");
}

TEST_CASE("a file with the header's JSON damaged at random never surprises") {
  RandomStream random({3});
  const std::string file = encode_tensors(sample(), kTexts);
  const std::uint64_t length = header_bytes(file, file.size());
  const std::size_t from = kSealOpening.size() + 8;
  for (int i = 0; i < 20000; ++i) {
    std::string rest = file.substr(kLengthBytes + from, length - from);
    for (std::uint64_t changes = 1 + random.below(3); changes > 0; --changes)
      rest[random.below(rest.size())] =
          static_cast<char>(random.below(4) ? ' ' + random.below(95) : random.below(256));
    refusal(sealed(rest, file.substr(kLengthBytes + length)));
  }
}
