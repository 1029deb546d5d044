#include "launch/watchdog.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <sstream>

#include "base/error.hpp"
#include "base/text.hpp"

namespace lockstep {
namespace {

using std::chrono::milliseconds;

// How long rank 0 looks for the cause behind the first sign of a fault. mpirun kills a second after it has
// signalled.
constexpr milliseconds kGrace{200};
// How long another rank waits for rank 0 to act on its message before it acts itself.
constexpr milliseconds kPatience{4000};
// Between rank 0's order to end and the exit of a rank that MPI has not ended by then.
constexpr milliseconds kOrderToExit{2000};
// From the start of the end: the handler, MPI_Abort, whatever hangs.
constexpr milliseconds kHardLimit{5000};

// How long rank 0 waits at most for the others' last operations once a rank hangs.
constexpr milliseconds kRecall{1500};
// From one rank's turn to report a hanging rank 0 to the next one's.
constexpr milliseconds kTurn{4000};
// For what still waits on the device to end. The driver may not let it.
constexpr milliseconds kAbort{1000};
// A rank reports this many times within the time limit.
constexpr double kPulses = 10;

double pulse_seconds(const TimeLimit& limit) { return std::clamp(limit.seconds / kPulses, 0.05, 5.0); }

FileDescriptor open_signals() {
  FileDescriptor fd(signalfd(-1, &ending_signals(), SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd.valid()) throw run_error("signalfd: {}", errno_text(errno));
  return fd;
}

FileDescriptor open_wake_up() {
  FileDescriptor fd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!fd.valid()) throw run_error("eventfd: {}", errno_text(errno));
  return fd;
}

void wake(const FileDescriptor& fd) {
  const std::uint64_t one = 1;
  static_cast<void>(!write(fd.get(), &one, sizeof one));
}

}  // namespace

void print_failure(const std::string& program, const std::string& text) {
  // A progress line may stand on the terminal: take its place.
  std::string line = isatty(STDERR_FILENO) != 0 ? "\r\033[K" : "";
  line += fmt::format("{}: {}", program, printable(text.substr(0, text.find('\n')))) + "\n";
  static_cast<void>(!write(STDERR_FILENO, line.data(), line.size()));
}

Watchdog::Watchdog(WatchdogOptions options)
    : options_(std::move(options)),
      arbiter_(options_.hosts),
      signals_(open_signals()),
      wake_up_(open_wake_up()),
      bus_errors_(wake_up_.get()) {
  if (options_.limit.seconds > 0) {
    detector_.emplace(options_.hosts, options_.limit);
    for (int rank = 1; options_.rank != 0 && rank < static_cast<int>(options_.hosts.size()); ++rank)
      detector_->ignore(rank);  // rank 0 looks after them
  }
  last_beat_ = next_pulse_ = Clock::now();
  if (options_.gate) {
    options_.gate->on_change([this] { wake(wake_up_); });
    agreement_.emplace(*options_.gate, options_.rank, static_cast<int>(options_.hosts.size()),
                       [this](std::size_t peer, LifelineKind kind, const std::string& text) {
                         options_.peers.at(peer).send(kind, text);
                       });
  }
  thread_ = std::thread([this] { run(); });
}

Watchdog::~Watchdog() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = std::uncaught_exceptions() > 0 ? Stop::silent : Stop::clean;
  }
  wake(wake_up_);
  thread_.join();
  if (options_.gate) options_.gate->on_change({});
}

void Watchdog::on_emergency(std::function<void(const Emergency&)> handler) {
  const std::lock_guard lock(mutex_);
  handler_ = std::move(handler);
}

void Watchdog::fail(ExitCode code, const std::string& message) {
  {
    const std::lock_guard lock(mutex_);
    own_ = {code, message};
  }
  wake(wake_up_);
  for (;;) pause();
}

void Watchdog::run() {
  bus_errors_.asked_by_this_thread();
  while (!stopped()) {
    wait_for_events();
    read_lifeline();
    read_signals();
    read_own_error();
    if (agreement_) agreement_->advance();
    beat();
    act_when_due();
  }
}

