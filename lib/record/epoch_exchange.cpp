#include "record/epoch_exchange.hpp"

#include <algorithm>
#include <unordered_map>

#include "base/error.hpp"
#include "comm/communicator.hpp"

namespace lockstep {

namespace {

StepTable empty_table(std::int64_t ranks, std::int64_t steps) {
  StepTable table;
  for_each_step_column([&]<typename T>(const StepColumn<T>& c) { table.*c.table = Matrix<T>(ranks, steps); });
  return table;
}

void fill_rank(StepTable& table, std::int64_t rank, const std::vector<StepRow>& rows) {
  for_each_step_column([&](const auto& c) {
    for (std::int64_t s = 0; s < table.steps(); ++s)
      (table.*c.table).at(rank, s) = rows[static_cast<std::size_t>(s)].*c.row;
  });
}

void append_rank(CommTable& table, std::int32_t rank, const RankEpoch& epoch) {
  for (const CommInterval& c : epoch.comm) {
    table.rank.push_back(rank);
    table.step.push_back(c.step);
    table.bucket.push_back(c.bucket);
    table.sequence.push_back(c.sequence);
    table.bytes.push_back(c.bytes);
    table.kind.emplace_back(name_of(static_cast<CollectiveKind>(c.kind)));
    table.ready.push_back(c.ready);
    table.start.push_back(c.start);
    table.end.push_back(c.end);
  }
}

void append_stages(StageTable& table, std::int32_t rank, const RankEpoch& epoch) {
  for (const StagePass& pass : epoch.stages) {
    table.rank.push_back(rank);
    table.step.push_back(pass.step);
    table.stage.push_back(pass.chunk);
    table.micro_batch.push_back(pass.micro_batch);
    table.direction.push_back(pass.direction);
    table.start.push_back(pass.start);
    table.end.push_back(pass.end);
  }
}

bool is_message(const CommInterval& c) {
  const auto kind = static_cast<CollectiveKind>(c.kind);
  return kind == CollectiveKind::send || kind == CollectiveKind::recv;
}

struct MessageStart {
  std::int64_t sequence;
  double start;
};

struct Encounter {
  double start = 0;  // of the later end
  int ends = 0;
};

}  // namespace

void align_messages(World& world, std::vector<CommInterval>& comm) {
  std::vector<MessageStart> mine;
  for (const CommInterval& c : comm)
    if (is_message(c)) mine.push_back({c.sequence, c.start});
  std::unordered_map<std::int64_t, Encounter> encounters;
  for (const std::vector<MessageStart>& theirs : world.all_gather(mine)) {
    for (const MessageStart& m : theirs) {
      Encounter& encounter = encounters[m.sequence];
      encounter.start = encounter.ends++ == 0 ? m.start : std::max(encounter.start, m.start);
    }
  }
  const auto alone = std::count_if(encounters.begin(), encounters.end(),
                                   [](const auto& entry) { return entry.second.ends != 2; });
  if (alone > 0)
    throw run_error("{} of {} messages have not a sender and a receiver", alone, encounters.size());
  for (CommInterval& c : comm)
    if (is_message(c)) c.start = std::min(c.end, encounters.at(c.sequence).start);
}

void gather_conditions(World& world, const EpochConditions& mine, EpochRow& row) {
  const std::vector<EpochConditions> all = world.gather(mine);
  std::vector<GpuOfRank> gpus;
  for (const EpochConditions& rank : all) {
    gpus.push_back(rank.gpu);
    row.counters.insert(row.counters.end(), rank.counters.begin(), rank.counters.end());
  }
  row.gpu = merge_gpus(gpus);
  if (row.counters.size() != all.size()) row.counters.clear();  // not by all ranks
}

EpochTables exchange_epoch(World& world, const RankEpoch& mine, std::int32_t epoch) {
  const std::vector<RankEpoch> all = world.gather(mine);
  EpochTables tables;
  if (world.rank() != 0) return tables;
  tables.steps = empty_table(world.size(), static_cast<std::int64_t>(mine.rows.size()));
  for (int rank = 0; rank < world.size(); ++rank) {
    const RankEpoch& theirs = all[static_cast<std::size_t>(rank)];
    if (theirs.rows.size() != mine.rows.size())
      throw run_error("rank {} ran {} steps in epoch {}, rank 0 ran {}", rank, theirs.rows.size(), epoch,
                      mine.rows.size());
    fill_rank(tables.steps, rank, theirs.rows);
    append_rank(tables.comm, rank, theirs);
    append_stages(tables.stages, rank, theirs);
  }
  std::fill(tables.steps.epoch.values.begin(), tables.steps.epoch.values.end(), epoch);
  return tables;
}

}  // namespace lockstep
