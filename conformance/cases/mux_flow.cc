// The flow control of a server: it respects windows and returns credit, and one stalled stream stops no other.
// docs/PROTOCOL.md, "Flow control".
#include <thread>

#include "conformance/cases/agent_link.h"
#include "conformance/cases/server_cases.h"
#include "conformance/wire/aside.h"

namespace tenfold::conformance {
namespace {

constexpr const char* where = "PROTOCOL Flow control";
const std::string endless_head = "HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n";

// A download that its visitor does not read, after the target took as many bytes as it accepts.
struct StalledDownload {
  Http visitor;
  AgentLink::Asked asked;
  std::size_t sent = 0;

  explicit StalledDownload(AgentLink& link) : visitor(link.target.visit()) {
    visitor.socket().small_receive_buffer();
    visitor.send(request("GET", "/", link.target.host_of(link.name)));
    asked = link.take_request();
    link.peer->send_data(asked.stream, endless_head);
    const std::string bulk(262144, 'b');
    // Until no byte was taken for a while.
    for (Deadline quiet = in(600ms); Clock::now() < quiet && sent < 64'000'000;) {
      const std::size_t n = link.peer->send_what_fits(asked.stream, bulk);
      sent += n;
      if (n > 0) quiet = in(600ms);
      link.peer->settle(10ms);
    }
  }
};

void stalls(ServerSuite& suite) {
  suite.add({"mux/flow/stalled-visitor", Level::must, "a visitor who does not read stops his own stream alone", where},
            [](ServerTarget& target) {
              AgentLink link(target);
              StalledDownload stalled(link);
              expect(stalled.sent < 40'000'000, "40 MB taken for a visitor who reads nothing");
              REQUIRE(link.peer->connection_send_window() > 0);
              link.expect_works();
              Http other = link.visit();
              const AgentLink::Asked asked = link.take_request();
              std::string got;
              Aside reader([&] { got = other.read_answer("GET", in(10s)).body; });
              link.peer->send_data(asked.stream, answer(200, pattern(2'000'000)), false, in(10s));
              reader.join();
              expect(got == pattern(2'000'000), "another body came");
            });
  suite.add(
      {"mux/flow/all-stalled", Level::must, "with eight streams stalled the control stream and PING go on", where},
      [](ServerTarget& target) {
        AgentLink link(target);
        std::vector<std::unique_ptr<StalledDownload>> stalled;
        for (int i = 0; i < 8; ++i) stalled.push_back(std::make_unique<StalledDownload>(link));
        link.peer->ping(in(1s));
        control::ControlMessage message;
        message.mutable_register_()->set_request_id(5);
        message.mutable_register_()->set_kind("http");
        link.peer->send_control(message);
        const Deadline deadline = in(patience);
        while (!link.peer->next_control(deadline).has_registered()) {
        }
      });
  suite.add(
      {"mux/flow/stalled-agent", Level::must, "an upload that the agent does not take stops no other visitor", where},
      [](ServerTarget& target) {
        AgentLink link(target);
        link.peer->habits.credit_streams = false;
        const std::string up = pattern(1'000'000, 8);
        Http slow = target.visit();
        Aside sender([&] { slow.send(request("POST", "/slow", target.host_of(link.name), {}, up), in(20s)); });
        const AgentLink::Asked asked = link.take_request();
        std::string got = asked.text.substr(asked.text.find("\r\n\r\n") + 4);
        link.peer->settle(500ms);
        link.expect_works();
        // With credit the upload completes.
        link.peer->habits.credit_streams = true;
        link.peer->credit_stream(asked.stream, 262144);
        got += link.peer->take_bytes(asked.stream, up.size() - got.size(), in(10s));
        sender.join();
        expect(got == up, "another body reached the agent");
      });
  suite.add({"mux/flow/resumes", Level::must, "a stalled visitor who reads again gets every byte", where},
            [](ServerTarget& target) {
              AgentLink link(target);
              const std::string body = pattern(3'000'000, 9);
              Http visitor = target.visit();
              visitor.socket().small_receive_buffer();
              visitor.send(request("GET", "/", target.host_of(link.name)));
              const AgentLink::Asked asked = link.take_request();
              std::string got;
              Aside reader([&] {
                std::this_thread::sleep_for(700ms);
                got = visitor.read_answer("GET", in(15s)).body;
              });
              link.peer->send_data(asked.stream, answer(200, body), false, in(15s));
              reader.join();
              expect(got == body, "another body came");
            });
  suite.add(
      {"mux/flow/fair", Level::must, "a visitor's request arrives within 2 s beside an upload of bulk", where},
      [](ServerTarget& target) {
        AgentLink link(target);
        Http bulk = target.visit();
        std::atomic<bool> stop{false};
        Aside sender([&] {
          bulk.send("POST / HTTP/1.1\r\nHost: " + target.host_of(link.name) + "\r\nContent-Length: 1000000000\r\n\r\n");
          const std::string block(65536, 'b');
          while (!stop) bulk.socket().write_some(block, in(50ms));
        });
        const AgentLink::Asked first = link.take_request();
        link.peer->settle(300ms);
        Http small = link.visit("/small");
        const Deadline deadline = in(2s);
        std::string problem;
        try {
          const AgentLink::Asked asked = link.take_request(deadline);
          link.peer->send_data(asked.stream, answer(200, "small"));
          REQUIRE(small.read_answer().body == "small");
        } catch (const Failure& failure) {
          problem = failure.what();
        }
        stop = true;
        sender.join();
        expect(problem.empty(), problem);
        REQUIRE(first.stream != 0);
      });
}

void credit_of_resets(ServerSuite& suite) {
  suite.add({"mux/flow/after-resets", Level::must, "bytes of streams that were reset give their connection credit back",
             where},
            [](ServerTarget& target) {
              AgentLink link(target);
              link.peer->ping();
              const std::int64_t whole = link.peer->connection_send_window();
              const std::string bulk(250'000, 'r');  // 40 MB in all: more than a window that leaks can carry
              for (int i = 0; i < 160; ++i) {
                Http visitor = link.visit();
                const AgentLink::Asked asked = link.take_request();
                link.peer->send_data(asked.stream, endless_head);
                visitor.read_head();
                visitor.socket().reset();
                // Does not read meanwhile: most of these bytes cross the RST_STREAM on its way.
                link.peer->send_what_fits(asked.stream, bulk);
                link.peer->settle(1ms);
              }
              link.peer->wait_until([&] { return link.peer->connection_send_window() > whole / 4; },
                                    "the connection's window");
              link.expect_works();
            });
  suite.add({"mux/flow/own-resets", Level::must, "... and so do those of streams that the agent reset", where},
            [](ServerTarget& target) {
              AgentLink link(target);
              link.peer->ping();
              const std::int64_t whole = link.peer->connection_send_window();
              for (int i = 0; i < 160; ++i) {
                Http visitor = link.visit();
                const AgentLink::Asked asked = link.take_request();
                link.peer->send_data(asked.stream, endless_head);
                link.peer->send_what_fits(asked.stream, std::string(250'000, 'r'));
                link.peer->reset(asked.stream, h2_error::connect_error);
              }
              link.peer->wait_until([&] { return link.peer->connection_send_window() > whole / 4; },
                                    "the connection's window");
              link.expect_works();
            });
}

void windows(ServerSuite& suite) {
  suite.add({"mux/flow/small-window", Level::must, "a window of 1,000 bytes is never overrun", where},
            [](ServerTarget& target) {
              AgentLink link(target, {.settings = {{setting::max_concurrent_streams, 1001},
                                                   {setting::initial_window_size, 1000}}});
              link.peer->wait_until([&] { return link.peer->settings_acked(); }, "the SETTINGS' acknowledgement");
              Http visitor = target.visit();
              const std::string up = pattern(30'000, 10);
              Aside sender([&] { visitor.send(request("POST", "/", target.host_of(link.name), {}, up)); });
              const AgentLink::Asked asked = link.take_request();
              std::string got = asked.text.substr(asked.text.find("\r\n\r\n") + 4);
              got += link.peer->take_bytes(asked.stream, up.size() - got.size());
              sender.join();
              expect(got == up, "another body reached the agent");
            });
  suite.add(
      {"mux/flow/zero-window", Level::must, "a window of 0 gets no byte, and all of them once it is raised", where},
      [](ServerTarget& target) {
        AgentLink link(target,
                       {.settings = {{setting::max_concurrent_streams, 1001}, {setting::initial_window_size, 0}}});
        link.peer->wait_until([&] { return link.peer->settings_acked(); }, "the SETTINGS' acknowledgement");
        Http visitor = link.visit("/zero");
        const std::uint32_t id = link.peer->next_stream();
        link.peer->settle(300ms);  // a byte now would overrun the window, and fail the case
        link.peer->credit_stream(id, 65535);
        expect(link.take_request().text.starts_with("GET /zero "), "another request");
      });
  suite.add({"mux/flow/credit-by-1", Level::must, "credit of one byte at a time moves one byte at a time", where},
            [](ServerTarget& target) {
              AgentLink link(
                  target, {.settings = {{setting::max_concurrent_streams, 1001}, {setting::initial_window_size, 0}}});
              link.peer->wait_until([&] { return link.peer->settings_acked(); }, "the SETTINGS' acknowledgement");
              link.peer->habits.credit_streams = false;
              Http visitor = link.visit("/");
              const std::uint32_t id = link.peer->next_stream();
              for (std::size_t i = 1; i <= 20; ++i) {
                link.peer->credit_stream(id, 1);
                link.peer->wait_until([&] { return link.peer->stream(id).received == i; }, "one byte more");
              }
            });
  suite.add({"mux/flow/window-moves", Level::must,
             "SETTINGS that lower and raise INITIAL_WINDOW_SIZE move open streams' windows", where},
            [](ServerTarget& target) {
              AgentLink link(target);
              link.peer->habits.credit_streams = false;
              Http visitor = target.visit();
              std::atomic<bool> stop{false};
              Aside sender([&] {
                visitor.send("POST / HTTP/1.1\r\nHost: " + target.host_of(link.name) +
                             "\r\nContent-Length: 1000000000\r\n\r\n");
                while (!stop) visitor.socket().write_some(std::string(65536, 'b'), in(50ms));
              });
              const AgentLink::Asked asked = link.take_request();
              const auto received = [&] { return link.peer->stream(asked.stream).received; };
              std::string problem;
              try {
                link.peer->wait_until([&] { return received() == 262144; }, "the whole first window");
                // RFC 9113 6.9.2: the change moves the stream's window below zero; credit up to zero moves nothing.
                link.peer->send(settings_frame({{setting::initial_window_size, 162144}}));
                link.peer->ping();
                link.peer->send(window_frame(asked.stream, 100'000));
                link.peer->settle(300ms);
                REQUIRE(received() == 262144);
                link.peer->stream(asked.stream).receive_window = 5000;
                link.peer->send(window_frame(asked.stream, 5000));
                link.peer->wait_until([&] { return received() == 267144; }, "5,000 bytes more");
              } catch (const Failure& failure) {
                problem = failure.what();
              }
              stop = true;
              sender.join();
              expect(problem.empty(), problem);
            });
  suite.add({"mux/flow/connection-window", Level::must, "the connection's window is kept over all streams", where},
            [](ServerTarget& target) {
              AgentLink link(target);
              link.peer->habits.credit_connection = false;  // 16 MiB in all: an overrun fails the case
              std::vector<Http> visitors;
              std::atomic<bool> stop{false};
              std::vector<std::unique_ptr<Aside>> senders;
              for (int i = 0; i < 3; ++i) visitors.push_back(target.visit());
              for (Http& visitor : visitors) {
                senders.push_back(std::make_unique<Aside>([&] {
                  visitor.send("POST / HTTP/1.1\r\nHost: " + target.host_of(link.name) +
                               "\r\nContent-Length: 1000000000\r\n\r\n");
                  while (!stop) visitor.socket().write_some(std::string(65536, 'b'), in(50ms));
                }));
              }
              const bool full = link.peer->comes_true(
                  [&] {
                    std::uint64_t all = 0;
                    for (const std::uint32_t id : link.peer->visitors()) {
                      all += link.peer->stream(id).received;
                      link.peer->stream(id).data.clear();
                    }
                    return all > 16'500'000;
                  },
                  10s);
              link.peer->settle(300ms);
              stop = true;
              for (auto& each : senders) each->join();
              expect(full, "the window of 16 MiB was never used");
            });
}

}  // namespace

void add_mux_flow(ServerSuite& suite) {
  stalls(suite);
  credit_of_resets(suite);
  windows(suite);
}

}  // namespace tenfold::conformance
