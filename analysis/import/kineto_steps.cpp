#include "analysis/import/kineto_steps.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <set>

#include "analysis/import/host_timeline.hpp"
#include "base/error.hpp"
#include "results/run_data.hpp"
#include "timing/intervals.hpp"

namespace lockstep {

namespace {

double seconds(std::int64_t nanoseconds) { return 1e-9 * static_cast<double>(nanoseconds); }

// What runs within the windows of steps, each piece relative to its window's begin, in seconds.
using PerStep = std::vector<std::vector<Interval>>;

void add(PerStep& into, const std::vector<TraceSpan>& windows, const TraceSpan& span) {
  auto window = std::upper_bound(windows.begin(), windows.end(), span.begin,
                                 [](std::int64_t t, const TraceSpan& w) { return t < w.end; });
  for (; window != windows.end() && window->begin < span.end; ++window)
    into[static_cast<std::size_t>(window - windows.begin())].push_back(
        {seconds(std::max(span.begin, window->begin) - window->begin),
         seconds(std::min(span.end, window->end) - window->begin)});
}

// When work on the device was launched, and by which thread.
struct Call {
  std::int64_t time = 0;
  std::int32_t thread = -1;  // not known
};

class StepsOfRank {
 public:
  explicit StepsOfRank(const KinetoTrace& trace)
      : trace_(trace), steps_(used_steps()), timeline_(trace, steps_) {}

  RankSteps result() {
    find_windows();
    RankSteps out;
    out.on_device = trace_.on_device();
    for (const TraceStep& step : steps_) out.numbers.push_back(step.number);
    out.windows = windows_;
    out.rows = trace_.on_device() ? device_rows() : host_rows();
    out.backward_offsets = backward_offsets();
    out.collectives = collectives();
    return out;
  }

 private:
  // Without the last one where the profiler ended before anything ran in it.
  std::vector<TraceStep> used_steps() const {
    std::vector<TraceStep> steps = trace_.steps;
    if (steps.empty())
      throw input_error(
          "{}: no step is marked in it; call the profiler's step() once a step, or name another mark with "
          "--step-name",
          trace_.path);
    for (std::size_t i = 1; i < steps.size(); ++i)
      if (steps[i].number <= steps[i - 1].number || steps[i].begin < steps[i - 1].end)
        throw input_error("{}: step {} begins before step {} has ended", trace_.path, steps[i].number,
                          steps[i - 1].number);
    const TraceSpan last = steps.back();
    const auto inside = [&](const auto& one) { return one.begin >= last.begin && one.begin < last.end; };
    if (steps.size() > 1 && std::none_of(trace_.ops.begin(), trace_.ops.end(), inside) &&
        std::none_of(trace_.launches.begin(), trace_.launches.end(), inside))
      steps.pop_back();
    return steps;
  }

  Call call_of(std::int64_t correlation, std::int64_t begin) const {
    const auto launch =
        std::lower_bound(trace_.launches.begin(), trace_.launches.end(), correlation,
                         [](const TraceLaunch& l, std::int64_t wanted) { return l.correlation < wanted; });
    if (correlation < 0 || launch == trace_.launches.end() || launch->correlation != correlation)
      return {begin, -1};
    return {std::min(launch->begin, begin), launch->thread};
  }
  // c10d's operator calls record_param_comms: the inner one counts.
  bool has_inner_call(const TraceCollective& call) const {
    const TraceCollective* const next = &call + 1;
    return next != trace_.calls.data() + trace_.calls.size() && next->thread == call.thread &&
           next->begin < call.end && next->kind >= 0;
  }

  // The host's calls in their order are those of its collectives: of each kind the first is the first's.
  std::vector<Call> calls_of_collectives() const {
    std::map<std::int32_t, std::vector<Call>> waiting;
    for (const TraceCollective& call : trace_.calls)
      if (call.kind >= 0 && !has_inner_call(call)) waiting[call.kind].push_back({call.begin, call.thread});
    for (auto& [kind, calls] : waiting) std::reverse(calls.begin(), calls.end());
    std::vector<Call> result;
    for (const TraceCollective& c : trace_.collectives) {
      std::vector<Call>& calls = waiting[c.kind];
      const bool called = !c.on_device() && !calls.empty() && calls.back().time <= c.begin;
      result.push_back(c.on_device() ? call_of(c.correlation, c.begin)
                       : called      ? calls.back()
                                     : Call{c.begin, c.thread});
      if (called) calls.pop_back();
    }
    return result;
  }

