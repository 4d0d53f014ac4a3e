// ServerConnection: one connection that serves HTTP/1.1: turns the bytes of a Duplex into requests, one after the
// other, and their answers into bytes. Keep-alive, pipelining, HTTP/1.0, chunks in both directions, 1xx, HEAD,
// upgrades, and a close that does not destroy the last answer.
//
//   ServerConnection connection(shared, patience, owner, std::move(socket));
//   connection.start();
//   on_request(stream) -> stream.answer(…) …          // see http/server_stream.h
//   on_fault(stream, fault) -> stream.answer(…) …     // cannot be served; the connection closes after the answer
//   on_connection_closed(connection, gone)            // bury it
//
//             .------------------------------------.
//             v                                    |  end(), the request whole, kept
//           idle --a byte--> reading --a head--> serving --upgrade()--> over
//             |                 |                  |  |
//             |   FIN, timeout  |        end(), not kept  '--abort()--> cutting --its queue is empty--> over
//             '-----------------+------------------v
//                                              lingering --FIN, quiet, time--> over
//
// Waits, by `patience`: between requests and for a head, for the visitor; during a body, for a visitor that has to send
// more of it and is not held back; during an answer, for a visitor that reads nothing of it, or has sent FIN and may
// have left. The handler has its own deadlines.
//
// server_connection.cc has the input, server_connection_answer.cc the output and the end.
//
// Owned by the code that accepted the connection; on the loop's thread. Pure: sees a Duplex and timers. Source: RFC
// 9112.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/runtime.h"
#include "duplex.h"
#include "http/patience.h"
#include "http/server_stream.h"
#include "http1/answer_head.h"
#include "http1/body_framing.h"
#include "http1/head_buffers.h"
#include "http1/head_reader.h"

namespace tenfold::http1 {

// Shared by all connections of a server; outlives them.
struct ServerShared {
  Runtime& runtime;
  HeadBuffers head_buffers{};
  std::string head{};  // scratch for a head to a visitor
};

class ServerConnection final : private http::ServerStream, private Duplex::Handler, private Timer {
 public:
  class Owner {
   public:
    // May be answered inside the call or later, until the stream's last call or event.
    virtual void on_request(http::ServerStream& stream) = 0;
    // Like on_request(), for a request that cannot be served. `head()` is the part that could be read. `limit`: the
    // wait that expired, for a 408. Comes after a stream's on_gone() if nothing of its answer was sent.
    virtual void on_fault(http::ServerStream& stream, const http::Fault& fault, http::Limit limit) = 0;
    // After announce_drain(): an answer that had begun before is complete, and the connection is idle().
    virtual void on_idle_in_drain(ServerConnection& /*connection*/) {}
    // The last event, possibly from inside a call of the stream: bury the connection. `gone.limit`: the wait that
    // expired after an answer's end.
    virtual void on_connection_closed(ServerConnection& connection, const http::Gone& gone) = 0;

   protected:
    ~Owner() = default;
  };

  // `shared`, `patience` and `owner` outlive it.
  ServerConnection(ServerShared& shared, const http::Patience& patience, Owner& owner,
                   std::unique_ptr<Duplex> connection);
  ~ServerConnection();

  void start();

  // The next answer that begins says `Connection: close`, and the connection closes behind it. An idle one waits for
  // its visitor's next request: a FIN now could cross with it.
  void announce_drain();
  // Finishes the current request, then closes. Between two requests: once limits::keep_alive_grace has passed since the
  // last answer, which promised that the connection stays.
  void drain();
  // Between two requests, and nothing of the next one has come.
  bool idle() const { return state_ == State::idle && held_.empty(); }

  // The drain time is over: a running request is refused with `fault`, or cut if its answer has begun.
  void end_now(const http::Fault& fault);

