// HandshakeCall: one handshake request on one connection, from the dial to the meaning of its answer. HandshakeRound
// decides which requests are made.
//
//   call_ = std::make_unique<HandshakeCall>(runtime, network, to, request, owner);
//   on_handshake_silent(*call_)          // no byte for a while; the call continues
//   on_handshake_done(*call_, outcome)   // the last event: bury it
#pragma once

#include <memory>
#include <vector>

#include "agent/links/handshake_text.h"
#include "agent/rules.h"
#include "agent/targets/network.h"
#include "base/runtime.h"
#include "duplex.h"
#include "mux/handshake.h"

namespace tenfold {

struct HandshakeOutcome {
  handshake::Next next = handshake::Next::broken;
  Error why;                        // for broken and ask_offer: the reason
  bool unanswered = false;          // an Upgrade was sent and no broker answered: it may have been granted
  HandshakeAnswer answer;           // if there was one
  std::unique_ptr<Duplex> pipe;     // link: its transport
  std::vector<std::uint8_t> early;  // link: bytes after the 101, not credited
  std::string peer_ip;              // the broker's
};

class HandshakeCall final : private Duplex::Handler {
 public:
  class Owner {
   public:
    // The request was sent rules::second_question_after ago, and no byte has come. At most once.
    virtual void on_handshake_silent(HandshakeCall& call) = 0;
    virtual void on_handshake_done(HandshakeCall& call, HandshakeOutcome outcome) = 0;

   protected:
    ~Owner() = default;
  };

  // `to.deadline` is for the whole call, including the answer.
  HandshakeCall(Runtime& runtime, Network& network, const DialTo& to, const HandshakeRequest& request, Owner& owner);

  // When the request was sent; `never` before that.
  TimePoint asked_at() const { return asked_at_; }
  // Whether a byte of the answer has come.
  bool answering() const { return answering_; }

 private:
  void on_dialed(Result<Dialed> dialed);
  void on_data(Bytes bytes) override;
  void on_end() override;
  void on_sent(std::size_t) override {}
  void on_closed(const Error& why) override;
  void on_deadline();
  void on_silence();

  void look(Bytes early);
  void finish();

  Runtime& runtime_;
  Owner& owner_;
  const std::string request_;  // encoded
  const handshake::Question question_;
  AnswerReader reader_;
  HandshakeOutcome outcome_;
  std::unique_ptr<Dialing> dialing_;
  std::unique_ptr<Duplex> pipe_;
  TimePoint asked_at_ = never;
  bool answering_ = false;
  bool done_ = false;
  MemberTimer<HandshakeCall, &HandshakeCall::on_deadline> deadline_{*this};
  MemberTimer<HandshakeCall, &HandshakeCall::on_silence> silence_{*this};
};

}  // namespace tenfold
