// Any file as running text of bytes: no vocabulary, nothing decoded.
#include <cmath>

#include "base/digest.hpp"
#include "base/error.hpp"
#include "data/input_file.hpp"
#include "data/sources.hpp"
#include "data/token_dataset.hpp"

namespace lockstep {

namespace {

constexpr std::int64_t kBytes = 256;

// The file's own memory where it is not compressed.
RunningText read_text(const std::string& path, MaxBytes max_bytes) {
  RunningText text;
  if (path.ends_with(".gz")) {
    const auto content = std::make_shared<const std::string>(read_whole(path, max_bytes));
    text.bytes = {content, reinterpret_cast<const std::byte*>(content->data())};
    text.count = static_cast<std::int64_t>(content->size());
  } else {
    const auto file = std::make_shared<const MappedFile>(path, max_bytes);
    text.bytes = {file, reinterpret_cast<const std::byte*>(file->bytes().data())};
    text.count = static_cast<std::int64_t>(file->bytes().size());
  }
  return text;
}

RunningText part(const RunningText& text, std::int64_t begin, std::int64_t end) {
  return {{text.bytes, text.bytes.get() + begin}, text.token_bytes, end - begin};
}

void check_windows(const RunConfig& config, const RunningText& text, const char* split) {
  const std::int64_t length = config.data.max_length;
  if (text.windows(length) < 1)
    throw input_error(
        "{} is {}, but the {} split of '{}' has {} bytes, and a sample needs one more than that; "
        "lower it, change data.test_share or use a larger file",
        config.place("data.max_length"), length, split, config.data.path, text.count);
}

}  // namespace

DataSplits load_text_file(const RunConfig& config, int) {
  const std::string& path = config.data.path;
  if (path.empty())
    throw input_error("{} is missing: data set 'text_file' needs the file to read",
                      config.place("data.path"));
  if (is_folder(path))
    throw input_error("{}: '{}' is a folder; give one file", config.place("data.path"), path);
  if (config.data.max_length < 1)
    throw input_error("{} must be at least 1, not {}", config.place("data.max_length"),
                      config.data.max_length);
  require_file(config, path);
  const RunningText text = read_text(path, config.data.max_bytes);
  if (text.count == 0) throw input_error("'{}' is empty", path);
  const double share = 1 - config.data.test_share;
  const auto cut = static_cast<std::int64_t>(std::llround(share * static_cast<double>(text.count)));
  const RunningText train = part(text, 0, cut), test = part(text, cut, text.count);
  check_windows(config, train, "training");
  check_windows(config, test, "test");
  Digest digest;
  digest.add(text.bytes.get(), static_cast<std::size_t>(text.count)).add_value(cut);
  return split_running_text(config, train, test, kBytes, digest.hex());
}

}  // namespace lockstep
