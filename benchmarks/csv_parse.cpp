// How fast labelled CSV is opened, parsed and encoded by the hash tokenizer, from the system's page cache.
// csv_parse.sh sets it beside Python's csv module, which only reads.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "base/error.hpp"
#include "data/input_file.hpp"
#include "data/text_data.hpp"
#include "timing/clock.hpp"

int main(int argc, char** argv) {
  if (argc < 2) {
    fmt::print(stderr, "usage: csv_parse FILE.csv [threads] [repeats]\n");
    return 2;
  }
  const std::string path = argv[1];
  const int threads = argc > 2 ? std::atoi(argv[2]) : 2, repeats = argc > 3 ? std::atoi(argv[3]) : 30;
  const auto encoder = lockstep::hash_encoder(20000);
  double best = 1e30;
  std::int64_t rows = 0, bytes = 0;
  try {
    for (int i = 0; i < repeats; ++i) {
      const auto begin = lockstep::steady_now();
      const lockstep::MappedFile file(path);
      const auto table = lockstep::parse_csv(file.bytes(), path, 0);
      const auto encoded = lockstep::encode_texts(lockstep::labelled_texts(table), *encoder, 128, threads);
      best = std::min(best, lockstep::seconds_between(begin, lockstep::steady_now()));
      rows = encoded.rows;
      bytes = static_cast<std::int64_t>(file.bytes().size());
    }
  } catch (const lockstep::Error& error) {
    fmt::print(stderr, "{}\n", error.what());
    return static_cast<int>(error.code());
  }
  fmt::print("{} rows, best of {}: {:.3f} ms, {:.0f} MB/s on {} threads\n", rows, repeats, best * 1e3,
             static_cast<double>(bytes) / best / 1e6, threads);
}
