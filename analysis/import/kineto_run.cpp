#include "analysis/import/kineto_run.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <set>

#include "analysis/import/clock_alignment.hpp"
#include "base/digest.hpp"
#include "base/error.hpp"
#include "base/mode.hpp"
#include "results/run_reader.hpp"
#include "timing/clock.hpp"

namespace lockstep {

namespace {

constexpr int kGroupShift = 40, kStepShift = 20;  // of a sequence number: group, step, number in the step

// "2026-01-31T12:00:00Z"; "" for a trace whose clock does not count from 1970.
std::string utc(std::int64_t nanoseconds) {
  constexpr std::int64_t kYear2000 = 946'684'800;
  const std::time_t seconds = nanoseconds / 1'000'000'000;
  return seconds < kYear2000 ? "" : utc_timestamp(seconds);
}

std::vector<std::int64_t> common_steps(const std::vector<RankTrace>& ranks) {
  std::vector<std::int64_t> common = ranks.front().steps.numbers;
  for (const RankTrace& rank : ranks) {
    std::vector<std::int64_t> both;
    std::set_intersection(common.begin(), common.end(), rank.steps.numbers.begin(), rank.steps.numbers.end(),
                          std::back_inserter(both));
    common = std::move(both);
  }
  if (common.empty())
    throw input_error("{}: its steps are others than those of {}; give traces of the same steps",
                      ranks.back().trace.path, ranks.front().trace.path);
  return common;
}

// A rank, and which of its steps all ranks have.
struct Row {
  const KinetoTrace* trace;
  const RankSteps& steps;
  std::vector<std::size_t> columns = {};
};

class RunMaker {
 public:
  RunMaker(const std::vector<RankTrace>& traces, const ImportFacts& facts)
      : facts_(facts), numbers_(common_steps(traces)) {
    for (const RankTrace& rank : traces) ranks_.push_back({&rank.trace, rank.steps});
    for (Row& rank : ranks_)
      for (std::size_t i = 0; i < rank.steps.numbers.size(); ++i)
        if (std::binary_search(numbers_.begin(), numbers_.end(), rank.steps.numbers[i]))
          rank.columns.push_back(i);
    start_ = begin_of(ranks_.front());
    world_size_ = std::max<std::int64_t>(ranks_.front().trace->world_size, std::ssize(ranks_));
  }

  TraceRun result() {
    take_likeness();
    add_header();
    add_steps();
    add_collectives();
    for (std::string& note : align_clocks(run_)) notes_.push_back(std::move(note));
    add_wall();
    add_backward_offset();
    add_facts();
    note_ranks();
    note_idle();
    note_missing();
    return {std::move(run_), std::move(notes_)};
  }

 private:
  static std::int64_t begin_of(const Row& rank) {
    return rank.trace->base + rank.steps.windows[rank.columns.front()].begin;
  }
  double since_start(const Row& rank, std::int64_t time) const {
    return 1e-9 * static_cast<double>(rank.trace->base + time - start_);
  }
  bool on_device() const { return ranks_.front().steps.on_device; }

  void take_likeness() {
    if (facts_.like.empty()) return;
    const RunData like = read_run(facts_.like);
    run_.settings = like.settings;
    run_.model = like.model;
    run_.data = like.data;
    run_.fingerprint = like.fingerprint;
    for (std::int64_t step = 0; step < like.steps.steps(); ++step) {
      std::int64_t samples = 0;
      for (std::int64_t rank = 0; rank < like.steps.ranks(); ++rank)
        samples += like.steps.samples.at(rank, step);
      batch_ = std::max(batch_, samples);
    }
    notes_.push_back(fmt::format("model, data, batch and hardware are taken to be those of {}", facts_.like));
  }

  std::string mode() {
    if (!facts_.mode.empty()) return facts_.mode;
    if (world_size_ == 1) return name_of(Mode::sequential);
    notes_.emplace_back("taken for data-parallel training (ddp); --mode says otherwise");
    return name_of(Mode::data_parallel);
  }

  void add_header() {
    Digest digest;
    for (const Row& rank : ranks_)
      for (const TraceSpan& window : rank.steps.windows) digest.add_value(window);
    run_.header.uuid = fmt::format("{:016x}", digest.value());
    run_.header.mode = mode();
    run_.header.status = "complete";
    run_.header.started = utc(start_);
    if (world_size_ > std::ssize(ranks_)) run_.header.world_size = world_size_;
    const KinetoTrace& first = *ranks_.front().trace;
    run_.environment = {{"origin", "PyTorch profiler trace"}, {"program", "PyTorch"}};
    if (!first.library_version.empty()) run_.environment["nccl"] = first.library_version;
    for (const Row& rank : ranks_) {
      RankEnvironment environment;
      environment.device = on_device() ? rank.trace->device : "cpu";
      environment.host = facts_.nodes > 0
                             ? fmt::format("node {}", rank.trace->rank * facts_.nodes / world_size_)
                             : rank.trace->host;
      run_.ranks.push_back(environment);
    }
  }

