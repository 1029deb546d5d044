// The records of CIFAR-10's binary files: a label byte and 32 x 32 pixels each, the red plane first. Knows
// nothing of folders and configurations.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "data/encoded_data.hpp"
#include "data/input_file.hpp"

namespace lockstep {

inline constexpr std::int32_t kCifar10Classes = 10;

// Error(bad_input) naming the file when it is not a whole number of records.
std::unique_ptr<const MappedFile> open_cifar10_records(const std::string& path, MaxBytes max_bytes);

// The records of all files, one file after the other. Error(bad_input) naming file and record for a label out
// of range.
EncodedSplit read_cifar10_records(std::span<const std::unique_ptr<const MappedFile>> files, int threads);

}  // namespace lockstep
