// The cache: what it returns is what was built, and it is never trusted when it is not whole.
#include "data/cache.hpp"

#include <sys/resource.h>

#include <csignal>
#include <cstring>
#include <thread>

#include "data/dataset.hpp"
#include "data/support.hpp"

using namespace lockstep;
using namespace lockstep::test;

namespace {

EncodedSplit split_of(std::int64_t rows, std::size_t row_bytes, int start) {
  const auto inputs = zeroed_bytes(static_cast<std::size_t>(rows) * row_bytes);
  const auto labels = zeroed_int32(static_cast<std::size_t>(rows));
  for (std::size_t i = 0; i < static_cast<std::size_t>(rows) * row_bytes; ++i)
    inputs.get()[i] = static_cast<std::byte>(start + static_cast<int>(i));
  for (std::int64_t i = 0; i < rows; ++i) labels.get()[i] = static_cast<std::int32_t>(i % 3);
  return {rows, inputs, labels};
}

EncodedData small_data() {
  EncodedData data;
  data.sample_shape = {1, 3, 3};
  data.classes = 3;
  data.class_names = {"a", "", "long name"};
  data.words = {"<pad>", "word", ""};
  data.vocabulary = 3;
  data.train = split_of(5, 9, 1);
  data.test = split_of(2, 9, 100);
  return data;
}

bool same(const EncodedData& a, const EncodedData& b) {
  const auto same_split = [&](const EncodedSplit& x, const EncodedSplit& y) {
    const auto rows = static_cast<std::size_t>(x.rows);
    return x.rows == y.rows && std::memcmp(x.inputs.get(), y.inputs.get(), rows * a.row_bytes()) == 0 &&
           std::memcmp(x.labels.get(), y.labels.get(), rows * 4) == 0;
  };
  return a.text == b.text && a.sample_shape == b.sample_shape && a.vocabulary == b.vocabulary &&
         a.classes == b.classes && a.class_names == b.class_names && a.words == b.words &&
         same_split(a.train, b.train) && same_split(a.test, b.test);
}

RunConfig config_for(const ScratchFolder& folder) {
  RunConfig config;
  config.data.name = "small";
  config.data.cache = folder / "deep/cache";
  return config;
}

struct Counted {
  EncodedData data;
  int built = 0;
  std::vector<std::string> notes;
};

Counted run(const RunConfig& config, const std::string& key = "key") {
  Counted result;
  result.data = cached(config, key, result.notes, [&] {
    ++result.built;
    return small_data();
  });
  CHECK(same(result.data, small_data()));
  return result;
}

// While it lives, files of this process end at so many bytes, as on a disk that is full.
class SmallFiles {
 public:
  explicit SmallFiles(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    REQUIRE(::getrlimit(RLIMIT_FSIZE, &before_) == 0);
    const rlimit limit{bytes, before_.rlim_max};
    REQUIRE(::setrlimit(RLIMIT_FSIZE, &limit) == 0);
  }
  ~SmallFiles() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }
  SmallFiles(const SmallFiles&) = delete;
  SmallFiles& operator=(const SmallFiles&) = delete;

 private:
  rlimit before_{};
  void (*handler_)(int);
};

}  // namespace

TEST_CASE("built once, then read, and nothing else is left in the folder") {
  const ScratchFolder folder;
  const RunConfig config = config_for(folder);
  const Counted first = run(config);
  CHECK(first.built == 1);
  CHECK(first.notes.empty());
  const Counted second = run(config);
  CHECK(second.built == 0);
  CHECK(second.notes.empty());
  CHECK(run(config, "another key").built == 1);
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(config.data.cache))
    files += entry.is_regular_file();
  CHECK(files == 2);
}

TEST_CASE("none switches it off") {
  RunConfig config;
  config.data.cache = "none";
  CHECK(run(config).built == 1);
  CHECK(run(config).built == 1);
  CHECK_FALSE(std::filesystem::exists("none"));
}

