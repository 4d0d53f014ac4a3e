// Control messages as bytes: a varint length, then a ControlMessage of so many bytes.
//
//   writer: out += encode_control(message)
//   reader: ControlReader reader;
//           reader.feed(bytes, [&](const control::ControlMessage& m) { …; return true; });
//
// `each` says whether to go on: after a false the reader takes nothing more, for its caller has ended the link.
// A message longer than limits::control_message_bytes, a length that is not a varint of at most
// 5 bytes, or bytes that are no ControlMessage are a protocol error. A message
// whose kind is unknown reaches the reader's caller as KIND_NOT_SET: skip it. Pure.
#pragma once

#include <functional>
#include <string>

#include "base/bytes.h"
#include "base/error.h"
#include "proto/control.pb.h"

namespace tenfold {

std::string encode_control(const control::ControlMessage& message);

class ControlReader {
 public:
  // Calls `each` for every whole message, until it says false; what is unfinished is kept. Returns an error of kind
  // protocol or limit, and takes nothing more after one.
  Error feed(Bytes bytes, const std::function<bool(const control::ControlMessage&)>& each);

  // Whether the stream may end here: no message is cut.
  bool at_boundary() const { return held_.empty(); }

 private:
  std::string held_;  // a message not yet whole, its length included
  Error failed_;
  bool stopped_ = false;  // `each` said so
};

}  // namespace tenfold
