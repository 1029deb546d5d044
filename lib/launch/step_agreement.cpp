#include "launch/step_agreement.hpp"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "base/error.hpp"

namespace lockstep {

namespace {

// "57 1 interrupted by SIGTERM"
std::string text_of(std::int64_t step, const Meeting& meeting) {
  return fmt::format("{} {} {}", step, meeting.stop ? 1 : 0, meeting.reason);
}

std::pair<std::int64_t, Meeting> parse_decision(const std::string& text) {
  char* rest = nullptr;
  const std::int64_t step = std::strtoll(text.c_str(), &rest, 10);
  const bool stop = std::strtol(rest, &rest, 10) != 0;
  return {step, {stop, *rest == '\0' ? std::string() : std::string(rest + 1)}};
}

}  // namespace

StepAgreement::StepAgreement(StepGate& gate, int rank, int ranks, Send send)
    : gate_(gate), rank_(rank), ranks_(ranks), send_(std::move(send)) {}

void StepAgreement::stop(const std::string& reason) {
  if (!wanted_ || !wanted_->stop) wanted_ = Meeting{true, reason};
  advance();
}

void StepAgreement::advance() {
  if (rank_ != 0 || !gate_.is_open()) return;
  if (gate_.take_asked() && !wanted_) wanted_ = Meeting{};
  if (wanted_ && steps_.empty() && !gate_.held()) begin();
}

void StepAgreement::begin() {
  steps_.assign(static_cast<std::size_t>(ranks_), std::nullopt);
  tell_all(LifelineKind::hold, {});
  place(0, gate_.hold());
}

void StepAgreement::tell_all(LifelineKind kind, const std::string& text) {
  for (std::size_t peer = 0; peer + 1 < static_cast<std::size_t>(ranks_); ++peer) send_(peer, kind, text);
}

void StepAgreement::place(int rank, std::int64_t step) {
  if (steps_.empty()) return;
  steps_.at(static_cast<std::size_t>(rank)) = step;
  if (std::all_of(steps_.begin(), steps_.end(), [](const auto& known) { return known.has_value(); }))
    decide();
}

void StepAgreement::decide() {
  const std::int64_t furthest = **std::max_element(steps_.begin(), steps_.end());
  const Meeting meeting = *std::exchange(wanted_, std::nullopt);
  steps_.clear();
  tell_all(LifelineKind::meet, text_of(furthest, meeting));
  gate_.decide(furthest, meeting);
}

bool StepAgreement::hear(int from, const LifelineMessage& message) {
  switch (message.kind) {
    case LifelineKind::hold:
      send_(0, LifelineKind::at_step, std::to_string(gate_.hold()));
      return true;
    case LifelineKind::at_step:
      place(from, std::atoll(message.text.c_str()));
      return true;
    case LifelineKind::meet: {
      auto [step, meeting] = parse_decision(message.text);
      gate_.decide(step, std::move(meeting));
      return true;
    }
    default:
      return false;
  }
}

}  // namespace lockstep
