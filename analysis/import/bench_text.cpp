#include "analysis/import/bench_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <optional>
#include <utility>

#include "analysis/import/trace_builder.hpp"
#include "base/digest.hpp"
#include "base/error.hpp"
#include "results/run_reader.hpp"

namespace lockstep {

namespace {

constexpr std::size_t kMostCases = 10'000;
constexpr std::int64_t kMostRanks = 100'000;

std::vector<std::string_view> words_of(std::string_view line) {
  std::vector<std::string_view> words;
  for (std::size_t at = 0; (at = line.find_first_not_of(" \t\r", at)) != std::string_view::npos;) {
    const std::size_t end = std::min(line.find_first_of(" \t\r", at), line.size());
    words.push_back(line.substr(at, end - at));
    at = end;
  }
  return words;
}

std::optional<double> number_of(std::string_view word) {
  double value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (error != std::errc() || end != word.data() + word.size() || !std::isfinite(value)) return {};
  return value;
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

bool has(std::string_view text, std::string_view word) { return text.find(word) != std::string_view::npos; }

// One row of a table.
struct Row {
  std::int64_t bytes = 0, root = -1, wrong = 0;
  std::vector<double> seconds;  // one a repetition
};

class BenchText {
 public:
  BenchText(const std::string& text, const std::string& source, const BenchFacts& facts)
      : text_(text), source_(source), facts_(facts) {}

  ImportedBench result() {
    for (std::string_view rest = text_; !rest.empty();) {
      const std::size_t end = std::min(rest.find('\n'), rest.size());
      ++line_;
      take(rest.substr(0, end));
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    require_named();
    if (out_.bench.cases.empty()) fail("no measurement in it");
    describe();
    return std::move(out_);
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw input_error("{}:{}: {}", source_, line_, what);
  }

  void take(std::string_view line) {
    const std::vector<std::string_view> words = words_of(line);
    if (words.empty()) return;
    if (words[0].starts_with("#")) return take_comment(line, words);
    if (osu_.empty() && !nccl_) return;  // what a launcher prints before
    if (!number_of(words[0])) return;    // and between
    osu_.empty() ? take_nccl_row(words) : take_osu_row(words);
  }

  void take_comment(std::string_view line, const std::vector<std::string_view>& words) {
    if (has(line, "# OSU ")) return begin_osu(line);
    if (has(line, "nThread") && has(line, "minBytes")) return begin_nccl();
    if (has(line, "Collective test starting:")) named_ = collective_kind(std::string(words.back()));
    if (words.size() > 8 && words[1] == "Rank") return take_rank(line, words);
    if (!osu_.empty() && has(line, "Datatype:")) out_.bench.dtype = lower(words.back());
  }

  void require_named() const {
    if (!pending_.empty())
      fail(
          "all messages are too small to tell which collective it was; name the file after the test, for "
          "example all_reduce.txt");
  }

  void begin_nccl() {
    require_named();
    nccl_ = true;
    osu_.clear();
    named_.clear();
    hosts_.clear();
    out_.bench.backend = "nccl";
  }

  // "#  Rank  0 Group  0 Pid  711 on  node1 device  0 [0x07] NVIDIA A100-SXM4-40GB"
  void take_rank(std::string_view line, const std::vector<std::string_view>& words) {
    const auto on = std::find(words.begin(), words.end(), "on");
    if (on == words.end() || on + 1 == words.end()) return;
    const std::size_t bracket = line.find("] ");
    RankEnvironment rank;
    rank.host = std::string(on[1]);
    if (bracket != std::string_view::npos) {
      rank.device = std::string(line.substr(bracket + 2));
      rank.device.erase(rank.device.find_last_not_of(" \r") + 1);
    }
    if (std::ssize(hosts_) == kMostRanks) fail("names too many ranks");
    hosts_.push_back(rank);
  }

  void begin_osu(std::string_view line) {
    nccl_ = false;
    osu_ = std::string(line);
    const bool nccl = has(line, "NCCL");
    out_.bench.backend = nccl ? "nccl" : "mpi";
    const bool other = has(line, "Multi") || has(line, "Non-blocking") || !has(line, "Latency");
    if (other) fail("not a supported test; give osu_latency, or the latency of a blocking collective");
    named_ = has(line, "Latency Test") && collective_kind(osu_).empty() ? "send_recv" : collective_kind(osu_);
    if (has(line, "Barrier")) named_ = "barrier";
    if (named_.empty()) fail("not a known collective");
  }

  void take_osu_row(const std::vector<std::string_view>& words) {
    Row row;
    const bool barrier = named_ == "barrier";
    const auto size = number_of(words[0]),
               time = number_of(words.size() > 1 || barrier ? words[barrier ? 0 : 1] : "");
    if (!size || !time || !(*time > 0) || *size < 0 || *size > 1e15)
      fail("not a size and a time in microseconds");
    row.bytes = barrier ? 0 : static_cast<std::int64_t>(*size);
    const std::int64_t ranks = osu_ranks();
    // OSU counts the contribution of one rank; we count the whole, like nccl-tests.
    if (named_ == "all_gather" || named_ == "all_to_all") row.bytes *= ranks;
    row.root = named_ == "broadcast" || named_ == "reduce" ? 0 : -1;
    row.seconds = {*time * 1e-6};
    add(named_, row, ranks);
  }

  std::int64_t osu_ranks() const {
    if (named_ == "send_recv") return 2;
    if (facts_.ranks == 0)
      fail("OSU's output does not say on how many ranks it was measured; give --ranks N");
    return facts_.ranks;
  }

  // size count type [redop] [root] time algbw busbw #wrong time algbw busbw #wrong
  void take_nccl_row(const std::vector<std::string_view>& words) {
    if (words.size() < 11) fail(fmt::format("{} columns, a table of nccl-tests has 12 or 13", words.size()));
    const std::size_t first = words.size() - 8;  // of the two blocks of four
    Row row;
    row.bytes = bytes_in(words[0]);
    double ratio = 0;
    for (const std::size_t block : {first, first + 4}) {
      const auto time = number_of(words[block]), algbw = number_of(words[block + 1]),
                 busbw = number_of(words[block + 2]);
      if (words[block] == "N/A") continue;
      if (!time || !(*time > 0) || !algbw || !busbw) fail("not a time in microseconds and two bandwidths");
      row.seconds.push_back(*time * 1e-6);
      if (*algbw >= 1) ratio = *busbw / *algbw;
      row.wrong += wrong_in(words[block + 3]);
    }
    if (row.seconds.empty()) fail("no time in it");
    if (row.bytes == 0) return;
    // Between the type and the times: the operation, the root, both or neither.
    const auto root = first > 3 ? number_of(words[first - 1]) : std::nullopt;
    const bool rooted = root && *root >= 0 && *root < static_cast<double>(kMostRanks);
    if (rooted) row.root = static_cast<std::int64_t>(*root);
    const std::string_view operation = first > 3 && !number_of(words[3]) ? words[3] : "none";
    out_.bench.dtype = std::string(words[2]);
    pending_.push_back(row);
    if (named_.empty()) named_ = kind_by(operation, rooted, ratio);
    if (named_.empty()) return;  // a later, larger message will tell
    const std::int64_t ranks = nccl_ranks();
    for (const Row& one : std::exchange(pending_, {})) add(named_, one, ranks);
  }

  std::int64_t bytes_in(std::string_view word) const {
    const auto value = number_of(word);
    if (!value || *value < 0 || *value > 1e15) fail("not a size in bytes");
    return static_cast<std::int64_t>(*value);
  }

  // Newer versions count wrong elements, older ones print the largest error; "N/A": nobody looked.
  std::int64_t wrong_in(std::string_view word) {
    const auto value = number_of(word);
    if (!value) unchecked_ = true;
    if (!value || (has(word, "e") && std::abs(*value) < 1e-3)) return 0;
    return *value > 0 ? std::max<std::int64_t>(1, static_cast<std::int64_t>(std::min(*value, 1e15))) : 0;
  }

  // Inferred from what nccl-tests prints: the operation, the root, and busbw / algbw.
  std::string kind_by(std::string_view operation, bool rooted, double ratio) {
    std::string file = collective_kind(std::filesystem::path(source_).filename().string());
    if (!file.empty()) return file;
    if (rooted) return operation == "none" ? "broadcast" : "reduce";
    if (operation == "none")
      fail(
          "all_gather_perf and alltoall_perf print the same table; name the file after the test, for "
          "example all_gather.txt");
    if (ratio == 0) return "";
    // 2(p-1)/p of an all-reduce, (p-1)/p of a reduce-scatter.
    return ratio > (nccl_ranks() == 2 ? 0.75 : 1.1) ? "all_reduce" : "reduce_scatter";
  }

  std::int64_t nccl_ranks() const {
    if (!hosts_.empty()) return std::ssize(hosts_);
    if (facts_.ranks == 0) fail("no line names the ranks; give --ranks N");
    return facts_.ranks;
  }

  void add(const std::string& kind, const Row& row, std::int64_t ranks) {
    if (out_.bench.cases.size() == kMostCases) fail(fmt::format("more than {} measurements", kMostCases));
    if (!out_.bench.cases.empty() && out_.bench.cases.front().seconds.rows != ranks)
      fail(fmt::format("measured on {} ranks, the tables before on {}; put them into separate files", ranks,
                       out_.bench.cases.front().seconds.rows));
    CommBenchCase one{kind, row.bytes, row.root, row.wrong, Matrix<double>(ranks, std::ssize(row.seconds))};
    for (std::int64_t r = 0; r < ranks; ++r)
      for (std::int64_t k = 0; k < std::ssize(row.seconds); ++k)
        one.seconds.at(r, k) = row.seconds[static_cast<std::size_t>(k)];
    out_.bench.cases.push_back(std::move(one));
  }

  void describe() {
    CommBench& bench = out_.bench;
    const std::int64_t ranks = bench.cases.front().seconds.rows;
    bench.header.status = "complete";
    bench.header.uuid = Digest().add(text_).hex().substr(5);
    bench.environment = {{"origin", osu_.empty() ? "nccl-tests" : "OSU micro-benchmarks"}};
    if (bench.dtype.empty()) bench.dtype = "not said";
    bench.ranks = std::ssize(hosts_) == ranks ? hosts_ : spread_ranks(ranks);
    if (!facts_.like.empty())
      bench.fingerprint = read_run(facts_.like).fingerprint;
    else if (!facts_.hardware.empty())
      bench.fingerprint = Digest().add(facts_.hardware).hex();
    else if (!bench.ranks.front().device.empty())
      bench.fingerprint = Digest().add(bench.ranks.front().device).hex();
    if (bench.fingerprint.empty())
      out_.notes.emplace_back(
          "the hardware is unknown, so no prediction uses it; give --like RUN, or --hardware");
    if (unchecked_) out_.notes.emplace_back("the results of the collectives were not checked");
    out_.notes.emplace_back("times are means over all repetitions and ranks, so their spread is unknown");
  }

  std::vector<RankEnvironment> spread_ranks(std::int64_t ranks) {
    if (facts_.nodes == 0) fail("the number of nodes is unknown; give --nodes N");
    if (facts_.nodes > ranks) fail(fmt::format("--nodes {}: more than the {} ranks", facts_.nodes, ranks));
    std::vector<RankEnvironment> result(static_cast<std::size_t>(ranks));
    for (std::int64_t r = 0; r < ranks; ++r)
      result[static_cast<std::size_t>(r)].host = fmt::format("node {}", r * facts_.nodes / ranks);
    return result;
  }

  const std::string &text_, &source_;
  const BenchFacts& facts_;
  std::size_t line_ = 0;
  bool nccl_ = false, unchecked_ = false;
  std::string osu_, named_;  // the test's title; the collective, once it is known
  std::vector<RankEnvironment> hosts_;
  std::vector<Row> pending_;
  ImportedBench out_;
};

}  // namespace

bool looks_like_bench(std::string_view text) {
  const std::string_view start = text.substr(0, 1 << 20);
  return has(start, "# OSU ") || (has(start, "# nThread") && has(start, "minBytes"));
}

ImportedBench bench_of_text(const std::string& text, const std::string& source, const BenchFacts& facts) {
  return BenchText(text, source, facts).result();
}

}  // namespace lockstep
