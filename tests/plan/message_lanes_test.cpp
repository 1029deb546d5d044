// That pipelines over a back end whose operations occupy the device cannot hang, at the worst that such a
// device does: a message takes the stream of its communicator from when it is enqueued until its peer has
// come, and every pass waits until the whole device is idle. Headers go from host to host.
#include "plan/message_lanes.hpp"

#include <algorithm>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <tuple>
#include <vector>

#include "parallel/support.hpp"
#include "plan/schedule.hpp"

using namespace lockstep;
using Kind = Action::Kind;

namespace {

struct Plan {
  PipelineSchedule schedule;
  int stages, micro_batches, chunks;
};

// What messages follow one another on: those of a lane, of a kind, or all.
enum class Streams { lanes, kinds, one };

// How a runner uses its communicators.
struct Manner {
  Streams streams = Streams::lanes;
  // Actions whose input is asked for before their turn; none: as receives_in_order.
  std::optional<std::size_t> ahead;
};

// Into that chunk.
using Message = Action;
struct Earlier {
  bool operator()(const Message& a, const Message& b) const {
    return std::tie(a.kind, a.chunk, a.micro_batch) < std::tie(b.kind, b.chunk, b.micro_batch);
  }
};
using Messages = std::set<Message, Earlier>;

// What a rank does: it enqueues a message on a stream, waits for its header, or waits until all that it has
// enqueued has ended.
struct Deed {
  enum class What { enqueue, header, pass } what = What::pass;
  Message message;
  int stream = 0;
};

class Rank {
 public:
  Rank(const Plan& plan, const StageActions& schedule, int stage, const Manner& manner)
      : plan_(plan), manner_(manner), actions_(schedule[static_cast<std::size_t>(stage)]) {
    receives_ = receives_in_order(schedule, stage);
    for (Receive& receive : receives_)
      if (manner.ahead) receive.point = 2 * (receive.action - std::min(receive.action, *manner.ahead));
    for (std::size_t i = 0; i < actions_.size(); ++i) act(i);
  }

  // As far as it gets. Whether it got anywhere. headers: what any rank has sent so far.
  bool advance(Messages& headers) {
    const std::size_t before = done_;
    for (; done_ < deeds_.size(); ++done_) {
      const Deed& deed = deeds_[done_];
      if (deed.what == Deed::What::pass && !streams_.empty()) break;
      if (deed.what == Deed::What::header && !headers.contains(deed.message)) break;
      if (deed.what != Deed::What::enqueue) continue;
      streams_[deed.stream].push_back(deed.message);
      headers.insert(deed.message);
    }
    return done_ > before;
  }
  bool finished() const { return done_ == deeds_.size() && streams_.empty(); }
  // Those that its streams are at.
  Messages under_way() const {
    Messages messages;
    for (const auto& [stream, queue] : streams_) messages.insert(queue.front());
    return messages;
  }
  void end(const Message& message) {
    for (auto it = streams_.begin(); it != streams_.end(); ++it)
      if (it->second.front() == message) {
        it->second.pop_front();
        if (it->second.empty()) streams_.erase(it);
        return;
      }
  }

 private:
  int last_chunk() const { return plan_.stages * plan_.chunks - 1; }
  bool exists(int chunk) const { return chunk >= 0 && chunk <= last_chunk(); }

  void enqueue(Kind kind, int into, int micro_batch) {
    const int lanes = manner_.streams == Streams::lanes ? lane_count(plan_.stages, plan_.chunks) : 1;
    const int upper = kind == Kind::forward ? into - 1 : into;
    const int lane = lane_of(upper % plan_.stages, plan_.stages, lanes);
    const int stream = manner_.streams == Streams::one ? 0 : 4 * static_cast<int>(kind) + lane;
    deeds_.push_back({Deed::What::enqueue, {kind, into, micro_batch}, stream});
  }

  void ask_for_what_is_due(std::size_t point) {
    for (const Receive& receive : receives_) {
      if (receive.point != point) continue;
      const Action& action = actions_[receive.action];
      if (action.kind == Kind::forward) deeds_.push_back({Deed::What::header, action});
      enqueue(action.kind, action.chunk, action.micro_batch);
    }
  }

  void act(std::size_t i) {
    ask_for_what_is_due(2 * i);
    deeds_.push_back({});
    ask_for_what_is_due(2 * i + 1);
    const Action& action = actions_[i];
    const int into = action.kind == Kind::forward ? action.chunk + 1 : action.chunk - 1;
    if (exists(into)) enqueue(action.kind, into, action.micro_batch);
  }