  void add_steps() {
    const std::int64_t rows = std::ssize(ranks_), columns = std::ssize(numbers_);
    StepTable& table = run_.steps;
    for_each_step_column([&]<typename T>(const StepColumn<T>& column) {
      if (!column.may_lack()) table.*column.table = Matrix<T>(rows, columns);
    });
    table.loss = table.grad_norm = {};  // nobody knows
    if (facts_.batch > 0) batch_ = facts_.batch;
    for (std::int64_t r = 0; r < rows; ++r)
      for (std::int64_t s = 0; s < columns; ++s) add_step(ranks_[static_cast<std::size_t>(r)], r, s);
  }

  void add_backward_offset() {
    double sum = 0, count = 0;
    for (const Row& rank : ranks_)
      for (const std::size_t column : rank.columns)
        if (const double offset = rank.steps.backward_offsets[column]; std::isfinite(offset))
          sum += offset, ++count;
    if (count > 0) run_.backward_offset = sum / count;
  }

  void add_wall() {
    const StepTable& table = run_.steps;
    const std::int64_t last = table.steps() - 1;
    for (std::int64_t r = 0; r < table.ranks(); ++r)
      run_.header.wall_seconds =
          std::max(run_.header.wall_seconds, table.start.at(r, last) + table.wall.at(r, last));
  }

  void add_step(const Row& rank, std::int64_t r, std::int64_t s) {
    const std::size_t column = rank.columns[static_cast<std::size_t>(s)];
    StepRow row = rank.steps.rows[column];
    row.start = since_start(rank, rank.steps.windows[column].begin);
    // The ranks' shares of a batch that they do not divide: the first ones have one more.
    row.samples = static_cast<std::int32_t>(batch_ / world_size_ + (rank.trace->rank < batch_ % world_size_));
    for_each_step_column([&]<typename T>(const StepColumn<T>& c) {
      if (!(run_.steps.*c.table).values.empty()) (run_.steps.*c.table).at(r, s) = row.*c.row;
    });
  }

  // Numbers of the process groups by name, alike on all ranks.
  std::map<std::string, std::int64_t> group_numbers() const {
    std::map<std::string, std::int64_t> numbers;
    for (const Row& rank : ranks_)
      for (const StepCollective& c : rank.steps.collectives) numbers[group_of(rank, c)] = 0;
    std::int64_t next = 0;
    for (auto& [name, number] : numbers) number = next++;
    return numbers;
  }
  static std::string group_of(const Row& rank, const StepCollective& c) {
    return c.group < 0 ? "" : rank.trace->groups[static_cast<std::size_t>(c.group)];
  }
  static std::string kind_of(const Row& rank, const StepCollective& c) {
    return c.kind < 0 ? "collective" : rank.trace->kinds[static_cast<std::size_t>(c.kind)];
  }

  void add_collectives() {
    const auto groups = group_numbers();
    std::map<std::int64_t, std::string> kinds;  // of the sequence numbers
    for (std::size_t r = 0; r < ranks_.size(); ++r) {
      std::map<std::pair<std::size_t, std::int64_t>, std::int64_t> made;  // in a step, of a group
      for (const StepCollective& c : ranks_[r].steps.collectives) {
        const auto column = std::lower_bound(ranks_[r].columns.begin(), ranks_[r].columns.end(),
                                             static_cast<std::size_t>(c.step));
        if (column == ranks_[r].columns.end() || *column != static_cast<std::size_t>(c.step)) continue;
        const auto step = static_cast<std::size_t>(column - ranks_[r].columns.begin());
        const std::string kind = kind_of(ranks_[r], c);
        std::int64_t group = groups.at(group_of(ranks_[r], c));
        // The two ends of a message are not known to belong together: each stands alone.
        if (kind == "send" || kind == "recv" || kind == "send_recv")
          group = std::ssize(groups) + static_cast<std::int64_t>(r);
        const std::int64_t sequence =
            group << kGroupShift | static_cast<std::int64_t>(step) << kStepShift | made[{step, group}]++;
        const auto [known, fresh] = kinds.emplace(sequence, kind);
        if (known->second != kind)
          throw input_error("{}: in step {} it calls {} where {} calls {}; give traces of one run",
                            ranks_[r].trace->path, numbers_[step], kind, ranks_.front().trace->path,
                            known->second);
        add_event(ranks_[r], static_cast<std::int32_t>(r), static_cast<std::int32_t>(step), sequence, c);
      }
    }
  }

  void add_event(const Row& rank, std::int32_t r, std::int32_t step, std::int64_t sequence,
                 const StepCollective& c) {
    run_.comm.rank.push_back(r);
    run_.comm.step.push_back(step);
    run_.comm.bucket.push_back(c.bucket);
    run_.comm.sequence.push_back(sequence);
    run_.comm.bytes.push_back(c.bytes);
    run_.comm.kind.push_back(kind_of(rank, c));
    run_.comm.ready.push_back(since_start(rank, c.ready));
    run_.comm.start.push_back(since_start(rank, c.start));
    run_.comm.end.push_back(since_start(rank, c.end));
    if (r == 0 && c.bucket >= 0 && step + 1 == std::ssize(numbers_)) {
      run_.buckets.bytes.push_back(c.bytes);
      run_.buckets.parameters.push_back(0);
      run_.buckets.first_parameter.emplace_back();
    }
  }

