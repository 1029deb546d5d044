#include "launch/fault_arbiter.hpp"

#include <algorithm>
#include <csignal>

namespace lockstep {

FaultArbiter::FaultArbiter(std::vector<std::string> hosts) : hosts_(std::move(hosts)) {}

void FaultArbiter::error(int rank, ExitCode code, const std::string& message) {
  reported_.insert(rank);
  errors_.push_back({rank, code, message});
}

void FaultArbiter::signalled(int rank, int signal) {
  reported_.insert(rank);
  if (signal_ == 0) signal_ = signal;
}

void FaultArbiter::closed(int rank) {
  if (!reported_.contains(rank)) lost_.insert(rank);
}

Verdict FaultArbiter::error_verdict() const {
  const auto own =
      std::find_if(errors_.begin(), errors_.end(), [](const RankError& e) { return e.rank == 0; });
  const RankError& cause = own != errors_.end() ? *own : errors_.front();
  const bool everyone = errors_.size() == hosts_.size() &&
                        std::all_of(errors_.begin(), errors_.end(),
                                    [&](const RankError& e) { return e.message == cause.message; });
  std::string line = cause.message;
  if (!everyone) line += fmt::format(" (rank {})", cause.rank);
  return {{Emergency::Reason::error, cause.message}, cause.code, own != errors_.end(), line};
}

Verdict FaultArbiter::verdict() const {
  if (!lost_.empty()) {
    const int rank = *lost_.begin();
    const std::string text =
        fmt::format("rank {} on host {} was lost", rank, hosts_.at(static_cast<std::size_t>(rank)));
    return {{Emergency::Reason::lost_rank, text}, ExitCode::failed, false, text + "; all ranks end"};
  }
  if (!errors_.empty()) return error_verdict();
  if (!stall_.empty()) return {{Emergency::Reason::stalled_rank, stall_}, ExitCode::failed, false, stall_};
  const std::string text = "interrupted by " + signal_name(signal_);
  return {{Emergency::Reason::signal, text}, ExitCode::failed, false, text};
}

std::string signal_name(int signal) {
  const char* const name = sigabbrev_np(signal);
  return name ? fmt::format("SIG{}", name) : fmt::format("signal {}", signal);
}

}  // namespace lockstep
