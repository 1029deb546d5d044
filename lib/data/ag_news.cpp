// AG News, and any labelled text in the same CSV layout: one class number, one or two texts a row.
#include <algorithm>
#include <utility>

#include "base/digest.hpp"
#include "base/error.hpp"
#include "base/text.hpp"
#include "data/array_dataset.hpp"
#include "data/cache.hpp"
#include "data/input_file.hpp"
#include "data/sources.hpp"
#include "data/text_data.hpp"
#include "data/text_input.hpp"

namespace lockstep {

namespace {

struct Files {
  MappedFile train, test;
  std::string classes;  // content of classes.txt, one name a line; empty where there is none
};

Files open_files(const RunConfig& config) {
  const std::string& folder = config.data.path;
  require_folder(config, folder, "train.csv and test.csv");
  for (const char* name : {"/train.csv", "/test.csv"}) require_file(config, folder + name);
  const std::string classes = folder + "/classes.txt";
  const MaxBytes most = config.data.max_bytes;
  return {MappedFile(folder + "/train.csv", most), MappedFile(folder + "/test.csv", most),
          is_there(classes) ? std::string(MappedFile(classes, most).bytes()) : std::string()};
}

// Names are read by people and by other programs: each is printable UTF-8.
std::vector<std::string> class_names(const std::string& text, const std::string& path) {
  require_plain_text(text, path);
  std::vector<std::string> names;
  std::int64_t number = 0;
  for (std::string_view rest = without_mark(text); !rest.empty();) {
    const std::string_view line = take_line(rest);
    ++number;
    const std::string name(line);
    if (printable(name) != name)
      throw input_error(
          "{}:{}: the class '{}' has control characters or bytes that are not UTF-8; write it in UTF-8", path,
          number, name);
    if (!name.empty()) names.push_back(name);
  }
  return names;
}

// Without a list of names the classes are what the training file holds; a gap is most likely a wrong number.
std::vector<std::string> number_classes(const CsvTable& train) {
  std::vector<bool> seen(static_cast<std::size_t>(train.largest_label) + 1);
  for (const CsvRow& row : train.rows) seen[static_cast<std::size_t>(row.label)] = true;
  const auto gap = std::find(seen.begin() + 1, seen.end(), false) - seen.begin();
  for (std::size_t row = 0; row < train.rows.size(); ++row)
    if (train.rows[row].label > gap)
      throw input_error("{}:{}: class {}, but no row has class {}: classes are numbered from 1 without a gap",
                        train.path, train.line_of(row), train.rows[row].label, gap);
  std::vector<std::string> names;
  for (std::int32_t label = 1; label <= train.largest_label; ++label) names.push_back(std::to_string(label));
  return names;
}

EncodedData build(const RunConfig& config, const Files& files, int threads) {
  std::vector<std::string> names = class_names(files.classes, config.data.path + "/classes.txt");
  const CsvTable train =
      parse_csv(files.train.bytes(), files.train.path(), static_cast<std::int64_t>(names.size()));
  if (names.empty()) names = number_classes(train);
  const auto classes = static_cast<std::int64_t>(names.size());
  const CsvTable test = parse_csv(files.test.bytes(), files.test.path(), classes);
  if (test.text_fields != train.text_fields)
    throw input_error("'{}' has {} fields a row, but '{}' has {}", test.path, test.text_fields + 1,
                      train.path, train.text_fields + 1);
  EncodedData data = encode_labelled(config, labelled_texts(train), labelled_texts(test), threads);
  data.classes = classes;
  data.class_names = std::move(names);
  return data;
}

// Everything that the encoded rows follow from.
std::string content_digest(const RunConfig& config, const Files& files) {
  Digest digest;
  digest.add(files.train.bytes()).add(files.test.bytes()).add(files.classes);
  add_text_keys(config, digest);
  return digest.hex();
}

}  // namespace

DataSplits load_ag_news(const RunConfig& config, int threads) {
  check_text_keys(config);
  const Files files = open_files(config);
  const std::string digest = content_digest(config, files);
  std::vector<std::string> notes;
  const EncodedData data = cached(config, digest, notes, [&] { return build(config, files, threads); });
  if (data.classes < 2)
    notes.push_back(fmt::format("{}: every row is of the class '{}', so there is nothing to tell apart",
                                files.train.path(), data.class_names.at(0)));
  for (const MappedFile* file : {&files.train, &files.test})
    if (std::string note = encoding_note(file->bytes(), file->path()); !note.empty())
      notes.push_back(std::move(note));
  DataSplits splits = split_encoded(data, config, {}, digest);
  splits.notes = std::move(notes);
  return splits;
}

}  // namespace lockstep
