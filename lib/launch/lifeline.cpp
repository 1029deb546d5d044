#include "launch/lifeline.hpp"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <map>
#include <memory>
#include <sstream>

#include "base/error.hpp"
#include "launch/interfaces.hpp"

namespace lockstep {
namespace {

constexpr std::size_t kTokenLength = 32;
constexpr std::size_t kGreetingLength = kTokenLength + 8;  // token, rank in 8 hex digits
// A stranger who says nothing is shown the door after that; a rank greets as soon as it is connected.
constexpr std::chrono::seconds kGreetingTime{10};
constexpr std::chrono::milliseconds kRetry{100};
constexpr char kWelcome = 'k';

Error system_error(const char* what) { return run_error("lifeline: {}: {}", what, errno_text(errno)); }

std::string random_token() {
  std::array<unsigned char, kTokenLength / 2> bytes{};
  if (getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()))
    throw system_error("getrandom");
  std::string token;
  for (const unsigned char byte : bytes) token += fmt::format("{:02x}", byte);
  return token;
}

int milliseconds_until(Deadline deadline) {
  const auto left =
      std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now())
          .count();
  return static_cast<int>(std::max<decltype(left)>(left, 0));
}

// A node that loses power or its cable closes nothing: probes find out within about 10 s. While something is on its way
// there are none, and that is given up as early.
void prepare(int fd) {
  const int on = 1, idle = 4, interval = 2, probes = 3;
  const unsigned unanswered = 1000 * (idle + probes * interval);  // ms
  setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &unanswered, sizeof unanswered);
  setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
  setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval);
  setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

int port_of(int fd) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) != 0) throw system_error("getsockname");
  return ntohs(address.ss_family == AF_INET6 ? reinterpret_cast<sockaddr_in6*>(&address)->sin6_port
                                             : reinterpret_cast<sockaddr_in*>(&address)->sin_port);
}

using AddressInfo = std::unique_ptr<addrinfo, decltype(&freeaddrinfo)>;

// Null for what is no numeric address.
AddressInfo numeric_address(const std::string& host, const std::string& port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  if (getaddrinfo(host.c_str(), port.c_str(), &hints, &found) != 0) found = nullptr;
  return {found, &freeaddrinfo};
}