  // The step whose begin was the last before; -1: before all.
  std::int64_t step_at(std::int64_t time) const {
    return std::upper_bound(steps_.begin(), steps_.end(), time,
                            [](std::int64_t t, const TraceStep& s) { return t < s.begin; }) -
           steps_.begin() - 1;
  }

  // When the device has done all that was launched before a step, and with what was launched in it.
  struct DeviceEnds {
    std::vector<std::int64_t> before, within;
  };
  DeviceEnds device_ends() const {
    constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::min();
    DeviceEnds ends{std::vector(steps_.size(), kNever), std::vector(steps_.size(), kNever)};
    const auto note = [&](const Call& call, std::int64_t end) {
      const auto next = static_cast<std::size_t>(step_at(call.time) + 1);
      if (next < steps_.size()) ends.before[next] = std::max(ends.before[next], end);
      if (next > 0 && call.time < steps_[next - 1].end)
        ends.within[next - 1] = std::max(ends.within[next - 1], end);
    };
    for (const TraceDeviceTask& task : trace_.tasks) note(call_of(task.correlation, task.begin), task.end);
    for (const TraceCollective& c : trace_.collectives)
      if (c.on_device()) note(call_of(c.correlation, c.begin), c.end);
    for (std::size_t i = 0; i < steps_.size(); ++i) {
      if (i > 0) ends.before[i] = std::max(ends.before[i], ends.before[i - 1]);
      ends.within[i] = std::max(ends.within[i], ends.before[i]);
    }
    return ends;
  }

  void find_windows() {
    const DeviceEnds done = device_ends();
    for (std::size_t i = 0; i < steps_.size(); ++i) {
      std::int64_t begin = std::max(steps_[i].begin, done.before[i]);
      if (i > 0) begin = std::max(begin, windows_[i - 1].begin + 1);
      windows_.push_back({begin, std::max({steps_[i].end, done.within[i], begin + 1})});
    }
    for (std::size_t i = 0; i + 1 < windows_.size(); ++i)
      if (steps_[i].number + 1 == steps_[i + 1].number || windows_[i].end > windows_[i + 1].begin)
        windows_[i].end = windows_[i + 1].begin;
  }

  PerStep phase_of_host(HostPhase phase) const {
    PerStep result(windows_.size());
    for (const TraceSpan& window : windows_)
      for (const TraceSpan& span : timeline_.spans(phase, window)) add(result, windows_, span);
    return result;
  }

  PerStep communication() const {
    PerStep result(windows_.size());
    for (const TraceCollective& c : trace_.collectives) add(result, windows_, c);
    return result;
  }

  StepRow row_of(std::size_t step) const {
    StepRow row;
    row.wall = seconds(windows_[step].end - windows_[step].begin);
    return row;
  }
  static void close(StepRow& row) {
    row.other = row.wall - row.data - row.h2d - row.forward - row.backward - row.comm_exposed - row.optimizer;
  }

