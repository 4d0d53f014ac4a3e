// LinkPeer: one end of tenfold/1, played by a case. Its habits decide what it does automatically (acknowledge SETTINGS,
// answer PING, return credit); the case sends anything else, valid or not. Faults of the target that are wrong in every
// case fail the case at once: a window overrun, a reused stream id, a frame too large.
//
//   LinkPeer link(std::move(http), LinkPeer::Role::agent);
//   link.start();
//   link.wait_until([&] { return link.stream(1).has_head; }, "the control stream");
//
// It reads only inside its wait_…() calls, on the case's thread.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <optional>

#include "conformance/wire/frame.h"
#include "proto/control.pb.h"

namespace tenfold::conformance {

class LinkPeer {
 public:
  enum class Role { broker, agent };

  struct Habits {
    bool ack_settings = true;
    bool answer_pings = true;
    bool credit_connection = true;
    bool credit_streams = true;
  };

  struct Stream {
    bool opened = false;  // by the broker, on either side
    FieldList head;       // of the request, or of the answer
    bool has_head = false;
    bool ended = false;                  // the target's END_STREAM came
    std::optional<std::uint32_t> reset;  // the target's RST_STREAM and its code
    std::string data;                    // received and not taken yet
    std::uint64_t received = 0;          // in total
    std::int64_t send_window = 0;        // the target's, for us
    std::int64_t receive_window = 0;     // ours, for the target

    std::string field(std::string_view name) const;
    bool over() const { return ended || reset.has_value(); }
  };

  struct GoAway {
    std::uint32_t last = 0;
    std::uint32_t code = 0;
  };

  LinkPeer(Http transport, Role role);

  // The preface (broker only), SETTINGS and a connection window of 16 MiB.
  void start(const SettingList& settings = usual_settings());
  static SettingList usual_settings() {
    return {{setting::max_concurrent_streams, 1001}, {setting::initial_window_size, 262144}};
  }

  // ---- Sending.
  void send(const Frame& frame) { transport_.send(to_wire(frame)); }
  void send_raw(std::string_view bytes, Deadline deadline = in(patience)) { transport_.send(bytes, deadline); }
  void send_head(std::uint32_t id, const FieldList& fields, bool end = false);
  // Within the target's windows; waits for credit until the deadline.
  void send_data(std::uint32_t id, std::string_view bytes, bool end = false, Deadline deadline = in(patience));
  // Sends as many bytes as the windows allow now; returns how many.
  std::size_t send_what_fits(std::uint32_t id, std::string_view bytes);
  void reset(std::uint32_t id, std::uint32_t code) { send(reset_frame(id, code)); }
  void send_control(const control::ControlMessage& message);
  // Broker only: a new stream to NAME; returns its id.
  std::uint32_t open(const std::string& authority, const FieldList& more = {});
  void credit_stream(std::uint32_t id, std::uint32_t bytes);

  // ---- Waiting. The reading happens here; `what` names what was missed.
  void wait_until(const std::function<bool()>& holds, const std::string& what, Deadline deadline = in(patience));
  bool comes_true(const std::function<bool()>& holds, Millis within);
  void settle(Millis time) {
    comes_true([] { return false; }, time);
  }
  // The next message on the control stream.
  control::ControlMessage next_control(Deadline deadline = in(patience));
  // Waits for the connection's end, or a GOAWAY with any code but NO_ERROR; returns that code.
  std::uint32_t wait_for_failure(Deadline deadline = in(patience));
  // Waits until the stream's data holds `text`, or this many bytes; returns and removes all of it.
  std::string take_data(std::uint32_t id, std::string_view text, Deadline deadline = in(patience));
  std::string take_bytes(std::uint32_t id, std::size_t size, Deadline deadline = in(patience));
  // Agent only: the id of the next stream that the broker opened, without the control stream.
  std::uint32_t next_stream(Deadline deadline = in(patience));
  // A round trip: the target has processed everything that was sent before.
  void ping(Deadline deadline = in(patience));

  // ---- What was seen.
  Stream& stream(std::uint32_t id) { return streams_[id]; }
  bool has_stream(std::uint32_t id) const {
    const auto it = streams_.find(id);
    return it != streams_.end() && it->second.opened;
  }
  // The streams that the broker opened, without the control stream. Ids may have gaps.
  const std::vector<std::uint32_t>& visitors() const { return visitors_; }
  std::size_t streams_seen() const { return opened_.size(); }
  std::size_t running() const;  // opened by the broker, not ended, without the control stream
  bool ended() const { return ended_; }
  const std::optional<GoAway>& goaway() const { return goaway_; }
  std::uint32_t peer_setting(std::uint16_t id, std::uint32_t otherwise) const;
  bool settings_seen() const { return settings_seen_; }
  bool settings_acked() const { return settings_acked_; }
  std::size_t pings_seen() const { return pings_; }
  std::int64_t connection_send_window() const { return send_window_; }
  FrameType first_frame() const { return first_frame_; }
  Http& transport() { return transport_; }

  Habits habits;

 private:
  bool read_more(Deadline deadline);
  void take(const Frame& frame);
  void take_block(std::uint32_t id, std::uint8_t flags, std::string block);
  void take_data_frame(const Frame& frame);
  void take_settings(const Frame& frame);
  void read_controls();

  Http transport_;
  Role role_;
  HpackWriter writer_;
  HpackReader reader_;
  std::string input_;
  std::map<std::uint32_t, Stream> streams_;
  std::deque<std::uint32_t> fresh_;                  // opened by the broker, not yet returned by next_stream()
  std::vector<std::uint32_t> opened_;                // every id that the broker opened
  std::vector<std::uint32_t> visitors_;              // ... without the control stream's
  std::uint32_t next_id_ = 1;                        // of our streams, as the broker
  std::map<std::uint16_t, std::uint32_t> settings_;  // the target's
  SettingList own_settings_;
  std::optional<GoAway> goaway_;
  std::deque<control::ControlMessage> controls_;
  std::string control_bytes_;
  std::string block_;  // an incomplete header block
  std::uint32_t block_stream_ = 0;
  std::uint8_t block_flags_ = 0;
  std::int64_t send_window_ = 65535;
  std::int64_t receive_window_ = 65535;
  std::uint32_t wished_window_ = 65535;       // the value in our SETTINGS ...
  std::uint32_t own_initial_window_ = 65535;  // ... and the one in effect until they are acknowledged
  std::size_t pings_ = 0;
  std::size_t pongs_ = 0;
  FrameType first_frame_ = FrameType::unknown;
  bool preface_seen_ = false;
  bool any_frame_ = false;
  bool settings_seen_ = false;
  bool settings_acked_ = false;
  bool ended_ = false;
};

// A varint length and the message.
std::string control_wire(std::string_view message);
std::string varint(std::uint64_t value);

}  // namespace tenfold::conformance
