// AgentLink: an agent of tenfold/1, played by a case against a server: handshake done, tunnel registered, requests
// taken from any stream.
//
//   AgentLink link(target);
//   Http visitor = link.visit("/path");
//   const auto asked = link.take_request();
//   link.peer->send_data(asked.stream, answer(200, "hello"));
//   REQUIRE(visitor.read_answer().body == "hello");
#pragma once

#include <memory>
#include <set>

#include "conformance/server_target.h"
#include "conformance/wire/link_peer.h"

namespace tenfold::conformance {

struct LinkWish {
  std::string name = {};    // empty: any
  std::string resume = {};  // the raw token
  SettingList settings = LinkPeer::usual_settings();
  unsigned address = 0;  // the k-th of the case
};

// The request of a handshake; `more` follows the usual fields.
std::string upgrade_request(ServerTarget& target, const std::string& path, const FieldList& more = {});
std::string base64url(std::string_view bytes);

class AgentLink {
 public:
  explicit AgentLink(ServerTarget& target, const LinkWish& wish = {});

  struct Asked {
    std::uint32_t stream = 0;
    std::string text;  // the head, and the bytes that came with it
  };
  // The next request's head, on a new stream (answered with 200 first) or a kept one.
  Asked take_request(Deadline deadline = in(patience));
  void accept(std::uint32_t stream);  // :status 200
  void refuse(std::uint32_t stream, const std::string& status, const std::string& cause);

  // A visitor of this tunnel that has sent a request.
  Http visit(const std::string& path = "/", const FieldList& fields = {}, unsigned k = 0);
  // Fails the case unless a whole exchange through the tunnel succeeds.
  void expect_works();

  ServerTarget& target;
  std::unique_ptr<LinkPeer> peer;
  std::string name;
  std::string token;  // for Tenfold-Resume, raw
  std::vector<std::string> urls;

 private:
  std::set<std::uint32_t> accepted_;
};

}  // namespace tenfold::conformance
