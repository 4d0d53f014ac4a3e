// HostRewriter: the visitors' bytes on one pipe as a row of HTTP/1.1 requests, each of which it tells of and whose
// Host it replaces, all others byte for byte. `lt` replaces the first Host on each socket only; a pipe carries many
// requests.
//
//   while (!in.empty()) {
//     const HostRewriter::Step step = rewriter.next(in);
//     if (step.taken == 0) break;             // failed(), or it waits for the app's answer
//     forward(step.out);                      // a view into `in` or into the rewriter, until the next call
//     in = in.subspan(step.taken);
//   }
//   rewriter.on_answer(bytes);                // what the app says, while watches_answer()
//
// A request that asks for another protocol (Upgrade, CONNECT) is where the row may end: what is behind it waits
// until the app has answered, and goes on untouched after a 101 (or a 2xx to CONNECT), as requests after
// anything else. This supposes that the server sends such a request when all answers to former ones are in, as
// every proxy does that keeps upstream connections.
//
// Pure; holds one head at most.
#pragma once

#include <functional>
#include <string>

#include "base/bytes.h"
#include "http1/body_framing.h"
#include "http1/head_reader.h"

namespace tenfold {

class HostRewriter {
 public:
  using OnRequest = std::function<void(const http1::RequestHead&)>;

  // `host`: the new Host; empty: the heads stay as they are. `on_request` may be empty.
  HostRewriter(std::string host, OnRequest on_request);

  struct Step {
    std::size_t taken = 0;  // bytes of `in` used up
    Bytes out;              // to pass on
  };
  Step next(Bytes in);

  bool failed() const { return state_ == State::failed; }
  const http1::Fault& fault() const { return fault_; }

  // Whether on_answer() has something to find out.
  bool watches_answer() const { return asked_ != Asked::nothing; }
  void on_answer(Bytes bytes);

 private:
  //   head <-> body -> head     a request after the other
  //   body -> waiting           it asked for another protocol; on_answer() leads to raw or head
  enum class State { head, body, waiting, raw, failed };
  // What the last request asked for and the app has not decided yet.
  enum class Asked { nothing, upgrade, connect };

  Step on_head(Bytes in, std::size_t taken);
  void on_message_end();
  void on_verdict(bool other_protocol);
  void write_head(const http1::RequestHead& head);

  const std::string host_;
  const OnRequest on_request_;
  State state_ = State::head;
  Asked asked_ = Asked::nothing;
  http1::HeadBuffers buffers_;
  http1::HeadReader reader_{http1::HeadReader::Kind::forwarded, &buffers_};
  http1::HeadReader answer_{http1::HeadReader::Kind::response, &buffers_};
  http1::BodyReader body_;
  http1::Fault fault_;
  std::string head_;  // the rewritten head
};

}  // namespace tenfold