// A clean end does not win over a fault that is being looked into.
bool Watchdog::stopped() {
  const std::lock_guard lock(mutex_);
  if (stop_ == Stop::no || own_ || deadline_) return false;
  if (stop_ == Stop::clean)
    for (LifelineConnection& peer : options_.peers) peer.send(LifelineKind::bye);
  return true;
}

void Watchdog::wait_for_events() {
  std::vector<pollfd> fds = {{signals_.get(), POLLIN, 0}, {wake_up_.get(), POLLIN, 0}};
  for (const LifelineConnection& peer : options_.peers)
    if (peer.open()) fds.push_back({peer.fd(), POLLIN, 0});
  std::optional<Clock::time_point> next = deadline_;
  if (detector_) next = next ? std::min(*next, next_pulse_) : next_pulse_;
  int timeout = -1;
  if (next) {
    const auto left = std::chrono::ceil<milliseconds>(*next - Clock::now()).count();
    timeout = static_cast<int>(std::max<decltype(left)>(left, 0));
  }
  poll(fds.data(), fds.size(), timeout);
  std::uint64_t count = 0;
  static_cast<void>(!read(wake_up_.get(), &count, sizeof count));
}

void Watchdog::read_signals() {
  signalfd_siginfo info{};
  while (read(signals_.get(), &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
    const int signal = static_cast<int>(info.ssi_signo);
    if (signal == SIGINT && std::exchange(interrupted_once_, true)) _exit(static_cast<int>(ExitCode::failed));
    // MPI ends this rank, as another has said it would.
    if (orders_ && (!orders_print_ || options_.rank != 1)) end(*orders_, false);
    if (ends_after_a_step(signal)) continue;
    arbiter_.signalled(options_.rank, signal);
    if (options_.rank != 0) options_.peers.at(0).send(LifelineKind::signalled, std::to_string(signal));
    set_deadline(time_to_act());
  }
}

// What is given up already is not saved any more.
bool Watchdog::ends_after_a_step(int signal) {
  if (!options_.gate || !options_.gate->answers_signals() || deadline_) return false;
  if (options_.rank == 0)
    agreement_->stop("interrupted by " + signal_name(signal));
  else
    options_.peers.at(0).send(LifelineKind::signalled, std::to_string(signal));
  return true;
}

void Watchdog::read_own_error() {
  std::optional<std::pair<ExitCode, std::string>> own;
  {
    const std::lock_guard lock(mutex_);
    own = std::exchange(own_, std::nullopt);
  }
  if (const std::string line = bus_errors_.first(); !own && !bus_error_ && !line.empty()) {
    own = {ExitCode::failed, line};
    bus_error_ = true;
  }
  if (!own) return;
  arbiter_.error(options_.rank, own->first, own->second);
  if (options_.rank != 0)
    options_.peers.at(0).send(LifelineKind::error, code_and_text(own->first, own->second));
  set_deadline(time_to_act());
}

void Watchdog::read_lifeline() {
  for (std::size_t i = 0; i < options_.peers.size(); ++i) {
    LifelineConnection& peer = options_.peers[i];
    if (!peer.open()) continue;
    const int rank = options_.rank == 0 ? static_cast<int>(i) + 1 : 0;
    for (const LifelineMessage& message : peer.receive())
      options_.rank == 0 ? hear(rank, message) : hear_from_root(message);
    if (peer.open()) continue;
    arbiter_.closed(rank);
    if (detector_) detector_->ignore(rank);
    if (options_.rank == 0 && arbiter_.any_fault()) set_deadline(kGrace);
    if (options_.rank != 0) root_closed();
  }
}

void Watchdog::hear(int rank, const LifelineMessage& message) {
  if (message.kind == LifelineKind::pulse) {
    if (detector_) detector_->heard(rank, Pulse::parse(message.text));
    return;
  }
  if (message.kind == LifelineKind::flight) {
    if (!told_flights_.empty()) told_flights_[static_cast<std::size_t>(rank)] = message.text;
    return;
  }
  if (message.kind == LifelineKind::deposed) return root_ended_by(message);
  if (message.kind == LifelineKind::bye) {
    if (detector_) detector_->left(rank);
    return arbiter_.said_bye(rank);
  }
  if (agreement_ && agreement_->hear(rank, message)) return;
  if (message.kind == LifelineKind::signalled) {
    const int signal = std::atoi(message.text.c_str());
    if (ends_after_a_step(signal)) return;
    arbiter_.signalled(rank, signal);
  }
  if (message.kind == LifelineKind::error) {
    const auto [code, text] = parse_code_and_text(message.text);
    arbiter_.error(rank, code, text);
  }
  set_deadline(kGrace);
}

void Watchdog::hear_from_root(const LifelineMessage& message) {
  // Whether rank 0 gets on is its own to judge; here it counts that it tells.
  if (message.kind == LifelineKind::pulse && detector_)
    detector_->heard(0, {.idle = 0, .waits = false, .doing = Pulse::parse(message.text).doing});
  if (agreement_ && agreement_->hear(0, message)) {
    if (!orders_ && !arbiter_.failed()) deadline_.reset();  // a signal, for which rank 0 lets a step end
    return;
  }
  if (message.kind == LifelineKind::recall) options_.peers.at(0).send(LifelineKind::flight, joined_flight());
  if (message.kind == LifelineKind::bye) {
    arbiter_.said_bye(0);
    if (detector_) detector_->left(0);
    if (detector_) detector_->watch(options_.rank);  // nobody else does now
  }
  if (message.kind != LifelineKind::ending) return;
  const auto [code, text] = parse_code_and_text(message.text);
  orders_ = Verdict{{Emergency::Reason::error, text}, code, false, text};
  orders_print_ = false;
  deadline_ = Clock::now() + kOrderToExit;
}

// Rank 0 has gone. Without a bye or an order to end, it has died: the next rank says so, once the launcher
// has seen it too and ends with the code of what killed it.
void Watchdog::root_closed() {
  if (orders_) end(*orders_, false);
  if (!arbiter_.lost(0)) return;
  orders_ = arbiter_.verdict();
  orders_print_ = options_.rank == 1;
  deadline_ = Clock::now() + (orders_print_ ? kGrace : milliseconds(500));
}

// This rank, 0, had been stopped, and another has ended the run in its place and said so. What is left to do
// is to close the run file.
void Watchdog::root_ended_by(const LifelineMessage& message) {
  const auto [code, text] = parse_code_and_text(message.text);
  orders_ = Verdict{{Emergency::Reason::stalled_rank, text}, code, false, text};
  told_flights_.assign(1, std::nullopt);  // its own
  orders_print_ = false;
  deadline_ = Clock::now();
}

// Looks whether everybody gets on. What counts is the time in which this process itself ran: a whole job may
// be suspended and go on later.
void Watchdog::beat() {
  if (!detector_) return;
  const Clock::time_point now = Clock::now();
  const double pulse = pulse_seconds(options_.limit);
  const double passed =
      std::min(std::chrono::duration<double>(now - last_beat_).count(), options_.limit.seconds / 2);
  last_beat_ = now;
  const std::uint64_t progress = options_.flight->activity.count();
  idle_ = progress != progress_seen_ || !options_.flight->expects_progress() ? 0 : idle_ + passed;
  progress_seen_ = progress;
  detector_->advance(passed);
  if (now < next_pulse_) return;
  next_pulse_ = now + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(pulse));
  tell_pulse();
  if (deadline_ || orders_) return;
  if (const std::optional<Stall> stall = detector_->stalled()) act_on(*stall);
}

