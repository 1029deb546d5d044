#include "launch/countdown.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

#include "base/error.hpp"
#include "launch/watchdog.hpp"

namespace lockstep {

namespace {

// From one rank's turn to speak to the next one's: longer than a launcher takes to end all of them.
constexpr double kTurn = 3;

std::string read_all(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::string rank_of(const std::filesystem::path& process) {
  const std::string text = read_all(process / "environ");
  const Launch launch = read_launch([&](const std::string& name) -> std::string {
    const std::string wanted = '\0' + name + '=';
    const std::size_t at = ('\0' + text).find(wanted);
    if (at == std::string::npos) return {};
    return text.c_str() + at + wanted.size() - 1;
  });
  return launch.tasks > 1 ? fmt::format(" (rank {})", launch.rank) : "";
}

}  // namespace

std::string stopped_siblings() {
  std::string found;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", error)) {
    const std::string pid = entry.path().filename();
    if (pid.find_first_not_of("0123456789") != std::string::npos) continue;
    const std::string stat = read_all(entry.path() / "stat");  // "pid (name) state parent ..."
    const std::size_t name_end = stat.rfind(')');
    if (name_end == std::string::npos) continue;
    std::istringstream rest(stat.substr(name_end + 1));
    char state = 0;
    int parent = 0;
    rest >> state >> parent;
    if (parent != getppid()) continue;
    if (state == 'T') found += fmt::format(", process {}{} is stopped", pid, rank_of(entry.path()));
    if (state == 'D') found += fmt::format(", process {}{} hangs in the kernel", pid, rank_of(entry.path()));
  }
  return found;
}

Countdown::Countdown(const TimeLimit& limit, const Launch& launch, std::string what)
    : limit_(limit), launch_(launch), what_(std::move(what)) {
  if (limit_.seconds > 0) thread_ = std::thread([this] { run(); });
}

Countdown::~Countdown() {
  {
    const std::lock_guard lock(mutex_);
    done_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

// Counts the time in which this process itself ran: a whole job may be suspended.
bool Countdown::over(double seconds) {
  const std::chrono::duration<double> tick(std::clamp(seconds / 20, 0.05, 1.0));
  std::unique_lock lock(mutex_);
  for (double passed = 0; passed < seconds; passed += tick.count())
    if (wake_.wait_for(lock, tick, [this] { return done_; })) return false;
  return true;
}

void Countdown::run() {
  if (!over(limit_.seconds + kTurn * launch_.rank)) return;
  print_failure(
      program_invocation_short_name,
      fmt::format("rank {} has waited {:.3g} s for the other ranks {}{}; {} allows {:.6g} s", launch_.rank,
                  limit_.seconds, what_, stopped_siblings(), limit_.setting, limit_.seconds));
  _exit(static_cast<int>(ExitCode::failed));
}

}  // namespace lockstep
