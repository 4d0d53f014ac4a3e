// PeerLink: the link that this replica dials to another one, for its visitors of that one's tunnels. Dialled when it is
// first needed, kept, and dialled again at the next need after it was lost.
//
//                 ,--- no answer, refused: down again, and no dial for rules::peer_dial_rest
//   down --join()--> dialling --connected--> asking --101--> up --lost, idle, told to go elsewhere--> down
//
//   class RemoteTunnel : PeerLink::User { … };
//   if (LinkPipes* pipes = link.join(*this)) …      // up: on_peer_lost() follows one day
//   else if (listed()) …                            // on_peer_up() or on_peer_failed() follows
//   else link.failure()                             // the last dial has failed just now
//
// A link that takes no new stream any more is retired: those that run on it go on, and the next join() dials.
//
// Owned by PeerLinks, on the loop's thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/intrusive_list.h"
#include "broker/cluster/peer_dialer.h"
#include "broker/cluster/replica_view.h"
#include "broker/link/link_pipes.h"
#include "http1/head_reader.h"
#include "io/link_driver.h"

namespace tenfold::broker {

class PeerLink final : private Duplex::Handler {
 public:
  // A tunnel of that replica. Destroying it, or unlist(), ends its interest.
  class User : protected ListHook {
   public:
    virtual void on_peer_up(LinkPipes& pipes) = 0;
    // The user is not listed any more.
    virtual void on_peer_failed(const Error& why) = 0;
    // The pipes take no new stream, and are to be left now. The user is not listed any more.
    virtual void on_peer_lost() = 0;

   protected:
    virtual ~User() = default;

   private:
    friend class PeerLink;
    template <typename T>
    friend class tenfold::IntrusiveList;
  };

  // `address`: HOST:PORT.
  PeerLink(Loop& loop, PeerDialer& dialer, ReplicaId replica, std::string address);
  ~PeerLink();

  // No event comes from inside.
  LinkPipes* join(User& user);
  // Its origin is the peer.
  const Error& failure() const { return failure_; }

  const ReplicaId& replica() const { return replica_; }
  const std::string& address() const { return address_; }
  bool is_up() const { return line_ != nullptr; }
  LinkStats stats() const;
  // Nobody uses it, or is about to.
  bool is_unused() const;

 private:
  // One connection that is, or was, the link.
  class Line;

  void dial();
  void on_dialled(Result<std::unique_ptr<Duplex>> connection);
  void on_dial_time();
  void fail(const Error& why);
  void come_up(Bytes early);
  // The present line takes no new stream.
  void retire();
  void on_line_closed(Line& line, const Error& why);
  void look();

  // The connection's events, while it is asked.
  void on_data(Bytes bytes) override;
  void on_end() override;
  void on_sent(std::size_t) override {}
  void on_closed(const Error& why) override;

  Loop& loop_;
  PeerDialer& dialer_;
  const ReplicaId replica_;
  const std::string address_;
  IntrusiveList<User> waiting_;  // for the dial
  IntrusiveList<User> riding_;   // on the present line
  std::unique_ptr<PeerDialer::Dialling> dialling_;
  std::unique_ptr<Duplex> connection_;  // while it is asked
  http1::HeadReader reader_{http1::HeadReader::Kind::response};
  Error failure_;
  TimePoint rest_until_{};
  std::unique_ptr<Line> line_;                  // null: not up
  std::vector<std::unique_ptr<Line>> retired_;  // until their last streams have ended
  std::uint64_t opened_ = 0;                    // streams of the line, at the last look
  int idle_looks_ = 0;                          // in a row, without a stream
  MemberTimer<PeerLink, &PeerLink::on_dial_time> dial_time_{*this};
  MemberTimer<PeerLink, &PeerLink::look> look_{*this};
};

}  // namespace tenfold::broker
