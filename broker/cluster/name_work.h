// NameWork: one wish for a name, brought to the registry: the value is read, the wish makes another of it, and the
// registry swaps the two, unless somebody was quicker; then once more. Base of a claim, a ban and what the directory
// publishes.
//
//   class Claim : NameWork { NameEdit edit(const NameRecord& record) override { return claim_name(…); } … };
//   claim.begin(Begin::as_new, 3s);
//   on_settled(edit) or on_unsettled(made)   // later, once
//
// Owned by the directory; destroying it withdraws.
#pragma once

#include <string>
#include <string_view>

#include "broker/cluster/name_record.h"
#include "broker/cluster/redis_client.h"

namespace tenfold::broker {

class NameWork : private RedisCall {
 public:
  // What all works of a directory share.
  class Ground {
   public:
    virtual RedisClient& client() = 0;
    virtual NamePlace place() = 0;
    // Asks for the replicas; the answer comes before that of any later command.
    virtual void refresh() = 0;
    virtual void note_gone(const ReplicaId& replica) = 0;
    // A value that cannot be read, or a reply that is none of the script's.
    virtual void note_fault(std::string_view what) = 0;

   protected:
    ~Ground() = default;
  };

  const std::string& name() const { return name_; }
  bool busy() const { return pending(); }

 protected:
  enum class Begin {
    reading,  // the value first
    as_new    // as if there were none: one command less for a new name
  };

  NameWork(Ground& ground, std::string name) : ground_(ground), name_(std::move(name)) {}
  ~NameWork() override = default;

  // `time`: for all of it.
  void begin(Begin how, Duration time);
  void stop() { cancel(); }
  Ground& ground() { return ground_; }

  virtual NameEdit edit(const NameRecord& record) = 0;
  // The edit was made, or its verdict was another than write.
  virtual void on_settled(const NameEdit& edit) = 0;
  // The registry is away, refuses, or others change the name all the time. `is_calm` false: it has lost its names just
  // now. `maybe_made`: the change may have been made all the same.
  virtual void on_unsettled(bool is_calm, bool maybe_made) = 0;

 private:
  void on_reply(const RedisReply& reply) override;
  void on_away() override { on_unsettled(true, changing_); }
  void on_value(const std::string& bytes);
  void on_changed(const RedisReply& reply);
  void read();
  void change();

  Ground& ground_;
  const std::string name_;
  NameRecord record_;      // as it was read last
  NameEdit edit_;          // what is to become of it
  bool changing_ = false;  // the script was sent, not GET
  TimePoint deadline_{};
  int tries_ = 0;
  int refreshes_ = 0;  // of the replicas, for the sake of this record
};

}  // namespace tenfold::broker
