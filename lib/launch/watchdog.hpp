// Watchdog: the one thread that receives the signals that end a run and watches the lifeline, and ends the
// process, with one line on stderr from one rank, when a rank is lost or hangs, a signal comes, memory of a
// file is gone or a body throws. Not for clean ends.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "launch/bus_errors.hpp"
#include "launch/fault_arbiter.hpp"
#include "launch/flight_recorder.hpp"
#include "launch/lifeline.hpp"
#include "launch/signal_block.hpp"
#include "launch/stall_detector.hpp"
#include "launch/step_agreement.hpp"
#include "launch/time_limit.hpp"
#include "launch/world.hpp"

namespace lockstep {

struct WatchdogOptions {
  std::string program = "lockstep";  // for the line on stderr
  int rank = 0;
  std::vector<std::string> hosts = {"localhost"};  // of every rank
  std::vector<LifelineConnection> peers;           // rank 0: those of ranks 1..; else: the one to rank 0
  std::function<void(int)> end_all;                // ends all ranks with an exit code (MPI_Abort)
  TimeLimit limit = {.seconds = 0};                // of standing still
  FlightRecorder* flight = nullptr;                // this rank's; needed with a limit
  StepGate* gate = nullptr;  // while it is open, a signal ends the run after a step; null: never
};

class Watchdog {
 public:
  // The signals of SignalBlock are blocked in the calling thread.
  explicit Watchdog(WatchdogOptions options);
  // A clean end: says bye on the lifeline.
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

  void on_emergency(std::function<void(const Emergency&)> handler);
  // This rank's body has thrown: leaves it to the watchdog to end all ranks.
  [[noreturn]] void fail(ExitCode code, const std::string& message);

 private:
  using Clock = std::chrono::steady_clock;
  enum class Stop { no, clean, silent };  // silent: without a bye, so that the other ranks notice

  void run();
  bool stopped();
  void wait_for_events();
  void read_signals();
  bool ends_after_a_step(int signal);
  void read_own_error();
  void read_lifeline();
  void hear(int rank, const LifelineMessage& message);
  void hear_from_root(const LifelineMessage& message);
  void root_closed();
  void root_ended_by(const LifelineMessage& message);
  void beat();
  void tell_pulse();
  void act_on(const Stall& stall);
  bool all_flights_told() const;
  std::string joined_flight() const;
  std::vector<std::string> flights() const;
  std::chrono::milliseconds time_to_act() const;
  void set_deadline(std::chrono::milliseconds after);
  void act_when_due();
  [[noreturn]] void end(const Verdict& verdict, bool prints);
  void call_handler(const Emergency& emergency);

  WatchdogOptions options_;
  FaultArbiter arbiter_;
  FileDescriptor signals_, wake_up_;
  BusErrors bus_errors_;
  bool bus_error_ = false;                     // has come
  std::optional<Clock::time_point> deadline_;  // when to act on what has been seen
  std::optional<Verdict> orders_;              // other ranks: what rank 0 has decided, or that it was lost
  bool orders_print_ = false;
  bool interrupted_once_ = false;
  std::optional<StepAgreement> agreement_;  // with a gate

  std::optional<StallDetector> detector_;  // with a limit
  Clock::time_point last_beat_, next_pulse_;
  std::uint64_t progress_seen_ = 0;
  double idle_ = 0;                                       // seconds without progress
  std::vector<std::optional<std::string>> told_flights_;  // rank 0: by rank, after a stall
  int stalled_rank_ = -1;

  std::mutex mutex_;
  std::function<void(const Emergency&)> handler_;        // under mutex_
  std::optional<std::pair<ExitCode, std::string>> own_;  // under mutex_
  Stop stop_ = Stop::no;                                 // under mutex_
  std::thread thread_;
};

// One line on stderr in one write: "program: text".
void print_failure(const std::string& program, const std::string& text);

}  // namespace lockstep
