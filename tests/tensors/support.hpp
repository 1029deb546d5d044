// Files of tensors made by hand: with a checksum that fits, whatever the rest of the header says.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>

#include "tensors/safetensors.hpp"

namespace lockstep {

inline std::string length_bytes(std::uint64_t length) {
  return {reinterpret_cast<const char*>(&length), sizeof length};
}

// What stands before and after the header's own checksum, which is put right.
inline constexpr std::string_view kSealOpening = R"({"__metadata__":{"header_crc32":")";

// rest: of the header, from the checksum's closing quotation mark on.
inline std::string sealed(const std::string& rest, const std::string& data = "") {
  std::string json = std::string(kSealOpening) + "00000000" + rest;
  const std::string digits = fmt::format("{:08x}", checksum_of(json));
  json.replace(kSealOpening.size(), digits.size(), digits);
  return length_bytes(json.size()) + json + data;
}

// A header of one tensor, by its JSON, with a checksum of `data`.
inline std::string one_tensor(const std::string& entry, const std::string& data = "") {
  return sealed(fmt::format(R"(","crc32:a":"{:08x}"}},"a":{}}})", checksum_of(data), entry), data);
}

}  // namespace lockstep
