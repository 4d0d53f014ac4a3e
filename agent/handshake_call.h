// HandshakeCall: one handshake with the broker, from the dial to what its answer means.
//
//   call_ = std::make_unique<HandshakeCall>(runtime, network, to, request, require, owner);
//   on_handshake_done(*call_, outcome) -> bury it
#pragma once

#include <memory>
#include <vector>

#include "agent/handshake_text.h"
#include "agent/network.h"
#include "base/runtime.h"
#include "duplex.h"
#include "mux/handshake.h"

namespace tenfold {

struct HandshakeOutcome {
  handshake::Next next = handshake::Next::broken;
  Error why;                        // broken: of what; ask_classic: of silence
  HandshakeAnswer answer;           // where there was one
  std::unique_ptr<Duplex> pipe;     // link: what it goes over
  std::vector<std::uint8_t> early;  // link: behind the 101, not credited
  std::string peer_ip;              // the broker's
};

class HandshakeCall final : private Duplex::Handler {
 public:
  class Owner {
   public:
    // The last event.
    virtual void on_handshake_done(HandshakeCall& call, HandshakeOutcome outcome) = 0;

   protected:
    ~Owner() = default;
  };

  // `to.deadline` is for everything, the answer included; an Upgrade without a byte of answer is given up after
  // limits::upgrade_answer_time. `require`: nothing but a link will do.
  HandshakeCall(Runtime& runtime, Network& network, const DialTo& to, const HandshakeRequest& request, bool require,
                Owner& owner);

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
  const std::string request_;  // as bytes
  const bool upgrade_;         // whether it asks for a link
  const bool require_;
  AnswerReader reader_;
  HandshakeOutcome outcome_;
  std::unique_ptr<Dialing> dialing_;
  std::unique_ptr<Duplex> pipe_;
  bool done_ = false;
  MemberTimer<HandshakeCall, &HandshakeCall::on_deadline> deadline_{*this};
  MemberTimer<HandshakeCall, &HandshakeCall::on_silence> silence_{*this};  // from the Upgrade to the first byte
};

}  // namespace tenfold
