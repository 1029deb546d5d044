#include "launch/bus_errors.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <optional>
#include <string_view>

#include "base/error.hpp"

namespace lockstep {

namespace {

// What a signal handler can reach; lock-free.
std::atomic<int> wake_up{-1};
std::atomic<void*> first_address{nullptr};
std::atomic<pid_t> asking_thread{0};

void on_bus_error(int, siginfo_t* info, void*) {
  // Sent by somebody, or by the one that was to tell: on return it comes again, and ends the process.
  if (info->si_code <= 0 || gettid() == asking_thread) {
    signal(SIGBUS, SIG_DFL);
    if (info->si_code <= 0) raise(SIGBUS);
    return;
  }
  void* none = nullptr;
  first_address.compare_exchange_strong(none, info->si_addr);
  const std::uint64_t one = 1;
  static_cast<void>(!write(wake_up, &one, sizeof one));
  for (;;) pause();  // there is nothing to go on with
}

constexpr std::string_view kDeleted = " (deleted)";

// A file that is mapped somewhere in this process.
struct Mapping {
  std::string path;
  std::uint64_t byte = 0;  // of the file, at the address
  ino_t inode = 0;
};

// Of a line of /proc/self/maps: "7f12a000-7f12c000 r--p 00001000 08:01 1234   /path of the file"
std::optional<Mapping> mapping_in(const std::string& line, std::uint64_t address) {
  unsigned long long begin = 0, end = 0, offset = 0, inode = 0;
  int path = 0;
  if (std::sscanf(line.c_str(), "%llx-%llx %*s %llx %*s %llu %n", &begin, &end, &offset, &inode, &path) < 4)
    return {};
  if (address < begin || address >= end) return {};
  std::string name = line.substr(static_cast<std::size_t>(path));
  if (name.ends_with(kDeleted)) name.resize(name.size() - kDeleted.size());
  return Mapping{name, offset + (address - begin), static_cast<ino_t>(inode)};
}

Mapping mapping_at(const void* address) {
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);)
    if (auto found = mapping_in(line, reinterpret_cast<std::uintptr_t>(address))) return *found;
  return {};
}

}  // namespace

std::string describe_bus_error(const void* address) {
  const Mapping at = mapping_at(address);
  if (!at.path.starts_with('/'))
    return fmt::format("SIGBUS at address {}, which no file backs; the memory of this machine may be faulty",
                       address);
  struct stat now {};
  const bool there = stat(at.path.c_str(), &now) == 0 && now.st_ino == at.inode;
  if (there && static_cast<std::uint64_t>(now.st_size) > at.byte)
    return fmt::format(
        "{}: byte {} cannot be read or written: its disk fails, or its file system is full; make room there, "
        "or use another disk, and start again",
        at.path, at.byte);
  return fmt::format(
      "{}: was cut short or removed while it was being read: byte {} is gone; put the whole file back and "
      "start again, from a checkpoint if there is one (--resume)",
      at.path, at.byte);
}

BusErrors::BusErrors(int wake) {
  wake_up = wake;
  first_address = nullptr;
  asking_thread = 0;
  struct sigaction action {};
  action.sa_sigaction = on_bus_error;
  action.sa_flags = SA_SIGINFO;
  sigaction(SIGBUS, &action, &before_);
}

BusErrors::~BusErrors() { sigaction(SIGBUS, &before_, nullptr); }

void BusErrors::asked_by_this_thread() { asking_thread = gettid(); }

std::string BusErrors::first() const {
  const void* const address = first_address;
  return address == nullptr ? std::string() : describe_bus_error(address);
}

}  // namespace lockstep