TEST_CASE("a cache file with any byte changed, or cut anywhere, is refused") {
  const ScratchFolder folder;
  const std::string path = folder / "c.rows";
  store_cache(path, "key", small_data());
  CHECK(same(load_cache(path, "key"), small_data()));
  const std::string whole = read_all(path);
  for (std::size_t at = 0; at < whole.size(); ++at) {
    std::string damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x10);
    folder.write("c.rows", damaged);
    CAPTURE(at);
    CHECK_THROWS_AS(load_cache(path, "key"), Error);
    folder.write("c.rows", whole.substr(0, at));
    CHECK_THROWS_AS(load_cache(path, "key"), Error);
  }
  folder.write("c.rows", whole + "x");
  CHECK_THROWS_AS(load_cache(path, "key"), Error);
  folder.write("c.rows", whole);
  CHECK_THROWS_AS(load_cache(path, "other key"), Error);
  CHECK_NOTHROW(load_cache(path, "key"));
}

TEST_CASE("a damaged file is built anew with one note, and whole the next time") {
  const ScratchFolder folder;
  const RunConfig config = config_for(folder);
  run(config);
  const auto entry = *std::filesystem::directory_iterator(config.data.cache);
  const std::string path = entry.path().string();
  std::string bytes = read_all(path);
  bytes[bytes.size() - 3] = static_cast<char>(bytes[bytes.size() - 3] ^ 1);
  std::ofstream(path, std::ios::binary) << bytes;
  const Counted rebuilt = run(config);
  CHECK(rebuilt.built == 1);
  REQUIRE(rebuilt.notes.size() == 1);
  contains(rebuilt.notes[0], path);
  contains(rebuilt.notes[0], "rebuilt");
  CHECK(run(config).built == 0);
  std::ofstream(path, std::ios::binary)
      << "something else altogether, but long enough to hold a header of that size";
  contains(run(config).notes.at(0), "not a cache file");
  CHECK(run(config).built == 0);
}

TEST_CASE("a folder that cannot be written costs a note, not the run") {
  const ScratchFolder folder;
  RunConfig config = config_for(folder);
  folder.write("file", "");
  config.data.cache = folder / "file/below";
  const Counted result = run(config);
  CHECK(result.built == 1);
  REQUIRE(result.notes.size() == 1);
  contains(result.notes[0], "data.cache");
}

TEST_CASE("a disk that fills up costs a note and leaves no half-written file") {
  const ScratchFolder folder;
  const RunConfig config = config_for(folder);
  Counted result;
  {
    const SmallFiles limit(200);
    result = run(config);
  }
  CHECK(result.built == 1);
  REQUIRE(result.notes.size() == 1);
  contains(result.notes[0], "cannot be written");
  CHECK(std::filesystem::is_empty(config.data.cache));
}

TEST_CASE("ranks that start at once all get whole data and leave one whole file") {
  const ScratchFolder folder;
  const RunConfig config = config_for(folder);
  std::vector<std::vector<std::string>> notes(6);
  std::vector<char> right(6);
  {
    std::vector<std::jthread> ranks;
    for (std::size_t r = 0; r < notes.size(); ++r)
      ranks.emplace_back(
          [&, r] { right[r] = same(cached(config, "key", notes[r], small_data), small_data()); });
  }
  for (std::size_t r = 0; r < notes.size(); ++r) {
    CHECK(right[r]);
    CHECK(notes[r].empty());
  }
  CHECK(run(config).built == 0);
}