  std::vector<StepRow> host_rows() const {
    std::set<std::int32_t> computing = {steps_.front().thread};
    for (const TraceOp& op : trace_.ops)
      if (op.backward) computing.insert(op.thread);
    PerStep ops(windows_.size()), comm = communication();
    const PerStep waits = phase_of_host(HostPhase::wait);
    for (std::size_t i = 0; i < comm.size(); ++i)
      comm[i].insert(comm[i].end(), waits[i].begin(), waits[i].end());
    for (const TraceOp& op : trace_.ops)
      if (computing.contains(op.thread)) add(ops, windows_, op);
    const PerStep data = phase_of_host(HostPhase::data), forward = phase_of_host(HostPhase::forward),
                  backward = phase_of_host(HostPhase::backward),
                  optimizer = phase_of_host(HostPhase::optimizer);
    std::vector<StepRow> rows;
    for (std::size_t i = 0; i < windows_.size(); ++i) {
      StepRow row = row_of(i);
      const IntervalSet all(std::move(comm[i])), exposed = all.minus(IntervalSet(std::move(ops[i])));
      row.comm = all.length();
      row.comm_exposed = exposed.length();
      row.data = IntervalSet(data[i]).minus(exposed).length();
      row.forward = IntervalSet(forward[i]).minus(exposed).length();
      row.backward = IntervalSet(backward[i]).minus(exposed).length();
      row.optimizer = IntervalSet(optimizer[i]).minus(exposed).length();
      close(row);
      rows.push_back(row);
    }
    return rows;
  }

  // If the device's work is counted: loading on the host does not count, and work that no phase launched
  // prepares the batch.
  static HostPhase launched_in(HostPhase phase) {
    return phase == HostPhase::backward || phase == HostPhase::optimizer ? phase : HostPhase::forward;
  }

  std::vector<StepRow> device_rows() const {
    constexpr std::array kPhases = {HostPhase::forward, HostPhase::backward, HostPhase::optimizer};
    constexpr std::array kColumns = {&StepRow::forward, &StepRow::backward, &StepRow::optimizer};
    std::array<PerStep, 3> kernels, copies;
    kernels.fill(PerStep(windows_.size()));
    copies = kernels;
    PerStep copied_in = kernels[0], comm = communication(), data = phase_of_host(HostPhase::data);
    for (const TraceDeviceTask& task : trace_.tasks) {
      const HostPhase phase = launched_in(timeline_.at(call_of(task.correlation, task.begin).time));
      const auto p =
          static_cast<std::size_t>(std::find(kPhases.begin(), kPhases.end(), phase) - kPhases.begin());
      add(task.work == DeviceWork::copy_in  ? copied_in
          : task.work == DeviceWork::kernel ? kernels[p]
                                            : copies[p],
          windows_, task);
    }
    std::vector<StepRow> rows;
    for (std::size_t i = 0; i < windows_.size(); ++i) {
      StepRow row = row_of(i);
      IntervalSet taken;  // what is counted already: each moment counts once
      const auto count = [&](std::vector<Interval>& intervals) {
        const IntervalSet fresh = IntervalSet(std::move(intervals)).minus(taken);
        std::vector<Interval> all = taken.intervals();
        all.insert(all.end(), fresh.intervals().begin(), fresh.intervals().end());
        taken = IntervalSet(std::move(all));
        return fresh.length();
      };
      row.comm = IntervalSet(comm[i]).length();
      for (std::size_t p = 0; p < kPhases.size(); ++p) row.*kColumns[p] = count(kernels[p][i]);
      row.comm_exposed = count(comm[i]);
      row.h2d = count(copied_in[i]);
      for (std::size_t p = 0; p < kPhases.size(); ++p) row.*kColumns[p] += count(copies[p][i]);
      row.data = count(data[i]);
      close(row);
      rows.push_back(row);
    }
    return rows;
  }

  std::vector<double> backward_offsets() const {
    std::vector<double> offsets(windows_.size(), kUnknown);
    const auto begin_at = [&](const TraceSpan& span) {
      const auto window = std::upper_bound(windows_.begin(), windows_.end(), span.begin,
                                           [](std::int64_t t, const TraceSpan& w) { return t < w.end; });
      if (window == windows_.end() || span.begin < window->begin) return;
      double& known = offsets[static_cast<std::size_t>(window - windows_.begin())];
      known = std::fmin(known, seconds(span.begin - window->begin));
    };
    if (trace_.on_device()) {
      for (const TraceDeviceTask& task : trace_.tasks)
        if (timeline_.at(call_of(task.correlation, task.begin).time) == HostPhase::backward) begin_at(task);
    } else {
      for (const TraceSpan& window : windows_)
        for (const TraceSpan& span : timeline_.spans(HostPhase::backward, window)) begin_at(span);
    }
    return offsets;
  }

