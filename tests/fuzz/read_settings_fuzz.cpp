// libFuzzer target: configurations, sweeps and --set values of any bytes are read, or refused in one line. The
// first byte says as which of them the others are read. See scripts/fuzz.
#include <cstdint>
#include <cstring>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.hpp"
#include "config/keys.hpp"
#include "config/load_config.hpp"
#include "config/sweep_file.hpp"
#include "fuzz/refusal.hpp"
#include "support/temporary_folder.hpp"

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t most);

namespace lockstep::fuzz {

namespace {

std::string write(std::string_view bytes) {
  static const TemporaryFolder folder;
  std::ofstream(folder / "given.yaml", std::ios::binary) << bytes;
  return folder / "given.yaml";
}

// What is read is written, and read again as the same.
void read_config(const std::string& path, const std::vector<std::string>& sets) {
  RunConfig config;
  if (!refusal_by([&] { config = load_config(path, sets); }).empty()) return;
  const std::string text = to_yaml(config, config.model.hyper);
  RunConfig again;
  const std::string refusal = refusal_by([&] { again = load_config(write(text), {}); });
  if (!refusal.empty()) found("its own YAML is refused", refusal);
  if (to_yaml(again, again.model.hyper) != text) found("its own YAML means something else", text);
}

void read_as(unsigned kind, std::string_view bytes) {
  switch (kind % 3) {
    case 0:
      return read_config(write(bytes), {});
    case 1:
      return read_config("", {std::string(bytes)});
    default:
      refusal_by([&] { load_sweep(write(bytes)); });
  }
}

// Words that bytes of chance do not come to.
const std::vector<std::string>& words() {
  static const std::vector<std::string> all = [] {
    std::vector<std::string> words = {
        "\n",          "\n  ",      ": ",     "[",       "]",          "{",
        "}",           "- ",        "&a ",    "*a",      "!!binary ",  "null",
        "~",           "1e999",     "-1",     "0x7f",    "on",         "18446744073709551616",
        "<<: *a",      "? ",        "\"",     "|\n",     "--- ",       "axes: ",
        "repeats: ",   "exclude: ", "mode: ", "ranks: ", "until: 5 %", "launcher: ",
        "\xef\xbb\xbf"};
    for (const Key& key : keys()) {
      words.push_back(key.name + "=");
      words.push_back(key.last() + ": ");
      if (!key.section().empty()) words.push_back(key.section() + ":\n  ");
    }
    return words;
  }();
  return all;
}

}  // namespace

}  // namespace lockstep::fuzz

using namespace lockstep;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 0) fuzz::read_as(data[0], {reinterpret_cast<const char*>(data) + 1, size - 1});
  return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t most,
                                               unsigned int seed) {
  RandomStream random({seed});
  if (size == 0 || random.below(2) == 0) return LLVMFuzzerMutate(data, size, most);
  const std::string& word = fuzz::words()[random.below(fuzz::words().size())];
  if (size + word.size() > most) return LLVMFuzzerMutate(data, size, most);
  std::uint8_t* const at = data + 1 + random.below(size);
  std::memmove(at + word.size(), at, static_cast<std::size_t>(data + size - at));
  std::memcpy(at, word.data(), word.size());
  return size + word.size();
}
