// ServerConnection: one connection on which HTTP/1.1 is served: from the bytes of a Duplex to requests, one after the
// other, and from their answers to bytes. Keep-alive, pipelining, HTTP/1.0, chunks both ways, 1xx, HEAD, upgrades, and
// an end that does not eat the last answer.
//
//   ServerConnection connection(shared, patience, owner, std::move(socket));
//   connection.start();
//   on_request(stream) -> stream.answer(…) …          // see http/server_stream.h
//   on_fault(stream, fault) -> stream.answer(…) …     // no request that can be served; the connection closes behind it
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
// Whom it waits for, by `patience`: between requests and for a head, the visitor; for a body, a visitor who owes a part
// of it and is not held back; for an answer, a visitor who takes nothing of it, or has sent FIN and may have left. Whom
// the answerer waits for is the answerer's affair.
//
// server_connection.cc has the way in, server_connection_answer.cc the way out and the end.
//
// Owned by whoever accepted the connection; on the loop's thread. Pure: sees a Duplex and timers. Source: RFC 9112.
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

// What all connections of a server share; outlives them.
struct ServerShared {
  Runtime& runtime;
  HeadBuffers head_buffers{};
  std::string head{};  // scratch, for one on its way to a visitor
};

class ServerConnection final : private http::ServerStream, private Duplex::Handler, private Timer {
 public:
  class Owner {
   public:
    // Inside the call, or later, until the stream's last call or event, it may be answered.
    virtual void on_request(http::ServerStream& stream) = 0;
    // The same for what is no request that can be served. `head()` is what could be read of it. `limit`: the wait that
    // ran out, of a 408. Behind a stream's on_gone(), when nothing of its answer was sent.
    virtual void on_fault(http::ServerStream& stream, const http::Fault& fault, http::Limit limit) = 0;
    // The last event, perhaps from inside a call of the stream's: bury the connection. `gone.limit`: the wait that ran
    // out after an answer's end.
    virtual void on_connection_closed(ServerConnection& connection, const http::Gone& gone) = 0;

   protected:
    ~Owner() = default;
  };

  // `shared`, `patience` and `owner` outlive it.
  ServerConnection(ServerShared& shared, const http::Patience& patience, Owner& owner,
                   std::unique_ptr<Duplex> connection);
  ~ServerConnection();

  void start();

  // Finishes the request that runs or is on its way, then closes; at once when none does.
  void drain();

  // The time for that is over: a request that runs is refused with `fault`, or cut when its answer has begun.
  void end_now(const http::Fault& fault);

 private:
  enum class State : std::uint8_t {
    idle,       // between requests
    reading,    // part of a head is here
    serving,    // a request runs
    lingering,  // the last answer is said; what still comes is thrown away, so that an RST does not eat that answer
    cutting,    // the answer broke off: what came of it goes, then the connection is reset
    over,       // closed, or upgraded
  };

  // Whom the timer of a running request counts for.
  enum class Awaited : std::uint8_t {
    nobody,
    sender,  // owes a part of the request
    reader,  // has not taken what is written to him
    leaver,  // has sent FIN behind his request
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

  // What few connections need.
  struct Rare {
    http::RequestHead seen;  // what could be read of a head at fault
    std::string target;      // an origin that is no part of the target as it came
  };
  Rare& rare();

  ServerShared& shared_;
  Runtime& runtime_;
  const http::Patience& patience_;
  Owner& owner_;
  std::unique_ptr<Duplex> connection_;
  http::ServerStream::Handler* handler_ = nullptr;  // who answers
  HeadReader reader_{HeadReader::Kind::request, &shared_.head_buffers};
  BodyReader body_;
  http::BodySize body_size_;
  ByteQueue held_;                 // not looked at yet: pipelined requests, a body that nobody reads yet; not credited
  Bytes rest_;                     // while an event is told of what was read: what came behind that
  std::size_t body_held_ = 0;      // bytes of on_body() that were not credited
  std::size_t answer_unsent_ = 0;  // bytes of write() not reported as gone
  std::unique_ptr<Rare> rare_;
  TimePoint linger_until_{};  // when lingering
  State state_ = State::idle;
  Awaited awaited_ = Awaited::nobody;
  AnswerForm::Body answer_body_ = AnswerForm::Body::none;
  bool processing_ = false;        // process() is on the stack
  bool body_wanted_ = false;       // read_body() was called
  bool continue_awaited_ = false;  // the visitor waits for a word before he sends the body: RFC 9110 10.1.1
  bool request_whole_ = false;     // all of the request was read
  bool answered_ = false;          // a final head went out: failures are cuts from here
  bool refused_ = false;           // the connection ends behind this answer
  bool ended_ = false;             // the visitor's FIN was heard
  bool draining_ = false;          // no further request
  bool keep_ = false;              // the connection may serve another request
  MemberTimer<ServerConnection, &ServerConnection::go_on> go_on_{*this};  // held bytes can be used now
};

}  // namespace tenfold::http1