void Watchdog::tell_pulse() {
  options_.flight->ask_sources();
  const Pulse mine{idle_, options_.flight->waits(), options_.flight->now()};
  detector_->heard(options_.rank, mine);
  for (LifelineConnection& peer : options_.peers) peer.send(LifelineKind::pulse, mine.text());
}

void Watchdog::act_on(const Stall& stall) {
  if (options_.rank == 0) {
    told_flights_.assign(options_.hosts.size(), std::nullopt);
    stalled_rank_ = stall.rank;
    for (LifelineConnection& peer : options_.peers) peer.send(LifelineKind::recall);
    arbiter_.stalled(stall.line);
    return set_deadline(options_.peers.empty() ? milliseconds(0) : kRecall);
  }
  // It is rank 0. Rank 1 reports it for all at once, the next rank if rank 1 hangs too.
  orders_ = Verdict{{Emergency::Reason::stalled_rank, stall.line}, ExitCode::failed, false, stall.line};
  orders_print_ = true;
  options_.peers.at(0).send(LifelineKind::deposed, code_and_text(ExitCode::failed, stall.line));
  deadline_ = Clock::now() + (options_.rank - 1) * kTurn;
}

// But for that of the stalled rank, from which nothing may come.
bool Watchdog::all_flights_told() const {
  for (std::size_t rank = 1; rank < told_flights_.size(); ++rank)
    if (!told_flights_[rank] && options_.peers[rank - 1].open() && static_cast<int>(rank) != stalled_rank_)
      return false;
  return !told_flights_.empty();
}

