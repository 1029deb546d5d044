#include "launch/interfaces.hpp"

#include <algorithm>

#include "support/catch.hpp"

using namespace lockstep;

TEST_CASE("this host's addresses are those that others can know") {
  for (const std::string& address : addresses_of_this_host()) {
    CHECK_FALSE(address.starts_with("127."));
    CHECK(address != "::1");
    CHECK_FALSE(address.starts_with("fe80"));
  }
}

// tests/cli/two_hosts.sh has two hosts, with a bridge on each that leads nowhere.
TEST_CASE("what both hosts have leads nowhere, as do texts and the loopback") {
  CHECK(addresses_towards(addresses_of_this_host()).empty());
  CHECK(addresses_towards({kLoopback}).empty());
  CHECK(addresses_towards({"host.example", ""}).empty());
}

TEST_CASE("the way to another host begins at one of this host's addresses, if there is any") {
  const std::vector<std::string> mine = addresses_of_this_host();
  const std::vector<std::string> ways = addresses_towards({"198.51.100.1", "198.51.100.2"});  // of no host
  CHECK(ways.size() <= 1);
  for (const std::string& way : ways) CHECK(std::find(mine.begin(), mine.end(), way) != mine.end());
}