  void add_facts() {
    const KinetoTrace& first = *ranks_.front().trace;
    if (!facts_.model.empty()) run_.model.name = facts_.model;
    if (run_.model.name.empty()) run_.model.name = "unnamed-" + run_.header.uuid.substr(0, 8);
    if (!facts_.data.empty()) run_.data.name = facts_.data;
    if (run_.data.name.empty()) run_.data.name = "data not named";
    if (run_.model.gradient_bytes == 0)
      for (const std::int64_t bytes : run_.buckets.bytes) run_.model.gradient_bytes += bytes;
    if (!facts_.hardware.empty()) run_.fingerprint = Digest().add(facts_.hardware).hex();
    if (run_.fingerprint.empty() && on_device() && !first.device.empty())
      run_.fingerprint = Digest().add(first.device).hex();
    if (facts_.like.empty() || !facts_.model.empty()) run_.settings["model.name"] = run_.model.name;
    run_.settings["parallel.device"] = on_device() ? "cuda" : "cpu";
    run_.settings["parallel.backend"] = world_size_ == 1 ? "self" : first.backend;
    if (on_device()) run_.settings["measure.other"] = "device idle";
    run_.epochs.emplace_back();
    EpochRow& epoch = run_.epochs.back();
    for (double* value :
         {&epoch.validation_loss, &epoch.validation_metric, &epoch.test_metric, &epoch.learning_rate})
      *value = kUnknown;
    epoch.train_loss = facts_.loss;
    epoch.train_seconds = run_.header.wall_seconds;
  }

  void note_ranks() {
    std::set<std::int64_t> present;
    for (const Row& rank : ranks_) present.insert(rank.trace->rank);
    std::string missing;
    for (std::int64_t r = 0; r < world_size_ && missing.size() < 60; ++r)
      if (!present.contains(r)) missing += fmt::format("{}{}", missing.empty() ? "" : ", ", r);
    if (!missing.empty())
      notes_.push_back(fmt::format("of {} ranks, {} {} no trace here, so no waiting is attributed",
                                   world_size_, missing,
                                   missing.find(',') == std::string::npos ? "has" : "have"));
    for (const Row& rank : ranks_)
      if (rank.columns.size() < rank.steps.numbers.size())
        notes_.push_back(fmt::format("{}: {} of its {} steps are also in the other traces, and are used",
                                     rank.trace->path, rank.columns.size(), rank.steps.numbers.size()));
  }

  void note_idle() {
    if (!on_device()) return;
    double idle = 0, wall = 0;
    for (std::size_t i = 0; i < run_.steps.wall.values.size(); ++i) {
      idle += run_.steps.other.values[i];
      wall += run_.steps.wall.values[i];
    }
    notes_.push_back(fmt::format(
        "the device was idle for {:.1f} % of the steps, waiting for the host: 'other'", 100 * idle / wall));
  }

  void note_missing() {
    std::string missing;
    const auto lacks = [&](bool known, const char* what) {
      if (!known) missing += fmt::format("{}{}", missing.empty() ? "" : ", ", what);
    };
    lacks(!run_.model.name.starts_with("unnamed-"), "model (--model)");
    lacks(run_.data.name != "data not named", "data (--data)");
    lacks(batch_ > 0, "batch (--batch)");
    lacks(!run_.fingerprint.empty(), "hardware (--hardware)");
    lacks(std::isfinite(facts_.loss), "loss (--loss)");
    lacks(world_size_ == 1 || !run_.ranks.front().host.empty(), "nodes (--nodes), of which one is assumed");
    if (!missing.empty())
      notes_.push_back(fmt::format(
          "not in the trace: {}; --like RUN takes model, data, batch and hardware from a run file", missing));
    if (run_.comm.size() > 0 &&
        std::all_of(run_.comm.bytes.begin(), run_.comm.bytes.end(), [](std::int64_t b) { return b == 0; }))
      notes_.emplace_back("not in the trace: sizes of messages; profile with record_shapes=True");
    notes_.emplace_back("the work is not audited: a trace does not say which samples a rank trained on");
  }

  const ImportFacts& facts_;
  std::vector<Row> ranks_;
  std::vector<std::int64_t> numbers_;  // of the steps
  std::int64_t start_ = 0;             // of the first rank, nanoseconds since 1970
  std::int64_t world_size_ = 1, batch_ = 0;
  RunData run_;
  std::vector<std::string> notes_;
};

}  // namespace

TraceRun run_of_traces(const std::vector<RankTrace>& traces, const ImportFacts& facts) {
  return RunMaker(traces, facts).result();
}

}  // namespace lockstep
