// The ports of classic tunnels: whose sockets they take, and how many; on a real loop, on loopback.
#include "broker/classic/classic_ports.h"
#include "broker/tunnels/memory_registry.h"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

#include "broker/admission/client_address.h"
#include "broker/rules.h"
#include "support/test_runtime.h"

using namespace tenfold;
using namespace tenfold::broker;
using tenfold::test::RecordingLog;

namespace {

constexpr const char* far_away = "203.0.113.9";

ClassicOptions options_of(std::size_t max_conn, std::size_t descriptors, bool any_address) {
  ClassicOptions options;
  options.bind_ip = "127.0.0.1";
  options.max_conn = max_conn;
  options.descriptors = descriptors;
  options.any_address = any_address;
  return options;
}

struct Ports {
  explicit Ports(const ClassicOptions& options = options_of(10, 1024, false), std::size_t per_ip = 1000)
      : addresses(per_ip), ports(loop, options, registry, admission, addresses) {}
  ~Ports() {
    for (const int fd : sockets) close(fd);
    ports.drain();
    loop.runtime().graveyard.clear();
  }

  // A tunnel that was asked for from there; 0: refused.
  std::uint16_t open(const std::string& ip, Claim* kept = nullptr, const std::string& token = "") {
    const Result<Claim> claim = names.claim({{}, make_claimant(token, "", ip)});
    REQUIRE(claim);
    const Result<std::uint16_t> port = ports.open_classic(*claim, ip, token);
    if (!port) registry.give_up(*claim);
    if (kept != nullptr) *kept = *claim;
    return port ? *port : std::uint16_t{0};
  }
  int dial(std::uint16_t port, const char* from = "127.0.0.1") {
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    REQUIRE(fd >= 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    inet_pton(AF_INET, from, &address.sin_addr);
    REQUIRE(bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
    address.sin_port = htons(port);
    REQUIRE(connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    sockets.push_back(fd);
    turn();
    return fd;
  }
  void turn() {
    for (int i = 0; i < 5; ++i) {
      loop.post([this] { loop.post([this] { loop.stop(); }); });
      loop.run();
    }
  }
  static bool is_closed(int fd) {
    char byte = 0;
    const ssize_t n = recv(fd, &byte, 1, MSG_DONTWAIT);
    return n == 0 || (n < 0 && errno != EAGAIN);
  }
  std::size_t open_sockets() const {
    std::size_t open = 0;
    for (const int fd : sockets) open += is_closed(fd) ? 0 : 1;
    return open;
  }

  RecordingLog log;
  Loop loop{log};
  NameTable names{loop.runtime()};
  MemoryRegistry registry{loop.runtime(), names};
  Admission admission{loop.runtime(), {}};
  AddressCounts addresses;
  ClassicPorts ports;
  std::vector<int> sockets;
};

}  // namespace

TEST_CASE("a port takes sockets only from the address that asked for the tunnel") {
  Ports rig;
  Claim claim;
  const std::uint16_t port = rig.open(far_away, &claim);
  CHECK(Ports::is_closed(rig.dial(port)));
  CHECK(rig.names.find(claim.name).tunnel->connected() == 0);
  CHECK(rig.log.lines.back() == "classic-turned-away name=" + claim.name + " peer=127.0.0.1 reason=another address");
}

TEST_CASE("a client on loopback may dial from another address of it, and an unknown one from anywhere") {
  Ports rig;
  for (const std::string& asker : {std::string("127.0.0.1"), std::string("::1"), std::string(unknown_client)}) {
    CAPTURE(asker);
    CHECK_FALSE(Ports::is_closed(rig.dial(rig.open(asker), "127.0.0.2")));
  }
}

TEST_CASE("with any_address a port takes sockets from everywhere") {
  Ports rig(options_of(10, 1024, true));
  CHECK_FALSE(Ports::is_closed(rig.dial(rig.open(far_away))));
}

TEST_CASE("the client's address is its own, or its /64") {
  CHECK(may_be_client("203.0.113.9", "203.0.113.9"));
  CHECK(may_be_client("203.0.113.9", "::ffff:203.0.113.9"));
  CHECK_FALSE(may_be_client("203.0.113.9", "203.0.113.10"));
  CHECK_FALSE(may_be_client("203.0.113.9", "127.0.0.1"));
  CHECK(may_be_client("2001:db8::1", "2001:db8::ffff"));
  CHECK_FALSE(may_be_client("2001:db8::1", "2001:db8:0:1::1"));
  CHECK(may_be_client("127.0.0.1", "::1"));
  CHECK(may_be_client("::1", "127.0.0.3"));
  CHECK_FALSE(may_be_client("127.0.0.1", "192.0.2.1"));
  CHECK(may_be_client(unknown_client, "192.0.2.1"));
  CHECK(ip_of_peer({"2001:db8::1", 80}) == "2001:db8::1");
  CHECK(ip_of_peer(Address::of_unix("")) == unix_peer);
  CHECK(ip_of_peer(Address::of_unix("/run/client.sock")) == unix_peer);
}

TEST_CASE("silent sockets beyond the descriptors for classic tunnels are closed, parked ones at half of them") {
  Ports rig(options_of(10, 48, false));
  const std::uint16_t port = rig.open("127.0.0.1");
  for (int i = 0; i < 148; ++i) rig.dial(port);
  // With the port itself half of them are taken.
  CHECK(rig.open_sockets() == 23);
  // What is left is for pools: another tunnel gets all its sockets.
  const std::uint16_t other = rig.open("127.0.0.1");
  for (int i = 0; i < 10; ++i) CHECK_FALSE(Ports::is_closed(rig.dial(other)));
  std::size_t more = 0;
  while (const std::uint16_t next = rig.open("127.0.0.1")) {
    rig.dial(next);
    REQUIRE(++more < 48);
  }
  CHECK(rig.open_sockets() <= 48);
  // What goes makes room again.
  for (const int fd : std::exchange(rig.sockets, {})) close(fd);
  rig.turn();
  CHECK(rig.open("127.0.0.1") != 0);
}

TEST_CASE("parked sockets count against the connections of their address, and give them back") {
  Ports rig(options_of(2, 1024, true), 3);
  const std::uint16_t port = rig.open(far_away);
  for (int i = 0; i < 2; ++i) rig.dial(port, "127.0.0.2");
  CHECK(rig.addresses.has_room("127.0.0.2"));
  for (int i = 0; i < 3; ++i) CHECK_FALSE(Ports::is_closed(rig.dial(port, "127.0.0.2")));
  CHECK_FALSE(rig.addresses.has_room("127.0.0.2"));
  CHECK(Ports::is_closed(rig.dial(port, "127.0.0.2")));
  CHECK(rig.addresses.has_room("127.0.0.3"));
  // The first two go, two of those that wait take their places.
  close(rig.sockets[0]);
  close(rig.sockets[1]);
  rig.sockets.erase(rig.sockets.begin(), rig.sockets.begin() + 2);
  rig.turn();
  CHECK(rig.addresses.has_room("127.0.0.2"));
  rig.ports.drain();
  CHECK(rig.addresses.size() == 0);
}

TEST_CASE("ports that nobody claims are capped for each address, on loopback, too") {
  Ports rig;
  for (const char* asker : {"127.0.0.1", far_away}) {
    CAPTURE(asker);
    std::vector<std::uint16_t> ports;
    for (std::size_t i = 0; i < rules::classic_unclaimed; ++i) ports.push_back(rig.open(asker));
    CHECK(ports.back() != 0);
    CHECK(rig.open(asker) == 0);
  }
  CHECK(rig.open("::1") == 0);  // the same machine
  CHECK(rig.open("198.51.100.1") != 0);
}

TEST_CASE("a port that is claimed makes room for another unclaimed one") {
  Ports rig;
  std::uint16_t last = 0;
  for (std::size_t i = 0; i < rules::classic_unclaimed; ++i) last = rig.open("127.0.0.1");
  CHECK(rig.open("127.0.0.1") == 0);
  rig.dial(last);
  CHECK(rig.open("127.0.0.1") != 0);
  CHECK(rig.open("127.0.0.1") == 0);
}

TEST_CASE("the tunnels of a token end at one word, and no others") {
  Ports rig;
  Claim gone;
  Claim stays;
  const std::uint16_t port = rig.open("127.0.0.1", &gone, "a");
  rig.open("127.0.0.1", nullptr, "a");
  const std::uint16_t other = rig.open("127.0.0.1", &stays, "b");
  const int socket_gone = rig.dial(port);
  const int socket_stays = rig.dial(other);
  CHECK(rig.admission.tunnels_of("a") == 2);
  CHECK(rig.ports.end_tunnels_of("a") == 2);
  rig.turn();
  CHECK(Ports::is_closed(socket_gone));
  CHECK_FALSE(Ports::is_closed(socket_stays));
  CHECK(rig.names.find(gone.name).state == NameTable::State::unknown);
  CHECK(rig.names.find(stays.name).state == NameTable::State::here);
  CHECK(rig.admission.tunnels_of("a") == 0);
  CHECK(rig.admission.tunnels_of("b") == 1);
  CHECK(rig.ports.end_tunnels_of("") == 0);
}