  Plan plan_;
  Manner manner_;
  const std::vector<Action>& actions_;
  std::vector<Receive> receives_;
  std::vector<Deed> deeds_;
  std::size_t done_ = 0;
  std::map<int, std::deque<Message>> streams_;
};

// A message ends once both of its ranks have come to it.
bool ends(const Plan& plan, const Manner& manner) {
  const StageActions schedule = make_schedule(plan.schedule, plan.stages, plan.micro_batches, plan.chunks);
  std::vector<Rank> ranks;
  for (int stage = 0; stage < plan.stages; ++stage) ranks.emplace_back(plan, schedule, stage, manner);
  Messages headers;
  for (bool moved = true; moved;) {
    moved = false;
    for (Rank& rank : ranks) moved = rank.advance(headers) || moved;
    std::map<Message, int, Earlier> seen;
    for (const Rank& rank : ranks)
      for (const Message& message : rank.under_way()) ++seen[message];
    for (const auto& [message, count] : seen) {
      if (count < 2) continue;
      for (Rank& rank : ranks)
        if (rank.under_way().contains(message)) rank.end(message);
      moved = true;
    }
  }
  return std::all_of(ranks.begin(), ranks.end(), [](const Rank& rank) { return rank.finished(); });
}

std::vector<Plan> plans() {
  std::vector<Plan> result;
  for (int p = 2; p <= 8; ++p)
    for (int m = 1; m <= 2 * p + 1; ++m) {
      for (const auto s :
           {PipelineSchedule::layerwise, PipelineSchedule::gpipe, PipelineSchedule::one_f_one_b})
        result.push_back({s, p, m, 1});
      for (const int v : {2, 3, 4})
        if (m % p == 0) result.push_back({PipelineSchedule::interleaved, p, m, v});
    }
  return result;
}

}  // namespace

TEST_CASE("on a lane a stage sends to one neighbour, or receives from one") {
  for (int stages = 2; stages <= 9; ++stages)
    for (const int chunks : {1, 2}) {
      CAPTURE(stages, chunks);
      const int lanes = lane_count(stages, chunks), edges = chunks > 1 ? stages : stages - 1;
      std::set<std::pair<int, int>> used;  // lane, stage
      for (int stage = 0; stage < edges; ++stage) {
        const int lane = lane_of(stage, stages, lanes);
        REQUIRE(lane >= 0);
        REQUIRE(lane < lanes);
        CHECK(used.insert({lane, stage}).second);
        CHECK(used.insert({lane, (stage + 1) % stages}).second);
      }
      CHECK(lane_of(stages - 1, stages, 1) == 0);
    }
}

TEST_CASE("every schedule ends, however often the device has to be idle, on however few queues") {
  for (const Plan& plan : plans())
    for (const Streams streams : {Streams::lanes, Streams::kinds, Streams::one}) {
      CAPTURE(name_of(plan.schedule), plan.stages, plan.micro_batches, plan.chunks,
              static_cast<int>(streams));
      CHECK(ends(plan, {.streams = streams, .ahead = {}}));
    }
}

TEST_CASE("with receives at other times than the timeline's schedules hang") {
  CHECK_FALSE(ends({PipelineSchedule::one_f_one_b, 2, 4, 1}, {.streams = Streams::lanes, .ahead = 2}));
  CHECK_FALSE(ends({PipelineSchedule::interleaved, 2, 4, 3}, {.streams = Streams::lanes, .ahead = 0}));
  CHECK_FALSE(ends({PipelineSchedule::one_f_one_b, 2, 4, 1}, {.streams = Streams::one, .ahead = 0}));
}

TEST_CASE("what a pass reads is asked for between the pass that makes it and its own") {
  const StageActions schedule = make_schedule(PipelineSchedule::one_f_one_b, 2, 4, 1);
  // Stage 1 of 2: F0 B0 F1 B1 F2 B2 F3 B3. Stage 0 makes F0 by 1, when F0 begins here; F1 by 2, when it ends;
  // F2 by 5, when B1 ends, whose gradient is sent after forward messages.
  const std::vector<Receive> last = receives_in_order(schedule, 1);
  REQUIRE(last.size() == 4);
  CHECK(last[0] == Receive{0, 0});
  CHECK(last[1] == Receive{2, 2});
  CHECK(last[2] == Receive{4, 7});
  // Stage 0: F0 F1 B0 F2 B1 F3 B2 B3. It waits for B0's gradient, and for B1's, which is made when F2 is.
  const std::vector<Receive> first = receives_in_order(schedule, 0);
  REQUIRE(first.size() == 4);
  CHECK(first[0] == Receive{2, 4});
  CHECK(first[1] == Receive{4, 8});
}
