#include "launch/lifeline.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <sstream>
#include <thread>

#include "base/error.hpp"
#include "launch/interfaces.hpp"
#include "support/catch.hpp"

using namespace lockstep;

namespace {

Deadline in(int milliseconds) {
  return std::chrono::steady_clock::now() + std::chrono::milliseconds(milliseconds);
}

struct Pair {
  LifelineConnection root, other;
};

Pair connected() {
  LifelineListener listener({kLoopback});
  std::vector<LifelineConnection> other;
  std::thread thread([&] { other.push_back(connect_lifeline(listener.invitation(), true, 1, in(5000))); });
  std::vector<LifelineConnection> root = listener.accept_all(1, in(5000));
  thread.join();
  return {std::move(root.at(0)), std::move(other.at(0))};
}

std::vector<LifelineMessage> receive_some(LifelineConnection& connection) {
  for (int i = 0; i < 200; ++i) {
    std::vector<LifelineMessage> messages = connection.receive();
    if (!messages.empty() || !connection.open()) return messages;
    usleep(5000);
  }
  return {};
}

// Of somebody at this address; invalid: he is refused.
FileDescriptor knock(const LifelineListener& listener, in_addr_t at) {
  std::istringstream words(listener.invitation());
  std::string token, host, port;
  words >> token >> host >> port;
  FileDescriptor stranger(socket(AF_INET, SOCK_STREAM, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(std::stoi(port)));
  address.sin_addr.s_addr = htonl(at);
  if (connect(stranger.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return {};
  return stranger;
}

FileDescriptor silent_stranger(const LifelineListener& listener) {
  FileDescriptor stranger = knock(listener, INADDR_LOOPBACK);
  REQUIRE(stranger.valid());
  return stranger;
}

}  // namespace

TEST_CASE("messages arrive whole and in order") {
  Pair pair = connected();
  pair.other.send(LifelineKind::error, "1 the disk is full");
  pair.other.send(LifelineKind::bye);
  std::vector<LifelineMessage> messages = receive_some(pair.root);
  while (messages.size() < 2) {
    for (const LifelineMessage& message : receive_some(pair.root)) messages.push_back(message);
    if (!pair.root.open()) break;
  }
  REQUIRE(messages.size() == 2);
  REQUIRE(messages[0].kind == LifelineKind::error);
  REQUIRE(messages[0].text == "1 the disk is full");
  REQUIRE(messages[1].kind == LifelineKind::bye);
  REQUIRE(messages[1].text.empty());
  REQUIRE(pair.root.open());
}

TEST_CASE("a closed end is noticed, after what it still said") {
  Pair pair = connected();
  pair.root.send(LifelineKind::ending, "1 x");
  pair.root.close();
  const std::vector<LifelineMessage> messages = receive_some(pair.other);
  REQUIRE(messages.size() == 1);
  REQUIRE(messages[0].kind == LifelineKind::ending);
  while (pair.other.open()) receive_some(pair.other);
  pair.other.send(LifelineKind::bye);  // into nothing: no signal, no exception
  REQUIRE_FALSE(pair.other.open());
}

TEST_CASE("connections come in order of rank, and a stranger is turned away") {
  LifelineListener listener({kLoopback});
  const FileDescriptor stranger = silent_stranger(listener);
  const std::string greeting(40, '0');
  REQUIRE(send(stranger.get(), greeting.data(), greeting.size(), MSG_NOSIGNAL) == 40);

  std::vector<LifelineConnection> others;
  for (int i = 0; i < 2; ++i) others.emplace_back(FileDescriptor());
  const auto join = [&](int rank) {
    return std::thread([&, rank] {
      others[static_cast<std::size_t>(rank) - 1] =
          connect_lifeline(listener.invitation(), true, rank, in(5000));
    });
  };
  std::thread second = join(2), first = join(1);
  std::vector<LifelineConnection> peers = listener.accept_all(2, in(5000));
  first.join();
  second.join();
  for (std::size_t i = 0; i < 2; ++i) {
    others[i].send(LifelineKind::signalled, std::to_string(i + 1));
    REQUIRE(receive_some(peers[i]).at(0).text == std::to_string(i + 1));
  }
  char byte = 0;
  REQUIRE(recv(stranger.get(), &byte, 1, 0) <= 0);
}

TEST_CASE("rank 0 listens on the addresses that it was given, and on no others") {
  LifelineListener listener({kLoopback});
  REQUIRE(knock(listener, INADDR_LOOPBACK).valid());
  REQUIRE_FALSE(knock(listener, INADDR_LOOPBACK + 1).valid());  // 127.0.0.2 is this host, too
  REQUIRE_THROWS_AS(LifelineListener({"host.example"}), Error);
  REQUIRE_THROWS_AS(LifelineListener({"198.51.100.1"}), Error);  // an address of no host
}

TEST_CASE("silent strangers keep no rank waiting") {
  LifelineListener listener({kLoopback});
  std::vector<FileDescriptor> strangers;
  for (int i = 0; i < 20; ++i) strangers.push_back(silent_stranger(listener));
  std::vector<LifelineConnection> other;
  std::thread thread([&] { other.push_back(connect_lifeline(listener.invitation(), true, 1, in(8000))); });
  // Less than a single stranger's time: they are heard side by side.
  REQUIRE(listener.accept_all(1, in(8000)).size() == 1);
  thread.join();
}

TEST_CASE("a rank 0 that is slow to accept is waited for") {
  LifelineListener listener({kLoopback});
  std::vector<LifelineConnection> other;
  std::thread thread([&] { other.push_back(connect_lifeline(listener.invitation(), true, 1, in(20000))); });
  std::this_thread::sleep_for(std::chrono::milliseconds(3000));
  std::vector<LifelineConnection> root = listener.accept_all(1, in(10000));
  thread.join();
  other.at(0).send(LifelineKind::bye);
  REQUIRE(receive_some(root.at(0)).at(0).kind == LifelineKind::bye);
}

TEST_CASE("a rank that comes by several addresses has one connection") {
  LifelineListener listener({kLoopback});
  // The loopback three times, as a host with three addresses would be named.
  const std::string door = listener.invitation().substr(listener.invitation().find(' '));
  const std::string invitation = listener.invitation() + door + door;
  std::vector<LifelineConnection> other;
  std::thread thread([&] { other.push_back(connect_lifeline(invitation, true, 1, in(10000))); });
  std::vector<LifelineConnection> root = listener.accept_all(1, in(10000));
  thread.join();
  other.at(0).send(LifelineKind::signalled, "7");
  REQUIRE(receive_some(root.at(0)).at(0).text == "7");
  REQUIRE(root.at(0).open());
}

TEST_CASE("ranks that do not come are an error, not a hang") {
  LifelineListener listener({kLoopback});
  REQUIRE_THROWS_AS(listener.accept_all(1, in(100)), Error);
  const std::string gone = LifelineListener({kLoopback}).invitation();
  REQUIRE_THROWS_AS(connect_lifeline(gone, true, 1, in(100)), Error);
}