std::string Watchdog::joined_flight() const {
  std::string text;
  if (options_.flight == nullptr) return text;
  for (const std::string& line : options_.flight->last()) text += line + '\n';
  return text;
}

// Of every rank that has told its own, a line an operation.
std::vector<std::string> Watchdog::flights() const {
  std::vector<std::string> lines;
  for (std::size_t rank = 0; rank < told_flights_.size(); ++rank) {
    const bool own = static_cast<int>(rank) == options_.rank;
    if (!own && !told_flights_[rank]) lines.push_back(fmt::format("rank {}: no answer", rank));
    std::istringstream text(own ? joined_flight() : told_flights_[rank].value_or(""));
    for (std::string line; std::getline(text, line);) lines.push_back(fmt::format("rank {}: {}", rank, line));
  }
  return lines;
}

// After this rank's own fault. Rank 0 may have ended well before, and will not act then.
milliseconds Watchdog::time_to_act() const {
  if (options_.rank == 0) return kGrace;
  return options_.peers.at(0).open() ? kPatience : milliseconds(0);
}

void Watchdog::set_deadline(milliseconds after) {
  if (!deadline_) deadline_ = Clock::now() + after;
}

void Watchdog::act_when_due() {
  if (!deadline_) return;
  const bool due = Clock::now() >= *deadline_;
  if (orders_) {
    if (due) end(*orders_, orders_print_);
    return;
  }
  if (due || all_flights_told() || (options_.rank == 0 && arbiter_.complete())) end(arbiter_.verdict(), true);
}

void Watchdog::end(const Verdict& verdict, bool prints) {
  const int code = static_cast<int>(verdict.code);
  std::thread([code] {
    std::this_thread::sleep_for(kHardLimit);
    _exit(code);
  }).detach();
  // From here on a second SIGINT ends the process as it does in any program.
  pthread_sigmask(SIG_UNBLOCK, &ending_signals(), nullptr);
  if (prints) print_failure(options_.program, verdict.line);
  Emergency emergency = verdict.emergency;
  emergency.details = flights();
  if (!verdict.own_error || bus_error_) call_handler(emergency);  // a body that has thrown knows
  if (options_.rank == 0)
    for (LifelineConnection& peer : options_.peers)
      peer.send(LifelineKind::ending, code_and_text(verdict.code, verdict.emergency.message));
  if (options_.flight != nullptr) options_.flight->abort_all(kAbort);
  if (prints && options_.end_all) options_.end_all(code);
  _exit(code);
}

void Watchdog::call_handler(const Emergency& emergency) {
  const std::lock_guard lock(mutex_);
  if (!handler_) return;
  try {
    handler_(emergency);
  } catch (const std::exception& error) {
    print_failure(options_.program, error.what());
  }
}

}  // namespace lockstep