  // The host's call that a collective was made in: it knows what the kernel may not.
  const TraceCollective* call_around(const Call& call) const {
    auto next = std::upper_bound(trace_.calls.begin(), trace_.calls.end(), call.time,
                                 [](std::int64_t t, const TraceCollective& c) { return t < c.begin; });
    for (int looked = 0; next != trace_.calls.begin() && looked < 64; ++looked) {
      --next;
      if (next->thread == call.thread && next->end >= call.time) return &*next;
    }
    return nullptr;
  }

  // When a device's stream reached each call: after all kernels launched before it.
  std::vector<std::pair<std::int64_t, std::int64_t>> work_before() const {
    std::vector<std::pair<std::int64_t, std::int64_t>> ends;  // launched, ended
    for (const TraceDeviceTask& task : trace_.tasks)
      ends.emplace_back(call_of(task.correlation, task.begin).time, task.end);
    std::sort(ends.begin(), ends.end());
    for (std::size_t i = 1; i < ends.size(); ++i)
      ends[i].second = std::max(ends[i].second, ends[i - 1].second);
    return ends;
  }

  std::vector<StepCollective> collectives() const {
    const auto before = work_before();
    std::vector<std::pair<std::int64_t, StepCollective>> made;
    const std::vector<Call> calls = calls_of_collectives();
    for (std::size_t i = 0; i < calls.size(); ++i) {
      const TraceCollective& c = trace_.collectives[i];
      const Call& call = calls[i];
      const std::int64_t step = step_at(call.time);
      const bool called = !c.on_device() || call.thread >= 0;
      if (step < 0 || call.time >= (called ? steps_.back().end : windows_.back().end)) continue;
      StepCollective one;
      one.step = static_cast<std::int32_t>(step);
      describe(one, c, call);
      one.start = c.begin;
      one.end = c.end;
      one.ready = std::min(c.begin, std::max(call.time, end_before(before, call.time)));
      made.emplace_back(call.time, one);
    }
    std::stable_sort(made.begin(), made.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    return numbered(made);
  }

  void describe(StepCollective& one, const TraceCollective& c, const Call& call) const {
    one.kind = c.kind;
    one.group = c.group;
    one.bytes = c.bytes;
    const TraceCollective* const around =
        one.kind < 0 || one.group < 0 || one.bytes == 0 ? call_around(call) : nullptr;
    if (!around) return;
    if (one.kind < 0) one.kind = around->kind;
    if (one.group < 0) one.group = around->group;
    if (one.bytes == 0) one.bytes = around->bytes;
  }

  static std::int64_t end_before(const std::vector<std::pair<std::int64_t, std::int64_t>>& before,
                                 std::int64_t time) {
    const auto next = std::lower_bound(before.begin(), before.end(),
                                       std::pair(time, std::numeric_limits<std::int64_t>::min()));
    return next == before.begin() ? time : std::prev(next)->second;
  }

  bool sends_gradients(const StepCollective& one, std::int64_t called) const {
    if (one.kind < 0 || timeline_.at(called) != HostPhase::backward) return false;
    const std::string& kind = trace_.kinds[static_cast<std::size_t>(one.kind)];
    return kind == "all_reduce" || kind == "reduce_scatter";
  }

  std::vector<StepCollective> numbered(
      const std::vector<std::pair<std::int64_t, StepCollective>>& made) const {
    std::vector<StepCollective> result;
    std::int32_t step = -1, bucket = 0;
    for (auto [called, one] : made) {
      if (one.step != step) bucket = 0;
      step = one.step;
      if (sends_gradients(one, called)) one.bucket = bucket++;
      result.push_back(one);
    }
    return result;
  }

  const KinetoTrace& trace_;
  std::vector<TraceStep> steps_;
  HostTimeline timeline_;
  std::vector<TraceSpan> windows_;
};

}  // namespace

RankSteps rank_steps(const KinetoTrace& trace) { return StepsOfRank(trace).result(); }

}  // namespace lockstep