 private:
  enum class State : std::uint8_t {
    idle,       // between requests
    reading,    // part of a head has arrived
    serving,    // a request runs
    lingering,  // the last answer is complete; input is discarded, so that an RST does not destroy that answer
    cutting,    // the answer was cut: its queued bytes are sent, then the connection is reset
    over,       // closed, or upgraded
  };

  // What the timer of a running request waits for.
  enum class Awaited : std::uint8_t {
    nobody,
    sender,  // has to send more of the request
    reader,  // has not read what is queued
    leaver,  // has sent FIN after the request
  };

  // Duplex::Handler
  void on_data(Bytes bytes) override;
  void on_end() override;
  void on_sent(std::size_t n) override;
  void on_closed(const Error& why) override;

  // http::ServerStream
  const http::RequestHead& head() const override;
  http::BodySize body() const override { return body_size_; }
  void set_handler(http::ServerStream::Handler* handler) override { handler_ = handler; }
  void read_body() override;
  void credit(std::size_t n) override;
  void interim(const http::ResponseHead& head) override;
  void answer(const http::ResponseHead& head, http::BodySize size) override;
  bool answered() const override { return answered_; }
  std::size_t write(Bytes bytes) override;
  void end(const http::Fields& trailers) override;
  void abort() override;
  void reset() override { cut({}); }
  http::Upgraded upgrade(const http::ResponseHead& head) override;

  void on_timer() override;
  void go_on();

  std::size_t process(Bytes bytes);
  std::size_t read_head(Bytes bytes);
  std::size_t read_request_body(Bytes bytes);
  void on_head();
  void refuse(const http::Fault& fault, http::Limit limit = http::Limit::none);
  void fail_request(const Error& why, http::Limit limit);
  void release_body();
  void settle_held();
  std::size_t settle_answer();
  Awaited awaited_now() const;
  void await_visitor(Awaited moved = Awaited::nobody);
  void on_waited_enough();
  http::Limit body_limit() const;
  void stop_reading();
  void linger();
  void arm_linger();
  void cut(const http::Gone& gone);
  void report_closed(const http::Gone& gone);

  // State that few connections need.
  struct Rare {
    http::RequestHead seen;  // the readable part of a head at fault
    std::string target;      // an origin that is not a part of the received target
  };
  Rare& rare();

  ServerShared& shared_;
  Runtime& runtime_;
  const http::Patience& patience_;
  Owner& owner_;
  std::unique_ptr<Duplex> connection_;
  http::ServerStream::Handler* handler_ = nullptr;  // the answering side
  HeadReader reader_{HeadReader::Kind::request, &shared_.head_buffers};
  BodyReader body_;
  http::BodySize body_size_;
  ByteQueue held_;                 // not processed yet: pipelined requests, a body that is not being read; not credited
  Bytes rest_;                     // during an event: the bytes behind what it reports
  std::size_t body_held_ = 0;      // bytes of on_body() that are not credited
  std::size_t answer_unsent_ = 0;  // bytes of write() not reported as sent
  std::unique_ptr<Rare> rare_;
  TimePoint linger_until_{};  // when lingering
  TimePoint idle_since_{};    // the end of the last answer that kept the connection; none yet: zero
  State state_ = State::idle;
  Awaited awaited_ = Awaited::nobody;
  AnswerForm::Body answer_body_ = AnswerForm::Body::none;
  bool processing_ = false;        // process() is on the stack
  bool body_wanted_ = false;       // read_body() was called
  bool continue_awaited_ = false;  // the visitor waits for a 1xx before it sends the body: RFC 9110 10.1.1
  bool request_whole_ = false;     // the request was read completely
  bool answered_ = false;          // a final head was sent: failures are cuts from here on
  bool refused_ = false;           // the connection closes after this answer
  bool ended_ = false;             // the visitor's FIN was received
  bool draining_ = false;          // accepts no further request
  bool keep_ = false;              // the connection may serve another request
  MemberTimer<ServerConnection, &ServerConnection::go_on> go_on_{*this};  // held bytes can be processed now
};

}  // namespace tenfold::http1
