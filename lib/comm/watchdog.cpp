#include "comm/watchdog.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>

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

sigset_t handled_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  return set;
}

FileDescriptor open_signals() {
  const sigset_t set = handled_signals();
  FileDescriptor fd(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
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

std::string code_and_text(ExitCode code, const std::string& text) {
  return fmt::format("{} {}", static_cast<int>(code), text);
}

std::pair<ExitCode, std::string> parse_code_and_text(const std::string& message) {
  const std::size_t blank = message.find(' ');
  const int code = std::atoi(message.c_str());
  return {static_cast<ExitCode>(code),
          blank == std::string::npos ? std::string() : message.substr(blank + 1)};
}

}  // namespace

SignalBlock::SignalBlock() {
  const sigset_t set = handled_signals();
  pthread_sigmask(SIG_BLOCK, &set, &before_);
}
SignalBlock::~SignalBlock() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

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
      thread_([this] { run(); }) {}

Watchdog::~Watchdog() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = std::uncaught_exceptions() > 0 ? Stop::silent : Stop::clean;
  }
  wake(wake_up_);
  thread_.join();
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
  while (!stopped()) {
    wait_for_events();
    read_lifeline();
    read_signals();
    read_own_error();
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
  int timeout = -1;
  if (deadline_) {
    const auto left = std::chrono::ceil<milliseconds>(*deadline_ - Clock::now()).count();
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
    if (orders_ && !orders_print_) end(*orders_, false);  // MPI ends this rank, as rank 0 has said it would
    arbiter_.signalled(options_.rank, signal);
    if (options_.rank != 0) options_.peers.at(0).send(LifelineKind::signalled, std::to_string(signal));
    set_deadline(time_to_act());
  }
}

void Watchdog::read_own_error() {
  std::optional<std::pair<ExitCode, std::string>> own;
  {
    const std::lock_guard lock(mutex_);
    own = std::exchange(own_, std::nullopt);
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
    if (options_.rank == 0 && arbiter_.any_fault()) set_deadline(kGrace);
    if (options_.rank != 0) root_closed();
  }
}

void Watchdog::hear(int rank, const LifelineMessage& message) {
  if (message.kind == LifelineKind::bye) return arbiter_.said_bye(rank);
  if (message.kind == LifelineKind::signalled) arbiter_.signalled(rank, std::atoi(message.text.c_str()));
  if (message.kind == LifelineKind::error) {
    const auto [code, text] = parse_code_and_text(message.text);
    arbiter_.error(rank, code, text);
  }
  set_deadline(kGrace);
}

void Watchdog::hear_from_root(const LifelineMessage& message) {
  if (message.kind == LifelineKind::bye) arbiter_.said_bye(0);
  if (message.kind != LifelineKind::ending) return;
  const auto [code, text] = parse_code_and_text(message.text);
  orders_ = Verdict{{Emergency::Reason::error, text}, code, false, text};
  orders_print_ = false;
  deadline_ = Clock::now() + kOrderToExit;
}

// Rank 0 has gone. Without a bye or an order to end, it has died: the next rank says so.
void Watchdog::root_closed() {
  if (orders_) end(*orders_, false);
  if (!arbiter_.lost(0)) return;
  orders_ = arbiter_.verdict();
  orders_print_ = options_.rank == 1;
  deadline_ = Clock::now() + (orders_print_ ? milliseconds(0) : milliseconds(500));
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
  if (due || (options_.rank == 0 && arbiter_.complete())) end(arbiter_.verdict(), true);
}

void Watchdog::end(const Verdict& verdict, bool prints) {
  const int code = static_cast<int>(verdict.code);
  std::thread([code] {
    std::this_thread::sleep_for(kHardLimit);
    _exit(code);
  }).detach();
  // From here on a second SIGINT ends the process as it does in any program.
  const sigset_t set = handled_signals();
  pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
  if (prints) print_failure(options_.program, verdict.line);
  if (!verdict.own_error) call_handler(verdict.emergency);
  if (options_.rank == 0)
    for (LifelineConnection& peer : options_.peers)
      peer.send(LifelineKind::ending, code_and_text(verdict.code, verdict.emergency.message));
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
