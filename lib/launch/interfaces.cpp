#include "launch/interfaces.hpp"

#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <set>

#include "base/error.hpp"
#include "base/file_descriptor.hpp"

namespace lockstep {
namespace {

std::string numeric_host(const sockaddr* address) {
  const socklen_t length = address->sa_family == AF_INET6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in);
  std::array<char, NI_MAXHOST> host{};
  if (getnameinfo(address, length, host.data(), host.size(), nullptr, 0, NI_NUMERICHOST) != 0) return {};
  return host.data();
}

bool usable(const ifaddrs& interface) {
  if (interface.ifa_addr == nullptr || (interface.ifa_flags & IFF_UP) == 0 ||
      (interface.ifa_flags & IFF_LOOPBACK) != 0)
    return false;
  if (interface.ifa_addr->sa_family != AF_INET6) return interface.ifa_addr->sa_family == AF_INET;
  return !IN6_IS_ADDR_LINKLOCAL(&reinterpret_cast<const sockaddr_in6*>(interface.ifa_addr)->sin6_addr);
}

// The source that the system chooses for packets to `other`; empty: there is no way. Connecting a datagram socket
// sends nothing.
std::string source_towards(const std::string& other) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_DGRAM;
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  if (getaddrinfo(other.c_str(), "9", &hints, &found) != 0) return {};
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(found, freeaddrinfo);
  const FileDescriptor fd(socket(found->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_storage source{};
  socklen_t length = sizeof source;
  auto* const address = reinterpret_cast<sockaddr*>(&source);
  if (!fd.valid() || connect(fd.get(), found->ai_addr, found->ai_addrlen) != 0 ||
      getsockname(fd.get(), address, &length) != 0)
    return {};
  return numeric_host(address);
}

}  // namespace

std::vector<std::string> addresses_of_this_host() {
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) throw run_error("getifaddrs: {}", errno_text(errno));
  const std::unique_ptr<ifaddrs, decltype(&freeifaddrs)> owner(list, freeifaddrs);
  std::vector<std::string> addresses;
  for (const ifaddrs* i = list; i != nullptr; i = i->ifa_next)
    if (usable(*i)) addresses.push_back(numeric_host(i->ifa_addr));
  return addresses;
}

std::vector<std::string> addresses_towards(const std::vector<std::string>& others) {
  const std::vector<std::string> mine = addresses_of_this_host();
  const auto is_mine = [&](const std::string& address) {
    return std::find(mine.begin(), mine.end(), address) != mine.end();
  };
  std::set<std::string> sources;
  for (const std::string& other : std::set<std::string>(others.begin(), others.end()))
    if (!is_mine(other))
      if (const std::string source = source_towards(other); is_mine(source)) sources.insert(source);
  return {sources.begin(), sources.end()};
}

}  // namespace lockstep
