#include "analysis/support/simulated_run.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "analysis/support/synthetic_run.hpp"
#include "base/random.hpp"

namespace lockstep::test {

namespace {

class Machine {
 public:
  explicit Machine(const SimulatedRun& s)
      : s_(s),
        random_({static_cast<std::uint64_t>(s.seed), static_cast<std::uint64_t>(s.ranks), 7}),
        pace_(1 + s.launch_spread * random_.normal()),
        now_(static_cast<std::size_t>(s.ranks), 1.0) {}

  RunData run() {
    const bool alone = s_.ranks == 1;
    const SyntheticRun described{.mode = alone ? "seq" : "ddp",
                                 .ranks = s_.ranks,
                                 .epochs = 1,
                                 .steps = s_.steps,
                                 .batch = s_.batch,
                                 .seed = s_.seed};
    describe(run_, described);
    add_epochs(run_, described);
    run_.model.gradient_bytes =
        static_cast<std::int64_t>(std::accumulate(s_.buckets.begin(), s_.buckets.end(), 0.0));
    run_.settings["parallel.overlap"] = s_.overlap ? "true" : "false";
    for (const double bytes : s_.buckets) {
      run_.buckets.bytes.push_back(static_cast<std::int64_t>(bytes));
      run_.buckets.parameters.push_back(1);
      run_.buckets.first_parameter.push_back(fmt::format("parameter {}", run_.buckets.bytes.size()));
    }
    run_.steps = empty_steps(s_.ranks, s_.steps);
    for (int step = 0; step < s_.steps; ++step) simulate_step(step);
    sort_events();
    run_.header.wall_seconds = now_[0] + 0.5;
    return std::move(run_);
  }

 private:
  struct RankStep {
    double begin, backward_begin, backward_end;
  };

  double varied(double seconds) { return seconds * pace_ * (1 + s_.spread * random_.normal()); }

  RankStep work(int rank, int step) {
    StepTable& t = run_.steps;
    const bool slow = rank == s_.slow_rank;
    const double samples = static_cast<double>(s_.batch) / s_.ranks, compute = slow ? s_.slow_compute : 1;
    const double data = varied(s_.data * samples * (slow ? s_.slow_data : 1)), h2d = varied(s_.h2d * samples),
                 forward = varied(s_.forward * samples * compute),
                 backward = varied((s_.backward * samples + s_.fixed) * compute);
    const double begin = now_[static_cast<std::size_t>(rank)];
    t.start.at(rank, step) = begin;
    t.data.at(rank, step) = data;
    t.h2d.at(rank, step) = h2d;
    t.forward.at(rank, step) = forward;
    t.backward.at(rank, step) = backward;
    t.optimizer.at(rank, step) = varied(s_.optimizer);
    t.other.at(rank, step) = s_.other;
    t.samples.at(rank, step) = s_.batch / s_.ranks;
    return {begin, begin + data + h2d + forward, begin + data + h2d + forward + backward};
  }

  // All-reduces in order; gives the end of the last one.
  double reduce(int step, const std::vector<RankStep>& ranks) {
    const double all = std::accumulate(s_.buckets.begin(), s_.buckets.end(), 0.0);
    double done = 0, end = 0;
    for (std::size_t b = 0; b < s_.buckets.size(); ++b) {
      done += s_.buckets[b] / all;
      std::vector<double> ready;
      for (const RankStep& r : ranks)
        ready.push_back(s_.overlap ? r.backward_begin + done * (r.backward_end - r.backward_begin)
                                   : r.backward_end);
      const double before = end;
      end = std::max(before, *std::max_element(ready.begin(), ready.end())) +
            s_.link.all_reduce(s_.buckets[b], s_.ranks) * (1 + s_.link_spread * random_.normal());
      for (int r = 0; r < s_.ranks; ++r) {
        const double ready_here = ready[static_cast<std::size_t>(r)];
        add_event(r, step, static_cast<int>(b), ready_here, std::max(before, ready_here), end);
      }
    }
    return end;
  }

  void add_event(int rank, int step, int bucket, double ready, double start, double end) {
    CommTable& c = run_.comm;
    c.rank.push_back(rank);
    c.step.push_back(step);
    c.bucket.push_back(bucket);
    c.sequence.push_back(static_cast<std::int64_t>(step) * std::ssize(s_.buckets) + bucket);
    c.bytes.push_back(static_cast<std::int64_t>(s_.buckets[static_cast<std::size_t>(bucket)]));
    c.kind.emplace_back("all_reduce");
    c.ready.push_back(ready);
    c.start.push_back(start);
    c.end.push_back(end);
    run_.steps.comm.at(rank, step) += end - start;
  }

  void simulate_step(int step) {
    StepTable& t = run_.steps;
    std::vector<RankStep> ranks;
    for (int r = 0; r < s_.ranks; ++r) ranks.push_back(work(r, step));
    const double reduced = s_.ranks > 1 ? reduce(step, ranks) : 0;
    for (int r = 0; r < s_.ranks; ++r) {
      const RankStep& rank = ranks[static_cast<std::size_t>(r)];
      const double synchronised = std::max(rank.backward_end, reduced);
      t.comm_exposed.at(r, step) = synchronised - rank.backward_end;
      double& now = now_[static_cast<std::size_t>(r)];
      now = synchronised + t.optimizer.at(r, step) + t.other.at(r, step);
      t.wall.at(r, step) = now - rank.begin;
    }
  }

  // As in a file: by rank, then time.
  void sort_events() {
    CommTable& c = run_.comm;
    std::vector<std::size_t> order(c.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return c.rank[a] < c.rank[b]; });
    const auto apply = [&](auto& column) {
      auto sorted = column;
      for (std::size_t i = 0; i < order.size(); ++i) sorted[i] = column[order[i]];
      column = std::move(sorted);
    };
    apply(c.rank), apply(c.step), apply(c.bucket), apply(c.sequence), apply(c.bytes), apply(c.ready),
        apply(c.start),
        apply(c.end);  // of one kind are all
  }

  SimulatedRun s_;
  RandomStream random_;
  double pace_;
  std::vector<double> now_;
  RunData run_;
};

}  // namespace

RunData simulate(const SimulatedRun& simulated) { return Machine(simulated).run(); }

}  // namespace lockstep::test
