// Brokers that break the protocol, and the reaction of a client of tenfold/1: the link ends, and it dials again.
// docs/PROTOCOL.md, "HTTP/2" and "Limits and safety".
#include <algorithm>

#include "conformance/cases/client_cases.h"
#include "conformance/cases/link_faults.h"

namespace tenfold::conformance {

void add_client_errors(ClientSuite& suite) {
  for (const LinkFault& fault : link_faults()) {
    suite.add(
        {std::string("client-mux/error/") + fault.id, Level::must,
         std::string(fault.what) + " ends the link (RFC 9113 " + fault.rfc + "); it dials again", "PROTOCOL HTTP/2"},
        [fault](ClientTarget& target) {
          ClientRun run(target);
          BrokerLink link(run);
          auto [id, app] = link.open_to(run);
          fault.send(*link.peer, id);
          const std::uint32_t got = link.peer->wait_for_failure();
          if (link.peer->goaway()) {
            const bool wanted = std::find(fault.codes.begin(), fault.codes.end(), got) != fault.codes.end();
            expect(wanted, "GOAWAY with code " + std::to_string(got));
          }
          link.peer->transport().socket().close();
          run.take_ask(in(20s));
        });
  }
  for (const LinkOddity& oddity : link_oddities()) {
    suite.add({std::string("client-mux/oddity/") + oddity.id, Level::must, oddity.what, "PROTOCOL Unknown things"},
              [oddity](ClientTarget& target) {
                ClientRun run(target);
                BrokerLink link(run);
                auto [id, app] = link.open_to(run);
                oddity.send(*link.peer, id);
                link.peer->ping();
                link.expect_works(run);
              });
  }
  for (const LinkFlood& each : link_floods()) {
    suite.add({std::string("client-mux/flood/") + each.id, Level::should,
               std::string("30,000 ") + each.what + " end the link", "PROTOCOL Limits and safety"},
              [each](ClientTarget& target) {
                ClientRun run(target);
                BrokerLink link(run);
                auto [id, app] = link.open_to(run);
                flood(*link.peer, each.frame(id));
              });
  }
  suite.add({"client-mux/error/lower-id", Level::must,
             "a stream id below an earlier one ends the link (RFC 9113 5.1.1)", "PROTOCOL HTTP/2"},
            [](ClientTarget& target) {
              ClientRun run(target);
              BrokerLink link(run);
              link.open_to(run);
              link.peer->stream(101).opened = true;
              link.peer->send_head(101, {{":method", "CONNECT"}, {":authority", ClientRun::name}});
              link.peer->send_head(51, {{":method", "CONNECT"}, {":authority", ClientRun::name}});
              link.peer->wait_for_failure();
            });
  suite.add(
      {"client-mux/hostile/header-bomb", Level::should, "a header list of 3 MB in 5 KB is refused",
       "PROTOCOL Limits and safety"},
      [](ClientTarget& target) {
        ClientRun run(target);
        BrokerLink link(run);
        link.peer->stream(3).opened = true;
        link.peer->send({FrameType::headers, flag::end_headers, 3, header_bomb()});
        expect(link.peer->comes_true(
                   [&] { return link.peer->ended() || link.peer->goaway() || link.peer->stream(3).over(); }, patience),
               "taken as if it were nothing");
      });
  suite.add({"client-mux/hostile/half-frame", Level::should,
             "half a frame and silence: the link is given up within 20 s", "PROTOCOL Life"},
            [](ClientTarget& target) {
              ClientRun run(target);
              BrokerLink link(run);
              link.peer->habits.answer_pings = false;
              link.peer->send_raw(std::string("\x00\x40\x00\x00\x00\x00\x00\x00\x01half", 13));
              expect(link.peer->comes_true([&] { return link.peer->ended() || link.peer->goaway(); }, 20s),
                     "still linked");
            });
}

}  // namespace tenfold::conformance
