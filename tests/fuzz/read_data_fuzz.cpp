// libFuzzer target: data files of any bytes are read, or refused in one line; never anything else. The first
// byte says as which file the others are read. What is read compressed is read as it is plain. See
// scripts/fuzz.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "base/digest.hpp"
#include "data/cache.hpp"
#include "data/cifar10_records.hpp"
#include "data/csv.hpp"
#include "data/idx.hpp"
#include "data/parallel_text.hpp"
#include "data/text_input.hpp"
#include "data/word_vectors.hpp"
#include "fuzz/outcome.hpp"

namespace lockstep::fuzz {

namespace {

void read_csv(std::string_view bytes) {
  outcome([&] {
    const CsvTable table = parse_csv(bytes, "f.csv", 0);
    std::string text;
    for (std::size_t row = 0; row < table.rows.size(); ++row) {
      if (table.rows[row].label < 1 || table.line_of(row) < 1) std::abort();
      for (int i = 0; i < table.text_fields; ++i) append_text(bytes, table.rows[row].texts[i], text);
    }
    return text;
  });
}

std::string read_images(const std::string& path) {
  const IdxImages images = read_idx_images(path);
  return {reinterpret_cast<const char*>(images.pixels.get()),
          static_cast<std::size_t>(images.count * images.height * images.width)};
}

std::string read_labels(const std::string& path) {
  const IdxLabels labels = read_idx_labels(path, 10);
  std::string all;
  for (std::int64_t i = 0; i < labels.count; ++i) all += static_cast<char>(labels.labels.get()[i]);
  return all;
}

std::string read_vectors(const std::string& path) {
  const WordVectors vectors = read_word_vectors(path, {"the", "a", "\xc3\xa9"}, {4, {}});
  return {reinterpret_cast<const char*>(vectors.values.data()), vectors.values.size() * sizeof(float)};
}

// The same record again and again, so that a short input is one too.
void read_cifar10(std::string_view bytes) {
  std::string file(bytes);
  if (!bytes.empty() && bytes.size() % 2 == 0) {
    file.resize(3073, bytes.front());
    file += file;
  }
  const std::string path = write("batch.bin", file);
  outcome([&] {
    std::vector<std::unique_ptr<const MappedFile>> files;
    files.push_back(open_cifar10_records(path, {}));
    const EncodedSplit split = read_cifar10_records(files, 1);
    for (std::int64_t i = 0; i < split.rows; ++i)
      if (split.labels.get()[i] < 0 || split.labels.get()[i] >= kCifar10Classes) std::abort();
    return std::to_string(split.rows);
  });
}

// Both languages in one input, with a NUL between them.
void read_parallel_text(std::string_view bytes) {
  const std::size_t middle = std::min(bytes.find('\0'), bytes.size());
  const std::string source = write("train.de", bytes.substr(0, middle)),
                    target = write("train.en", bytes.substr(std::min(middle + 1, bytes.size())));
  outcome([&] {
    std::vector<std::string> notes;
    const SentenceFile a = read_sentences(source, {}, notes), b = read_sentences(target, {}, notes);
    require_parallel(a, b);
    for (const std::string_view line : a.lines)
      if (line.find('\n') != std::string_view::npos) std::abort();
    return std::to_string(a.lines.size());
  });
}

// A cache file whose digests are right and whose description is the input: see lib/data/cache.cpp.
void read_cache(std::string_view description) {
  std::string bytes = "lockstep rows";
  bytes.resize(16);
  const std::string behind(64, '\1');
  Digest content;
  for (const std::string_view piece : {std::string_view(behind)})
    content.add_value(Digest().add(piece).value());
  const std::uint64_t numbers[] = {3,
                                   Digest().add(std::string("key")).value(),
                                   64 + description.size() + behind.size(),
                                   description.size(),
                                   Digest().add(description).value(),
                                   content.value()};
  bytes.append(reinterpret_cast<const char*>(numbers), sizeof numbers);
  const std::string path = write("cache", bytes.append(description).append(behind));
  outcome([&] { return std::to_string(load_cache(path, "key").train.rows); });
}

}  // namespace

void read_as(unsigned kind, std::string_view bytes) {
  switch (kind % 8) {
    case 0:
      return read_csv(bytes);
    case 1:
      return same_compressed(bytes, read_images);
    case 2:
      return same_compressed(bytes, read_labels);
    case 3:
      return same_compressed(bytes, read_vectors);
    case 4:
      outcome([path = write("any.gz", bytes)] { return read_whole(path); });
      return;
    case 5:
      return read_cifar10(bytes);
    case 6:
      return read_parallel_text(bytes);
    default:
      return read_cache(bytes);
  }
}

}  // namespace lockstep::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 0) lockstep::fuzz::read_as(data[0], {reinterpret_cast<const char*>(data) + 1, size - 1});
  return 0;
}
