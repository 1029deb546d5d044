// IMDB reviews, and any texts in two classes in the same layout: {train,test}/{neg,pos}, a document a file.
#include <algorithm>
#include <array>
#include <filesystem>
#include <iterator>
#include <tuple>
#include <utility>

#include "base/digest.hpp"
#include "base/error.hpp"
#include "base/parallel_for.hpp"
#include "data/array_dataset.hpp"
#include "data/cache.hpp"
#include "data/input_file.hpp"
#include "data/sources.hpp"
#include "data/text_data.hpp"
#include "data/text_input.hpp"

namespace lockstep {

namespace {

constexpr std::array<const char*, 2> kClasses = {"neg", "pos"};
constexpr const char* kUnpacked = "aclImdb";  // what the archive unpacks to

struct Document {
  std::string name;  // of the file, without its folder
  std::int32_t label = 0;
  std::string text;
};

struct Split {
  std::string folder;
  std::vector<Document> documents;
};

// What lies beside the documents and is none: hidden files, among them those in which macOS keeps what other
// file systems cannot hold (._0_2.txt), lock files of word processors, backups, folders.
struct PassedOver {
  std::int64_t count = 0;
  std::string first;

  void add(const std::string& path) {
    if (count++ == 0 || path < first) first = path;  // whatever the order in which a folder is listed
  }
};

bool is_document(const std::filesystem::directory_entry& entry) {
  const std::string name = entry.path().filename().string();
  std::error_code broken;  // a link to nowhere is no folder: reading it says what is wrong
  return !name.starts_with('.') && !name.starts_with("~$") && entry.path().extension() == ".txt" &&
         !entry.is_directory(broken);
}

std::vector<Document> list_documents(const RunConfig& config, const std::string& folder, std::int32_t label,
                                     PassedOver& passed_over) {
  const std::string held = fmt::format("{}/{}", folder, kClasses[static_cast<std::size_t>(label)]);
  require_folder(config, held, "one .txt file per document");
  std::error_code failed;
  std::filesystem::directory_iterator entries(held, failed);
  if (failed) throw input_error("'{}' cannot be read: {}", held, failed.message());
  std::vector<Document> documents;
  for (const auto& entry : entries)
    if (is_document(entry))
      documents.push_back({entry.path().filename().string(), label, {}});
    else
      passed_over.add(entry.path().string());
  if (documents.empty())
    throw input_error(
        "'{}' holds no .txt file: the class '{}' is empty; run scripts/get-data {} {}, or set data.path",
        held, kClasses[static_cast<std::size_t>(label)], config.data.name, config.data.path);
  return documents;
}

// HTML's line break stands for a space, whatever the tokenizer.
void replace_breaks(std::string& text) {
  constexpr std::string_view kBreak = "<br />";
  std::size_t to = 0;
  for (std::size_t at = 0; at < text.size(); ++to) {
    const bool line_break = text.compare(at, kBreak.size(), kBreak) == 0;
    text[to] = line_break ? ' ' : text[at];
    at += line_break ? kBreak.size() : 1;
  }
  text.resize(to);
}

std::string path_of(const Split& split, const Document& document) {
  return fmt::format("{}/{}/{}", split.folder, kClasses[static_cast<std::size_t>(document.label)],
                     document.name);
}

std::string read_document(const std::string& path, MaxBytes max_bytes) {
  const MappedFile file(path, max_bytes);
  if (file.bytes().size() > kLongestText) refuse_long_text(path);
  require_plain_text(file.bytes(), path);
  std::string text(without_mark(file.bytes()));
  replace_breaks(text);
  return text;
}

// In order of the files' names, in which the classes alternate, so that the first rows are of both.
Split read_split(const RunConfig& config, const std::string& folder, PassedOver& passed_over, int threads) {
  Split split{folder, {}};
  for (const std::int32_t label : {0, 1}) {
    auto documents = list_documents(config, folder, label, passed_over);
    std::move(documents.begin(), documents.end(), std::back_inserter(split.documents));
  }
  std::sort(split.documents.begin(), split.documents.end(), [](const Document& a, const Document& b) {
    return std::tie(a.name, a.label) < std::tie(b.name, b.label);
  });
  parallel_for(split.documents.size(), threads, [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) {
      Document& document = split.documents[i];
      document.text = read_document(path_of(split, document), config.data.max_bytes);
    }
  });
  return split;
}

// Of the first document alone; one tool converts them all.
std::string split_note(const Split& split) {
  for (const Document& document : split.documents)
    if (std::string note = encoding_note(document.text, path_of(split, document)); !note.empty()) return note;
  return {};
}

// Refers to the split.
LabelledTexts labelled_texts(const Split& split) {
  LabelledTexts texts;
  texts.path = split.folder;
  texts.rows = static_cast<std::int64_t>(split.documents.size());
  texts.text = [&split](std::int64_t row, std::string& out) {
    out = split.documents[static_cast<std::size_t>(row)].text;
  };
  texts.label = [&split](std::int64_t row) { return split.documents[static_cast<std::size_t>(row)].label; };
  return texts;
}

std::string content_digest(const RunConfig& config, const Split& train, const Split& test) {
  Digest digest;
  for (const Split* split : {&train, &test}) {
    digest.add_value(split->documents.size());
    for (const Document& document : split->documents) digest.add(document.text).add_value(document.label);
  }
  add_text_keys(config, digest);
  return digest.hex();
}

}  // namespace

DataSplits load_imdb(const RunConfig& config, int threads) {
  check_text_keys(config);
  std::string folder = config.data.path;
  require_folder(config, folder, "train/{neg,pos} and test/{neg,pos}");
  const std::string below = fmt::format("{}/{}", folder, kUnpacked);
  if (!is_there(folder + "/train") && is_folder(below)) folder = below;
  PassedOver passed_over;
  const Split train = read_split(config, folder + "/train", passed_over, threads),
              test = read_split(config, folder + "/test", passed_over, threads);
  const std::string digest = content_digest(config, train, test);
  std::vector<std::string> notes;
  const EncodedData data = cached(config, digest, notes, [&] {
    EncodedData encoded = encode_labelled(config, labelled_texts(train), labelled_texts(test), threads);
    encoded.classes = static_cast<std::int64_t>(kClasses.size());
    encoded.class_names = {kClasses.begin(), kClasses.end()};
    return encoded;
  });
  if (passed_over.count > 0)
    notes.push_back(fmt::format("skipped files and folders that are not documents: {}, the first '{}'",
                                passed_over.count, passed_over.first));
  for (const Split* split : {&train, &test})
    if (std::string note = split_note(*split); !note.empty()) notes.push_back(std::move(note));
  DataSplits splits = split_encoded(data, config, {}, digest);
  splits.notes = std::move(notes);
  return splits;
}

}  // namespace lockstep
