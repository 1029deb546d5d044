#include "analysis/metrics/bucket_times.hpp"

#include <algorithm>
#include <cmath>
#include <map>

namespace lockstep {

namespace {

struct Sums {
  BucketTimes times;
  std::int64_t matched = 0;
};

// When the last bucket of each rank and step ends, and what its other collectives took.
struct StepEnds {
  Matrix<double> last_end, other_seconds;
};

class BucketSums {
 public:
  BucketSums(const StepTable& steps, const CommTable& comm, const Collectives& collectives,
             std::int64_t first, double backward_offset)
      : steps_(steps), comm_(comm), first_(first), offset_(backward_offset), ends_(ends_of_steps()) {
    for (std::size_t i = 0; i < comm.size(); ++i)
      if (counts(i)) add_event(i);
    add_collectives(collectives);
  }

  std::vector<BucketTimes> means() {
    std::vector<BucketTimes> result;
    for (auto& [bucket, sums] : by_bucket_) {
      BucketTimes& t = result.emplace_back(sums.times);
      t.bucket = bucket;
      for (double* value : {&t.bytes, &t.ready, &t.start, &t.end, &t.exposed})
        *value /= static_cast<double>(t.events);
      for (double* value : {&t.transfer, &t.wait})
        *value /= static_cast<double>(std::max<std::int64_t>(1, sums.matched));
    }
    return result;
  }

 private:
  bool belongs(std::size_t i) const {
    return comm_.rank[i] >= 0 && comm_.rank[i] < steps_.ranks() && comm_.step[i] >= first_ &&
           comm_.step[i] < steps_.steps();
  }
  bool counts(std::size_t i) const { return comm_.bucket[i] >= 0 && belongs(i); }

  StepEnds ends_of_steps() const {
    StepEnds ends{Matrix<double>(steps_.ranks(), steps_.steps()),
                  Matrix<double>(steps_.ranks(), steps_.steps())};
    for (std::size_t i = 0; i < comm_.size(); ++i) {
      if (!belongs(i)) continue;
      if (comm_.bucket[i] < 0) {
        ends.other_seconds.at(comm_.rank[i], comm_.step[i]) += comm_.end[i] - comm_.start[i];
        continue;
      }
      double& last = ends.last_end.at(comm_.rank[i], comm_.step[i]);
      last = std::max(last, comm_.end[i]);
    }
    return ends;
  }

  void add_event(std::size_t i) {
    const std::int64_t r = comm_.rank[i], s = comm_.step[i];
    BucketTimes& t = by_bucket_[comm_.bucket[i]].times;
    const double backward =
        steps_.start.at(r, s) + (std::isnan(offset_)
                                     ? steps_.data.at(r, s) + steps_.h2d.at(r, s) + steps_.forward.at(r, s)
                                     : offset_);
    const double last = ends_.last_end.at(r, s);
    const double exposed = std::max(0.0, steps_.comm_exposed.at(r, s) - ends_.other_seconds.at(r, s));
    ++t.events;
    t.bytes += static_cast<double>(comm_.bytes[i]);
    t.ready += comm_.ready[i] - backward;
    t.start += comm_.start[i] - backward;
    t.end += comm_.end[i] - backward;
    t.exposed += std::max(0.0, comm_.end[i] - std::max(comm_.start[i], last - exposed));
  }

  void add_collectives(const Collectives& collectives) {
    for (std::size_t c = 0; c < collectives.size(); ++c) {
      const auto members = collectives.members(c);
      if (!counts(members.front()) || !collectives.is_whole(c)) continue;
      double shortest = comm_.end[members.front()] - comm_.start[members.front()], sum = 0;
      for (const Collectives::Event e : members) {
        shortest = std::min(shortest, comm_.end[e] - comm_.start[e]);
        sum += comm_.end[e] - comm_.start[e];
      }
      Sums& sums = by_bucket_[comm_.bucket[members.front()]];
      ++sums.matched;
      sums.times.transfer += shortest;
      sums.times.wait += sum / static_cast<double>(members.size()) - shortest;
    }
  }

  const StepTable& steps_;
  const CommTable& comm_;
  std::int64_t first_;
  double offset_;
  StepEnds ends_;
  std::map<std::int32_t, Sums> by_bucket_;
};

}  // namespace

std::vector<BucketTimes> bucket_times(const StepTable& steps, const CommTable& comm,
                                      const Collectives& collectives, std::int64_t first_steady_step,
                                      double backward_offset) {
  return BucketSums(steps, comm, collectives, first_steady_step, backward_offset).means();
}

}  // namespace lockstep
