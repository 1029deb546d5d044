#include "base/error.hpp"
#include "launch/flight_recorder.hpp"
#include "launch/session.hpp"
#include "launch/watchdog.hpp"

namespace lockstep {
namespace {

class SelfGroup final : public Group {
 public:
  explicit SelfGroup(FlightRecorder& flight) : flight_(flight) {}
  int rank() const override { return 0; }
  int size() const override { return 1; }
  void barrier() override {}
  std::unique_ptr<Group> split(int) override { return std::make_unique<SelfGroup>(flight_); }
  FlightRecorder& flight() override { return flight_; }

 private:
  std::vector<std::string> gather_bytes(const std::string& bytes) override { return {bytes}; }
  std::vector<std::string> all_gather_bytes(const std::string& bytes) override { return {bytes}; }
  std::string broadcast_bytes(const std::string& bytes) override { return bytes; }
  FlightRecorder& flight_;
};

class SelfWorld final : public World {
 public:
  explicit SelfWorld(const TimeLimit& limit) : limit_(limit) {}
  int rank() const override { return 0; }
  int size() const override { return 1; }
  int local_rank() const override { return 0; }
  int local_size() const override { return 1; }
  int nodes() const override { return 1; }
  std::string library() const override { return "none"; }
  std::string thread_level() const override { return "none"; }
  void barrier() override { self_.barrier(); }
  std::unique_ptr<Group> split(int color) override { return self_.split(color); }
  FlightRecorder& flight() override { return flight_; }
  StepGate& gate() override { return gate_; }
  ClockOffset measure_clock_offset() override { return {}; }
  void on_emergency(std::function<void(const Emergency&)> handler) override {
    watchdog_.on_emergency(std::move(handler));
  }

 private:
  std::vector<std::string> gather_bytes(const std::string& bytes) override { return self_.gather(bytes); }
  std::vector<std::string> all_gather_bytes(const std::string& bytes) override {
    return self_.all_gather(bytes);
  }
  std::string broadcast_bytes(const std::string& bytes) override { return self_.broadcast(bytes); }
  WatchdogOptions options() {
    WatchdogOptions result;
    result.program = program_invocation_short_name;
    result.limit = limit_;
    result.flight = &flight_;
    result.gate = &gate_;
    return result;
  }
  TimeLimit limit_;
  FlightRecorder flight_;
  StepGate gate_;
  SelfGroup self_{flight_};
  SignalBlock block_;
  Watchdog watchdog_{options()};
};

}  // namespace

std::unique_ptr<World> self_world(const TimeLimit& limit) { return std::make_unique<SelfWorld>(limit); }

}  // namespace lockstep
