// The waits of LinkPeer: the only place that reads from the link.
#include <algorithm>

#include "conformance/wire/link_peer.h"

namespace tenfold::conformance {

bool LinkPeer::read_more(Deadline deadline) {
  std::string some;
  try {
    some = transport_.socket().read(deadline);
  } catch (const Lost&) {
    ended_ = true;
    return false;
  }
  if (some.empty()) {
    ended_ = true;
    return false;
  }
  input_ += some;
  return true;
}

bool LinkPeer::comes_true(const std::function<bool()>& holds, Millis within) {
  const Deadline deadline = in(within);
  for (;;) {
    if (!preface_seen_ && input_.size() >= preface.size()) {
      if (!input_.starts_with(preface)) fail("the link does not begin with the HTTP/2 preface");
      input_.erase(0, preface.size());
      preface_seen_ = true;
    }
    std::size_t at = 0;
    while (preface_seen_ && input_.size() - at >= frame_head_bytes) {
      const std::string_view head = std::string_view(input_).substr(at, frame_head_bytes);
      const std::size_t size = read_u32(std::string(1, '\0') + std::string(head.substr(0, 3)));
      if (size > max_frame_payload)
        fail("a frame of " + std::to_string(size) + " bytes, above SETTINGS_MAX_FRAME_SIZE");
      if (input_.size() - at < frame_head_bytes + size) break;
      const Frame frame{static_cast<FrameType>(head[3]), static_cast<std::uint8_t>(head[4]),
                        read_u32(head.substr(5)) & 0x7fffffff, input_.substr(at + frame_head_bytes, size)};
      at += frame_head_bytes + size;
      try {
        take(frame);
      } catch (const Lost&) {
        // The connection broke while we answered a frame. Bytes that the peer sent before can still be read.
      }
    }
    input_.erase(0, at);
    if (holds()) return true;
    if (ended_ || Clock::now() >= deadline) return false;
    try {
      read_more(deadline);
    } catch (const Timeout&) {
      return holds();
    }
  }
}

void LinkPeer::wait_until(const std::function<bool()>& holds, const std::string& what, Deadline deadline) {
  if (comes_true(holds, left(deadline))) return;
  if (goaway_ && goaway_->code != h2_error::no_error) {
    fail("the target sent GOAWAY with code " + std::to_string(goaway_->code) + " instead of " + what);
  }
  if (ended_) throw Lost("the link ended instead of " + what);
  throw Timeout("did not come in time: " + what);
}

control::ControlMessage LinkPeer::next_control(Deadline deadline) {
  wait_until([&] { return !controls_.empty(); }, "a control message", deadline);
  control::ControlMessage message = std::move(controls_.front());
  controls_.pop_front();
  return message;
}

std::uint32_t LinkPeer::wait_for_failure(Deadline deadline) {
  const auto failed = [&] { return ended_ || (goaway_ && goaway_->code != h2_error::no_error); };
  if (!comes_true(failed, left(deadline))) {
    if (!failed()) throw Timeout("the link went on as if nothing had happened");
  }
  return goaway_ ? goaway_->code : h2_error::no_error;
}

std::string LinkPeer::take_data(std::uint32_t id, std::string_view text, Deadline deadline) {
  wait_until([&] { return streams_[id].data.find(text) != std::string::npos; },
             "'" + std::string(text) + "' on stream " + std::to_string(id), deadline);
  return std::exchange(streams_[id].data, {});
}

std::string LinkPeer::take_bytes(std::uint32_t id, std::size_t size, Deadline deadline) {
  wait_until([&] { return streams_[id].data.size() >= size; },
             std::to_string(size) + " bytes on stream " + std::to_string(id), deadline);
  std::string out = streams_[id].data.substr(0, size);
  streams_[id].data.erase(0, size);
  return out;
}

std::uint32_t LinkPeer::next_stream(Deadline deadline) {
  wait_until([&] { return !fresh_.empty(); }, "a new stream", deadline);
  const std::uint32_t id = fresh_.front();
  fresh_.pop_front();
  return id;
}

void LinkPeer::ping(Deadline deadline) {
  const std::size_t before = pongs_;
  send({FrameType::ping, 0, 0, "conform!"});
  wait_until([&] { return pongs_ > before; }, "the answer to a PING", deadline);
}

std::size_t LinkPeer::running() const {
  return static_cast<std::size_t>(std::count_if(opened_.begin(), opened_.end(),
                                                [&](std::uint32_t id) { return id != 1 && !streams_.at(id).over(); }));
}

std::uint32_t LinkPeer::peer_setting(std::uint16_t id, std::uint32_t otherwise) const {
  const auto it = settings_.find(id);
  return it == settings_.end() ? otherwise : it->second;
}

}  // namespace tenfold::conformance
