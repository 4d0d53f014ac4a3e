// Agents that break the protocol, and the reaction of a server: their link ends, and other links are not affected.
// docs/PROTOCOL.md, "HTTP/2" and "Limits and safety".
#include <algorithm>
#include <thread>

#include "conformance/cases/agent_link.h"
#include "conformance/cases/link_faults.h"
#include "conformance/cases/server_cases.h"

namespace tenfold::conformance {
namespace {

// A link with a visitor's stream open, and another link that must not be affected.
struct TwoLinks {
  AgentLink other;
  AgentLink bad;
  Http visitor;
  std::uint32_t open;

  explicit TwoLinks(ServerTarget& target)
      : other(target), bad(target, {.address = 1}), visitor(bad.visit()), open(bad.take_request().stream) {}
};

void faults(ServerSuite& suite) {
  for (const LinkFault& fault : link_faults()) {
    suite.add(
        {std::string("mux/error/") + fault.id, Level::must,
         std::string(fault.what) + " ends the link (RFC 9113 " + fault.rfc + "), and no other", "PROTOCOL HTTP/2"},
        [fault](ServerTarget& target) {
          TwoLinks links(target);
          fault.send(*links.bad.peer, links.open);
          const std::uint32_t got = links.bad.peer->wait_for_failure();
          if (links.bad.peer->goaway()) {
            const bool wanted = std::find(fault.codes.begin(), fault.codes.end(), got) != fault.codes.end();
            expect(wanted, "GOAWAY with code " + std::to_string(got));
          }
          links.other.expect_works();
          const int status = links.visitor.read_answer().status;
          REQUIRE((status == 502 || status == 503));
        });
  }
  for (const LinkOddity& oddity : link_oddities()) {
    suite.add({std::string("mux/oddity/") + oddity.id, Level::must, oddity.what, "PROTOCOL Unknown things"},
              [oddity](ServerTarget& target) {
                AgentLink link(target);
                Http visitor = link.visit();
                oddity.send(*link.peer, link.take_request().stream);
                link.peer->ping();
                link.expect_works();
              });
  }
  suite.add({"mux/error/push-1", Level::should, "ENABLE_PUSH of 1 from an HTTP/2 server ends the link (RFC 9113 6.5.2)",
             "PROTOCOL HTTP/2"},
            [](ServerTarget& target) {
              AgentLink link(target);
              link.peer->send(settings_frame({{setting::enable_push, 1}}));
              link.peer->wait_for_failure();
            });
}

void stream_faults(ServerSuite& suite) {
  suite.add(
      {"mux/error/stream-window", Level::must, "a stream's window overrun ends the stream or the link",
       "PROTOCOL Flow control"},
      [](ServerTarget& target) {
        TwoLinks links(target);
        links.visitor.socket().small_receive_buffer();
        LinkPeer& peer = *links.bad.peer;
        peer.send_data(links.open, "HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n");
        // However far the window grows, 40 MB exceed it while the visitor does not read.
        bool stopped = false;
        for (int i = 0; i < 2500 && !stopped; ++i) {
          try {
            peer.send_raw(to_wire({FrameType::data, 0, links.open, std::string(16384, 'x')}), in(2s));
          } catch (const Failure&) {
            stopped = true;
          }
          stopped = stopped || peer.comes_true(
                                   [&] { return peer.ended() || peer.goaway() || peer.stream(links.open).reset; }, 0ms);
        }
        if (!stopped) {
          stopped = peer.comes_true([&] { return peer.ended() || peer.goaway() || peer.stream(links.open).reset; }, 3s);
        }
        expect(stopped, "40 MB beyond the window went in");
        links.other.expect_works();
      });
  suite.add({"mux/error/stream-window-overflow", Level::must,
             "a stream's window raised above 2^31-1 ends the stream or the link", "PROTOCOL Flow control"},
            [](ServerTarget& target) {
              TwoLinks links(target);
              LinkPeer& peer = *links.bad.peer;
              peer.send(window_frame(links.open, 0x7fffffff));
              peer.wait_until([&] { return peer.ended() || peer.goaway() || peer.stream(links.open).reset; },
                              "RST_STREAM or GOAWAY");
              links.other.expect_works();
            });
  const std::vector<std::pair<const char*, FieldList>> heads = {
      {"no-status", {{"x", "y"}}},
      {"bad-status", {{":status", "abc"}}},
      {"upper-case", {{":status", "200"}, {"X-Upper", "1"}}},
      {"connection-field", {{":status", "200"}, {"connection", "close"}}},
      {"pseudo-late", {{"x", "y"}, {":status", "200"}}},
      {"request-pseudo", {{":status", "200"}, {":path", "/"}}},
  };
  for (const auto& [id, fields] : heads) {
    suite.add(
        {std::string("mux/answer/") + id, Level::must,
         std::string("a malformed answer (") + id + ") ends its stream or its link: 502 or 503", "PROTOCOL HTTP/2"},
        [fields = fields](ServerTarget& target) {
          AgentLink other(target);
          AgentLink link(target, {.address = 1});
          Http visitor = target.visit();
          visitor.send(request("POST", "/", target.host_of(link.name), {}, "once"));
          link.peer->send_head(link.peer->next_stream(), fields);
          const int status = visitor.read_answer("POST", in(target.options().waiting)).status;
          REQUIRE((status == 502 || status == 503));
          other.expect_works();
        });
  }
}

void floods(ServerSuite& suite) {
  constexpr const char* where = "PROTOCOL Limits and safety";
  for (const LinkFlood& each : link_floods()) {
    suite.add({std::string("mux/flood/") + each.id, Level::must,
               std::string("30,000 ") + each.what + " end the link, and no other", where},
              [each](ServerTarget& target) {
                TwoLinks links(target);
                flood(*links.bad.peer, each.frame(links.open));
                links.other.expect_works();
              });
  }
  suite.add({"mux/hostile/header-bomb", Level::must,
             "a header list of 3 MB in 5 KB ends its stream or link, and no other", where},
            [](ServerTarget& target) {
              AgentLink other(target);
              AgentLink link(target, {.address = 1});
              Http visitor = link.visit();
              const std::uint32_t id = link.peer->next_stream();
              link.peer->send({FrameType::headers, flag::end_headers, id, header_bomb()});
              const int status = visitor.read_answer("GET", in(target.options().waiting)).status;
              REQUIRE((status == 502 || status == 503));
              other.expect_works();
            });
  suite.add({"mux/hostile/continuations", Level::must,
             "a header block in 2,000 CONTINUATIONs ends the link, and no other", where},
            [](ServerTarget& target) {
              TwoLinks links(target);
              LinkPeer& peer = *links.bad.peer;
              try {
                peer.send({FrameType::headers, 0, links.open, "\x88"});
                for (int i = 0; i < 2000; ++i)
                  peer.send({FrameType::continuation, 0, links.open, std::string("\x00\x01x\x01y", 5)});
              } catch (const Lost&) {
              }
              peer.wait_for_failure();
              links.other.expect_works();
            });
  suite.add({"mux/hostile/half-frame", Level::must, "half a frame and then silence stops nobody else", where},
            [](ServerTarget& target) {
              TwoLinks links(target);
              links.bad.peer->send_raw(std::string("\x00\x40\x00\x00\x00\x00\x00\x00\x01half", 13));
              links.other.expect_works();
            });
  suite.add({"mux/hostile/deaf", Level::must, "an agent that reads nothing stops nobody else", where},
            [](ServerTarget& target) {
              AgentLink other(target);
              AgentLink link(target, {.address = 1});
              std::vector<Http> visitors;
              const std::string body(200'000, 'd');
              for (unsigned i = 0; i < 40; ++i) {
                visitors.push_back(target.visit(2));
                visitors.back().send("POST / HTTP/1.1\r\nHost: " + target.host_of(link.name) +
                                     "\r\nContent-Length: 200000\r\n\r\n");
                visitors.back().socket().write_some(body, in(20ms));
              }
              other.expect_works();
            });
  suite.add({"mux/hostile/endless-interim", Level::must, "an endless row of 1xx inside a stream is a 502", where},
            [](ServerTarget& target) {
              AgentLink link(target);
              Http visitor = link.visit();
              const AgentLink::Asked asked = link.take_request();
              std::string row;
              for (int i = 0; i < 1000; ++i) row += "HTTP/1.1 102 Processing\r\n\r\n";
              link.peer->send_what_fits(asked.stream, row);
              REQUIRE(visitor.read_answer().status == 502);
              link.expect_works();
            });
  suite.add({"mux/hostile/resets", Level::must,
             "an agent that resets 300 visitors answers them 502 or 503; others do not suffer", where},
            [](ServerTarget& target) {
              AgentLink other(target);
              AgentLink link(target, {.address = 1});
              for (int i = 0; i < 300; ++i) {
                Http visitor = target.visit();
                visitor.send(request("POST", "/", target.host_of(link.name), {}, "once"));
                link.peer->reset(link.take_request().stream, h2_error::cancel);
                const int status = visitor.read_answer("POST").status;
                REQUIRE((status == 502 || status == 503));
              }
              other.expect_works();
            });
  suite.add({"mux/hostile/data-before-answer", Level::should,
             "DATA before the HEADERS of an answer ends the stream or the link", "PROTOCOL Streams"},
            [](ServerTarget& target) {
              AgentLink other(target);
              AgentLink link(target, {.address = 1});
              Http visitor = target.visit();
              visitor.send(request("POST", "/", target.host_of(link.name), {}, "once"));
              const std::uint32_t id = link.peer->next_stream();
              link.peer->send({FrameType::data, 0, id, answer(200, "x")});
              const int status = visitor.read_answer("POST", in(target.options().waiting)).status;
              REQUIRE((status == 502 || status == 503));
              other.expect_works();
            });
}

}  // namespace

void add_mux_errors(ServerSuite& suite) {
  faults(suite);
  stream_faults(suite);
  floods(suite);
}

}  // namespace tenfold::conformance
