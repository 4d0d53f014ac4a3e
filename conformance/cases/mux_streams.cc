// Visitors' streams: how a server opens, keeps and ends them. docs/PROTOCOL.md, "Streams".
#include "conformance/cases/agent_link.h"
#include "conformance/cases/server_cases.h"
#include "conformance/wire/aside.h"

namespace tenfold::conformance {
namespace {

constexpr const char* where = "PROTOCOL Streams";

void opening(ServerSuite& suite) {
  suite.add(
      {"mux/stream/open", Level::must, "a visitor is a CONNECT to the tunnel's name, without scheme or path", where},
      [](ServerTarget& target) {
        AgentLink link(target);
        Http visitor = link.visit();
        const std::uint32_t id = link.peer->next_stream();
        const LinkPeer::Stream& stream = link.peer->stream(id);
        REQUIRE(stream.field(":method") == "CONNECT");
        REQUIRE(stream.field(":authority") == link.name);
        REQUIRE(stream.field(":path").empty());
      });
  suite.add({"mux/stream/peer", Level::should, "tenfold-peer names the visitor's address and port", where},
            [](ServerTarget& target) {
              AgentLink link(target);
              Http visitor = link.visit();
              const Endpoint from = visitor.socket().local();
              const std::string peer = link.peer->stream(link.peer->next_stream()).field("tenfold-peer");
              if (peer.empty()) skip("may be left out");
              REQUIRE(peer == to_string(from));
            });
  suite.add({"mux/stream/data-first", Level::must, "the request comes before the agent's answer to the CONNECT", where},
            [](ServerTarget& target) {
              AgentLink link(target);
              Http visitor = link.visit("/eager");
              const std::uint32_t id = link.peer->next_stream();
              expect(link.peer->take_data(id, "\r\n\r\n").starts_with("GET /eager HTTP/1.1\r\n"),
                     "another request line");
            });
  suite.add({"mux/stream/head", Level::must, "the request is HTTP/1.1 with the visitor's Host and path", where},
            [](ServerTarget& target) {
              AgentLink link(target);
              Http visitor = link.visit("/a%2fb?c", {{"X-One", "1"}});
              const std::string text = link.take_request().text;
              expect(text.starts_with("GET /a%2fb?c HTTP/1.1\r\n"), text);
              expect(text.find("ost: " + target.host_of(link.name) + "\r\n") != std::string::npos, text);
              expect(text.find("X-One: 1\r\n") != std::string::npos, text);
            });
  suite.add({"mux/stream/kept", Level::must, "a stream whose answer ended is kept for the next request", where},
            [](ServerTarget& target) {
              AgentLink link(target);
              for (int i = 0; i < 3; ++i) link.expect_works();
              REQUIRE(link.peer->streams_seen() == 2);  // the control stream and one more
            });
  suite.add({"mux/stream/close-asked", Level::must, "an answer with Connection: close ends its stream", where},
            [](ServerTarget& target) {
              AgentLink link(target);
              Http visitor = link.visit();
              const AgentLink::Asked asked = link.take_request();
              link.peer->send_data(asked.stream, answer(200, "bye", {{"Connection", "close"}}));
              REQUIRE(visitor.read_answer().body == "bye");
              link.peer->wait_until([&] { return link.peer->stream(asked.stream).over(); }, "the stream's end");
              link.expect_works();
            });
}

void many_streams(ServerSuite& suite) {
  suite.add(
      {"mux/stream/many", Level::must, "1,000 visitors at once are 1,000 streams, each with its own answer", where},
      [](ServerTarget& target) {
        AgentLink link(target);
        std::vector<Http> visitors;
        for (unsigned i = 0; i < 1000; ++i) {
          visitors.push_back(link.visit("/" + std::to_string(i), {}, i / 60));
          if (i % 50 == 0) link.peer->settle(1ms);  // answers PINGs
        }
        std::vector<AgentLink::Asked> asked;
        for (unsigned i = 0; i < 1000; ++i) asked.push_back(link.take_request(in(20s)));
        for (const AgentLink::Asked& each : asked) {
          link.peer->send_data(each.stream, answer(200, each.text.substr(4, each.text.find(' ', 4) - 4)));
        }
        for (unsigned i = 0; i < 1000; ++i)
          REQUIRE(visitors[i].read_answer("GET", in(10s)).body == "/" + std::to_string(i));
      });
  suite.add({"mux/stream/max-streams", Level::must,
             "SETTINGS_MAX_CONCURRENT_STREAMS is kept; who waits is served in turn", where},
            [](ServerTarget& target) {
              AgentLink link(target, {.settings = {{setting::max_concurrent_streams, 4}}});
              link.peer->wait_until([&] { return link.peer->settings_acked(); }, "the SETTINGS' acknowledgement");
              std::vector<Http> visitors;
              for (int i = 0; i < 8; ++i) visitors.push_back(link.visit("/" + std::to_string(i)));
              link.peer->settle(500ms);
              expect(link.peer->running() <= 3,
                     std::to_string(link.peer->running()) + " streams beside the control stream");
              for (int i = 0; i < 8; ++i) {
                const AgentLink::Asked asked = link.take_request();
                link.peer->send_data(asked.stream, answer(200, "served", {{"Connection", "close"}}), true);
              }
              for (Http& each : visitors) REQUIRE(each.read_answer().body == "served");
            });
  suite.add(
      {"mux/stream/max-streams-0", Level::must, "MAX_CONCURRENT_STREAMS 0 hurts its own tunnel alone: 503", where},
      [](ServerTarget& target) {
        AgentLink other(target);
        AgentLink link(target, {.address = 1});
        link.peer->send(settings_frame({{setting::max_concurrent_streams, 0}}));
        link.peer->ping();
        Http visitor = link.visit();
        other.expect_works();
        REQUIRE(visitor.read_answer("GET", in(target.options().waiting)).status == 503);
      });
  suite.add({"mux/stream/ids", Level::must,
             "2,000 streams one after the other: ids are odd, rise and are never used twice", where},
            [](ServerTarget& target) {
              AgentLink link(target);
              Http visitor = target.visit();
              for (int i = 0; i < 2000; ++i) {
                visitor.send(request("GET", "/", target.host_of(link.name)));
                const AgentLink::Asked asked = link.take_request();
                link.peer->send_data(asked.stream, answer(200, "x", {{"Connection", "close"}}), true);
                REQUIRE(visitor.read_answer().status == 200);
              }
              REQUIRE(link.peer->streams_seen() == 2001);
            });
}

void answers(ServerSuite& suite) {
  const std::vector<std::tuple<const char*, const char*, int>> causes = {{"refused", "502", 502},
                                                                         {"dns", "502", 502},
                                                                         {"tls", "502", 502},
                                                                         {"timeout", "504", 504},
                                                                         {"meteorite", "502", 502}};
  for (const auto& [cause, status, told] : causes) {
    suite.add({std::string("mux/stream/cause-") + cause, Level::must,
               std::string("tenfold-cause ") + cause + ": the visitor gets a " + status, where},
              [cause = std::string(cause), status = std::string(status), told = told](ServerTarget& target) {
                AgentLink link(target);
                Http visitor = link.visit();
                link.refuse(link.peer->next_stream(), status, cause);
                const int got = visitor.read_answer().status;
                REQUIRE((got == told || got == 502));
                link.expect_works();
              });
  }
  suite.add({"mux/stream/until-end", Level::must, "END_STREAM ends an answer that has no length", where},
            [](ServerTarget& target) {
              AgentLink link(target);
              Http visitor = link.visit();
              const AgentLink::Asked asked = link.take_request();
              link.peer->send_data(asked.stream, "HTTP/1.1 200 OK\r\n\r\nall of it", true);
              REQUIRE(visitor.read_answer().body == "all of it");
            });
  suite.add({"mux/stream/end-in-body", Level::must, "END_STREAM within a Content-Length is a visible cut", where},
            [](ServerTarget& target) {
              AgentLink link(target);
              Http visitor = link.visit();
              const AgentLink::Asked asked = link.take_request();
              link.peer->send_data(asked.stream, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", true);
              bool cut = true;
              try {
                cut = visitor.read_answer().cut;
              } catch (const Lost&) {
                // A reset may even overtake the head.
              }
              expect(cut, "the body ends as if it were whole");
            });
  suite.add({"mux/stream/reset-in-body", Level::must, "RST_STREAM in mid-answer is a visible cut", where},
            [](ServerTarget& target) {
              AgentLink link(target);
              Http visitor = link.visit();
              const AgentLink::Asked asked = link.take_request();
              link.peer->send_data(asked.stream, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n");
              Message head = visitor.read_head();
              link.peer->reset(asked.stream, h2_error::connect_error);
              visitor.read_body(head);
              expect(head.cut, "the body ends as if it were whole");
              link.expect_works();
            });
  suite.add({"mux/stream/reset-before-answer", Level::must, "RST_STREAM CONNECT_ERROR before an answer: 502", where},
            [](ServerTarget& target) {
              AgentLink link(target);
              Http visitor = target.visit();
              visitor.send(request("POST", "/", target.host_of(link.name), {}, "once"));
              link.peer->reset(link.take_request().stream, h2_error::connect_error);
              REQUIRE(visitor.read_answer("POST").status == 502);
            });
  suite.add(
      {"mux/stream/refused-stream", Level::must, "RST_STREAM REFUSED_STREAM: another stream, or 502 or 503", where},
      [](ServerTarget& target) {
        AgentLink link(target);
        Http visitor = link.visit();
        const std::uint32_t first = link.peer->next_stream();
        link.peer->reset(first, h2_error::refused_stream);
        link.peer->stream(first).data.clear();
        const bool again = link.peer->comes_true([&] { return link.peer->streams_seen() > 2; }, 500ms);
        if (again) {
          // Bytes that came on the refused stream before its reset was read are not a request to answer.
          link.peer->stream(first).data.clear();
          link.peer->send_data(link.take_request().stream, answer(200, "again"));
          REQUIRE(visitor.read_answer().status == 200);
        } else {
          const int status = visitor.read_answer().status;
          REQUIRE((status == 502 || status == 503));
        }
      });
}

void losses(ServerSuite& suite) {
  suite.add({"mux/stream/lost-link", Level::must, "a link lost before the answer: 502 or 503", where},
            [](ServerTarget& target) {
              AgentLink link(target);
              Http visitor = target.visit();
              visitor.send(request("POST", "/", target.host_of(link.name), {}, "once"));
              link.take_request();
              link.peer->transport().socket().reset();
              const int status = visitor.read_answer("POST", in(target.options().waiting)).status;
              REQUIRE((status == 502 || status == 503));
            });
  suite.add({"mux/stream/lost-link-in-body", Level::must, "a link lost in mid-answer is a visible cut", where},
            [](ServerTarget& target) {
              AgentLink link(target);
              Http visitor = link.visit();
              link.peer->send_data(link.take_request().stream, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
              Message head = visitor.read_head();
              link.peer->transport().socket().close();
              visitor.read_body(head);
              expect(head.cut, "the body ends as if it were whole");
            });
  suite.add({"mux/stream/visitor-leaves", Level::must, "a visitor who leaves is RST_STREAM CANCEL", where},
            [](ServerTarget& target) {
              AgentLink link(target);
              Http visitor = link.visit();
              const AgentLink::Asked asked = link.take_request();
              link.peer->send_data(asked.stream, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
              visitor.read_head();
              visitor.socket().reset();
              link.peer->wait_until([&] { return link.peer->stream(asked.stream).reset.has_value(); }, "RST_STREAM");
              REQUIRE(*link.peer->stream(asked.stream).reset == h2_error::cancel);
              link.expect_works();
            });
  suite.add(
      {"mux/stream/leave-before-answer", Level::must, "1,500 visitors who leave at once do not end the link", where},
      [](ServerTarget& target) {
        AgentLink link(target);
        for (unsigned i = 0; i < 1500; ++i) {
          Http visitor = link.visit("/", {}, i % 8);
          if (i % 50 == 0) {
            link.peer->settle(1ms);
          } else {
            visitor.socket().reset();
          }
        }
        link.peer->settle(300ms);
        for (const std::uint32_t id : link.peer->visitors()) link.peer->stream(id).data.clear();
        expect(!link.peer->ended() && !link.peer->goaway(), "the link is gone");
        link.expect_works();
      });
}

void tunnelled(ServerSuite& suite) {
  suite.add({"mux/stream/upgrade", Level::must, "a WebSocket goes both ways, early bytes included", where},
            [](ServerTarget& target) {
              AgentLink link(target);
              Http visitor = target.visit();
              visitor.send(request("GET", "/", target.host_of(link.name),
                                   {{"Connection", "Upgrade"}, {"Upgrade", "websocket"}}) +
                           "early");
              const AgentLink::Asked asked = link.take_request();
              link.peer->send_data(asked.stream,
                                   "HTTP/1.1 101 Fine\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhello");
              REQUIRE(visitor.read_head().status == 101);
              REQUIRE(visitor.read_exactly(5) == "hello");
              REQUIRE(link.peer->take_bytes(asked.stream, 5) == "early");
              visitor.send("more");
              REQUIRE(link.peer->take_bytes(asked.stream, 4) == "more");
            });
  suite.add(
      {"mux/stream/upgrade-visitor-fin", Level::should, "the FIN of a visitor is END_STREAM, and the other way goes on",
       where},
      [](ServerTarget& target) {
        if (target.options().tls) skip("a FIN under TLS is an end of both ways for many");
        AgentLink link(target);
        Http visitor = target.visit();
        visitor.send(request("GET", "/", target.host_of(link.name), {{"Connection", "Upgrade"}, {"Upgrade", "x"}}));
        const AgentLink::Asked asked = link.take_request();
        link.peer->send_data(asked.stream, "HTTP/1.1 101 Fine\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n");
        REQUIRE(visitor.read_head().status == 101);
        visitor.send("last");
        visitor.socket().finish();
        REQUIRE(link.peer->take_bytes(asked.stream, 4) == "last");
        link.peer->wait_until([&] { return link.peer->stream(asked.stream).ended; }, "END_STREAM");
        link.peer->send_data(asked.stream, "still", true);
        REQUIRE(visitor.read_to_end() == "still");
      });
  suite.add(
      {"mux/stream/upgrade-agent-end", Level::must, "END_STREAM of the agent ends what the visitor reads", where},
      [](ServerTarget& target) {
        AgentLink link(target);
        Http visitor = target.visit();
        visitor.send(request("GET", "/", target.host_of(link.name), {{"Connection", "Upgrade"}, {"Upgrade", "x"}}));
        const AgentLink::Asked asked = link.take_request();
        link.peer->send_data(asked.stream, "HTTP/1.1 101 Fine\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\nbye", true);
        REQUIRE(visitor.read_head().status == 101);
        REQUIRE(visitor.read_to_end() == "bye");
      });
  suite.add({"mux/stream/unasked-101", Level::must, "a 101 that nobody asked for is a 502", where},
            [](ServerTarget& target) {
              AgentLink link(target);
              Http visitor = link.visit();
              link.peer->send_data(link.take_request().stream,
                                   "HTTP/1.1 101 Fine\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n");
              REQUIRE(visitor.read_answer().status == 502);
            });
  suite.add({"mux/stream/bodies", Level::must, "2 MB each way through one stream come whole", where},
            [](ServerTarget& target) {
              AgentLink link(target);
              const std::string up = pattern(2'000'000, 7);
              Http visitor = target.visit();
              Aside sender([&] { visitor.send(request("POST", "/", target.host_of(link.name), {}, up), in(15s)); });
              AgentLink::Asked asked = link.take_request();
              std::string got = asked.text.substr(asked.text.find("\r\n\r\n") + 4);
              got += link.peer->take_bytes(asked.stream, up.size() - got.size(), in(15s));
              sender.join();
              expect(got == up, "another body reached the agent");
              std::string down;
              Aside reader([&] { down = visitor.read_answer("POST", in(15s)).body; });
              link.peer->send_data(asked.stream, answer(200, got), false, in(15s));
              reader.join();
              expect(down == up, "another body came back");
            });
}

}  // namespace

void add_mux_streams(ServerSuite& suite) {
  opening(suite);
  many_streams(suite);
  answers(suite);
  losses(suite);
  tunnelled(suite);
}

}  // namespace tenfold::conformance