FileDescriptor new_socket(const addrinfo& address) {
  return FileDescriptor(socket(address.ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

FileDescriptor listening_socket(const std::string& host) {
  const AddressInfo address = numeric_address(host, "0");
  if (!address) throw run_error("lifeline: '{}' is not an address", host);
  FileDescriptor fd = new_socket(*address);
  if (!fd.valid() || bind(fd.get(), address->ai_addr, address->ai_addrlen) != 0) throw system_error("bind");
  if (listen(fd.get(), SOMAXCONN) != 0) throw system_error("listen");
  return fd;
}

// A connection under way to one of rank 0's addresses; invalid: nobody there.
FileDescriptor begin_connecting(const std::string& host, const std::string& port) {
  const AddressInfo address = numeric_address(host, port);
  if (!address) return {};
  FileDescriptor fd = new_socket(*address);
  if (fd.valid() && connect(fd.get(), address->ai_addr, address->ai_addrlen) != 0 && errno != EINPROGRESS)
    return {};
  return fd;
}

// One of the ways to rank 0: connecting, then waiting for the welcome, which a busy rank 0 may give late.
struct Way {
  std::string host, port;
  FileDescriptor fd = {};
  bool greeted = false;
  Deadline again = {};  // when to try anew, while there is no connection

  short awaits() const { return greeted ? POLLIN : POLLOUT; }
  void fail() {
    fd.reset();
    greeted = false;
    again = std::chrono::steady_clock::now() + kRetry;
  }
  // To be called when the descriptor is ready. True: rank 0 has said welcome.
  bool advance(const std::string& greeting) {
    char answer = 0;
    if (greeted) {
      const ssize_t got = recv(fd.get(), &answer, 1, 0);
      if (got < 0 && (errno == EAGAIN || errno == EINTR)) return false;
      if (got == 1 && answer == kWelcome) return true;
      fail();
      return false;
    }
    greeted = send(fd.get(), greeting.data(), greeting.size(), MSG_NOSIGNAL) ==
              static_cast<ssize_t>(greeting.size());
    if (!greeted) fail();
    return false;
  }
};

// Somebody who has connected to rank 0 and not yet said who he is.
struct Newcomer {
  FileDescriptor fd;
  Deadline until;
  std::string greeting = {};

  enum class State { waits, greeted, gone };
  State read() {
    std::array<char, kGreetingLength> buffer{};
    const ssize_t got = recv(fd.get(), buffer.data(), kGreetingLength - greeting.size(), 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return State::waits;
    if (got <= 0) return State::gone;
    greeting.append(buffer.data(), static_cast<std::size_t>(got));
    return greeting.size() == kGreetingLength ? State::greeted : State::waits;
  }
};

}  // namespace

std::string code_and_text(ExitCode code, const std::string& text) {
  return fmt::format("{} {}", static_cast<int>(code), text);
}

std::pair<ExitCode, std::string> parse_code_and_text(const std::string& message) {
  const std::size_t blank = message.find(' ');
  const int code = std::atoi(message.c_str());
  return {static_cast<ExitCode>(code),
          blank == std::string::npos ? std::string() : message.substr(blank + 1)};
}

LifelineConnection::LifelineConnection(FileDescriptor fd) : fd_(std::move(fd)) {
  if (fd_.valid()) prepare(fd_.get());
}

void LifelineConnection::send(LifelineKind kind, const std::string& text) {
  if (!open()) return;
  const auto length = static_cast<std::uint16_t>(std::min<std::size_t>(text.size(), 4000));
  std::string frame(1, static_cast<char>(kind));
  frame.append({static_cast<char>(length >> 8), static_cast<char>(length & 0xff)});
  frame.append(text, 0, length);
  // A frame is far smaller than a socket's buffer, which is empty but for frames.
  static_cast<void>(::send(fd_.get(), frame.data(), frame.size(), MSG_NOSIGNAL | MSG_DONTWAIT));
}

std::vector<LifelineMessage> LifelineConnection::receive() {
  std::array<char, 4096> buffer{};
  while (open()) {
    const ssize_t got = recv(fd_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (got > 0) {
      pending_.append(buffer.data(), static_cast<std::size_t>(got));
      continue;
    }
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) break;
    close();
  }
  std::vector<LifelineMessage> messages;
  while (pending_.size() >= 3) {
    const auto byte = [this](std::size_t i) {
      return static_cast<std::size_t>(static_cast<unsigned char>(pending_[i]));
    };
    const std::size_t length = byte(1) << 8 | byte(2);
    if (pending_.size() < 3 + length) break;
    messages.push_back({static_cast<LifelineKind>(pending_[0]), pending_.substr(3, length)});
    pending_.erase(0, 3 + length);
  }
  return messages;
}

LifelineListener::LifelineListener(const std::vector<std::string>& addresses) : token_(random_token()) {
  for (const std::string& address : addresses) {
    doors_.push_back(listening_socket(address));
    doors_text_ += fmt::format(" {} {}", address, port_of(doors_.back().get()));
  }
}

// Newcomers are heard side by side: one who says nothing keeps nobody waiting.
std::vector<LifelineConnection> LifelineListener::accept_all(int peers, Deadline deadline) {
  std::map<int, FileDescriptor> accepted;
  std::vector<Newcomer> newcomers;
  while (static_cast<int>(accepted.size()) < peers) {
    Deadline next = deadline;
    std::vector<pollfd> entries;
    for (const FileDescriptor& door : doors_) entries.push_back({door.get(), POLLIN, 0});
    for (const Newcomer& newcomer : newcomers) {
      entries.push_back({newcomer.fd.get(), POLLIN, 0});
      next = std::min(next, newcomer.until);
    }
    poll(entries.data(), entries.size(), milliseconds_until(next));
    const Deadline now = std::chrono::steady_clock::now();
    for (std::size_t i = newcomers.size(); i-- > 0;) {
      Newcomer::State state = Newcomer::State::waits;
      if (entries[doors_.size() + i].revents != 0) state = newcomers[i].read();
      if (state == Newcomer::State::greeted) admit(newcomers[i].greeting, newcomers[i].fd, peers, accepted);
      if (state != Newcomer::State::waits || now >= newcomers[i].until)
        newcomers.erase(newcomers.begin() + static_cast<std::ptrdiff_t>(i));
    }
    for (std::size_t i = 0; i < doors_.size(); ++i)
      if (entries[i].revents != 0)
        if (FileDescriptor fd(accept4(doors_[i].get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
            fd.valid())
          newcomers.push_back({std::move(fd), now + kGreetingTime});
    if (now >= deadline && static_cast<int>(accepted.size()) < peers)
      throw run_error(
          "lifeline: only {} of {} ranks connected to rank 0 over TCP; is there a firewall between them?",
          accepted.size(), peers);
  }
  std::vector<LifelineConnection> connections;
  for (auto& [rank, fd] : accepted) connections.emplace_back(std::move(fd));
  return connections;
}

// Of several connections of one rank, by several addresses, the first is welcome.
void LifelineListener::admit(const std::string& greeting, FileDescriptor& fd, int peers,
                             std::map<int, FileDescriptor>& accepted) const {
  if (greeting.compare(0, kTokenLength, token_) != 0) return;
  const int rank = std::stoi(greeting.substr(kTokenLength), nullptr, 16);
  if (rank < 1 || rank > peers || accepted.contains(rank)) return;
  if (::send(fd.get(), &kWelcome, 1, MSG_NOSIGNAL) == 1) accepted[rank] = std::move(fd);
}

LifelineConnection connect_lifeline(const std::string& invitation, bool same_node, int rank,
                                    Deadline deadline) {
  std::istringstream words(invitation);
  std::string token, host, port;
  words >> token;
  std::vector<Way> ways;
  while (words >> host >> port)
    if ((host == kLoopback) == same_node) ways.push_back({host, port});
  const std::string greeting = fmt::format("{}{:08x}", token, rank);
  do {
    std::vector<pollfd> entries;
    const Deadline now = std::chrono::steady_clock::now();
    for (Way& way : ways) {
      if (!way.fd.valid() && now >= way.again) {
        way.fail();
        way.fd = begin_connecting(way.host, way.port);
      }
      entries.push_back({way.fd.get(), way.awaits(), 0});  // a descriptor below 0 is passed over
    }
    poll(entries.data(), entries.size(), std::min<int>(milliseconds_until(deadline), kRetry.count()));
    for (std::size_t i = 0; i < ways.size(); ++i)
      if (entries[i].revents != 0 && ways[i].advance(greeting))
        return LifelineConnection(std::move(ways[i].fd));
  } while (std::chrono::steady_clock::now() < deadline);
  throw run_error(
      "lifeline: rank {} cannot reach rank 0 over TCP (it listens on{}); is there a firewall between them?",
      rank, invitation.substr(token.size()));
}

}  // namespace lockstep
