#include "record/progress.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>

#include "base/durable_file.hpp"
#include "base/text.hpp"

namespace lockstep {

namespace {

// Whoever read the progress may be gone; the run goes on, and log.txt has it all.
void show(const std::string& text) {
  std::fputs(text.c_str(), stderr);
  std::fflush(stderr);
}

}  // namespace

Progress::Progress(const std::string& log_path, bool quiet)
    : path_(log_path), terminal_(isatty(STDERR_FILENO) == 1), quiet_(quiet) {
  if (log_path.empty()) return;
  log_.reset(std::fopen(log_path.c_str(), "w"));
  if (!log_)
    throw Error(meaning_of_write_error(errno),
                fmt::format("{}: cannot be written: {}; choose another folder with --output DIR", log_path,
                            errno_text(errno)));
}

Progress::~Progress() { clear_live_line(); }

bool Progress::due(SteadyTime now) const { return terminal_ && !quiet_ && seconds_between(last_, now) > 0.2; }

void Progress::draw(SteadyTime now, const ProgressState& s) {
  last_ = now;
  drawn_ = true;
  const double elapsed = seconds_between(started_, now);
  const double left =
      s.step > 0 ? elapsed * static_cast<double>(s.total_steps - s.step) / static_cast<double>(s.step) : 0;
  const std::string comm = s.comm_share < 0 ? "" : fmt::format("  comm {:.0f} %", 100 * s.comm_share);
  show(fmt::format("\r\033[Kepoch {}/{}  step {}/{}  loss {:.4f}  {:.0f} samples/s{}  {} left", s.epoch + 1,
                   s.epochs, s.step, s.total_steps, s.loss, s.samples_per_second, comm, duration_text(left)));
}

void Progress::clear_live_line() {
  if (drawn_) show("\r\033[K");
  drawn_ = false;
}

void Progress::line(const std::string& raw) {
  const std::string text = printable(raw);  // names of files and runs may hold anything
  clear_live_line();
  if (!quiet_) show(text + '\n');
  if (!log(text)) throw run_error("{}: cannot be written: {}", path_, errno_text(errno));
}

bool Progress::log(const std::string& text) {
  if (!log_) return true;
  const std::string entry = fmt::format("{} {}\n", utc_timestamp(), text);
  return std::fwrite(entry.data(), 1, entry.size(), log_.get()) == entry.size() &&
         std::fflush(log_.get()) == 0;
}

}  // namespace lockstep