TEST_CASE("a data set read from the cache equals the one built") {
  const ScratchFolder folder;
  folder.write("train.csv", "1,red apple,pie\n2,blue,sky today\n1,red,cherry\n2,green,sea\n");
  folder.write("test.csv", "1,red,x\n");
  RunConfig config = config_for(folder);
  config.data.name = "ag_news";
  config.data.path = folder.path();
  config.data.max_length = 4;
  config.data.validation = 0;
  for (const Tokenizer tokenizer : {Tokenizer::hash, Tokenizer::basic_english}) {
    config.data.tokenizer = tokenizer;
    const DataSplits built = load_data(config, 1), read = load_data(config, 1);
    CHECK(built.train->info().digest == read.train->info().digest);
    CHECK(built.train->info().vocabulary == read.train->info().vocabulary);
    CHECK(built.train->info().class_names == read.train->info().class_names);
    Batch a = built.train->make_batch(4, false), b = read.train->make_batch(4, false);
    const std::int64_t ids[] = {3, 1, 0, 2};
    built.train->fetch(ids, 0, a);
    read.train->fetch(ids, 0, b);
    CHECK(a.inputs.equal(b.inputs));
    CHECK(a.targets.equal(b.targets));
  }
}

TEST_CASE("a file that was made to lead out of its arrays is refused, though its digests are right") {
  const ScratchFolder folder;
  const auto refused = [&](const char* what, const auto& spoil) {
    EncodedData data = small_data();
    spoil(data);
    const std::string path = folder / "c.rows";
    store_cache(path, "key", data);
    CAPTURE(what);
    contains(input_error_of([&] { load_cache(path, "key"); }), what);
  };
  const std::string damaged = "its description is damaged", range = "an id in it is out of range";
  refused(range.c_str(), [](EncodedData& d) { d.classes = 2, d.class_names.pop_back(); });
  refused(damaged.c_str(), [](EncodedData& d) {
    d.sample_shape = {std::int64_t{1} << 32, std::int64_t{1} << 32, 1};
  });
  refused(damaged.c_str(), [](EncodedData& d) {
    d.sample_shape = {4, 1, 1};
    d.train.rows = std::int64_t{1} << 62;
  });
  refused(damaged.c_str(), [](EncodedData& d) { d.sample_shape = {9}; });
  refused(damaged.c_str(), [](EncodedData& d) { d.classes = 4; });
  refused(damaged.c_str(), [](EncodedData& d) { d.words.pop_back(); });
  refused(damaged.c_str(), [](EncodedData& d) { d.vocabulary = -1, d.words.clear(); });
  const auto text = [](std::int32_t id) {
    return [id](EncodedData& d) {
      d.text = true;
      d.sample_shape = {2};
      const auto inputs = zeroed_bytes(5 * 8);
      reinterpret_cast<std::int32_t*>(inputs.get())[7] = id;
      d.train.inputs = inputs;
      d.test.inputs = zeroed_bytes(2 * 8);
    };
  };
  refused(range.c_str(), text(3));
  refused(range.c_str(), text(-1));
  EncodedData right = small_data();
  text(2)(right);
  store_cache(folder / "c.rows", "key", right);
  CHECK(same(load_cache(folder / "c.rows", "key"), right));
}

TEST_CASE("what lies where the cache file belongs is not waited for, and a link is not written through") {
  const ScratchFolder folder;
  const RunConfig config = config_for(folder);
  run(config);
  const std::string path = std::filesystem::directory_iterator(config.data.cache)->path().string();
  const std::string elsewhere = folder.write("elsewhere", "somebody else's");
  auto odd = irregular_files(folder / "odd");
  odd.emplace_back(elsewhere, "cut off");
  for (const auto& [target, words] : odd) {
    if (words == "a folder") continue;
    std::filesystem::remove(path);
    std::filesystem::create_symlink(target, path);
    const Counted rebuilt = run(config);
    CHECK(rebuilt.built == 1);
    REQUIRE(rebuilt.notes.size() == 1);
    contains(rebuilt.notes[0], words);
    CHECK(std::filesystem::is_regular_file(std::filesystem::symlink_status(path)));
    CHECK(run(config).built == 0);
  }
  CHECK(read_all(elsewhere) == "somebody else's");
  std::filesystem::remove(path);
  std::filesystem::create_directories(path + "/full");
  const Counted blocked = run(config);
  CHECK(blocked.built == 1);
  CHECK(blocked.notes.size() == 2);  // neither read nor written
}
