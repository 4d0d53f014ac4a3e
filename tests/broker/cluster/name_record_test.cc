// Who may have a name, and what each wish makes of its record; no registry.
#include "broker/cluster/name_record.h"

#include <doctest/doctest.h>

namespace tenfold::broker {
namespace {

using Verdict = NameEdit::Verdict;

// A record and two replicas that take turns at it.
struct Record {
  Record() {
    view.begin_update(now);
    say("a", 69s);
    say("b", 69s);
  }
  void say(const std::string& id, Duration left) {
    ReplicaView::Replica replica;
    replica.id = {id, 1};
    view.update(std::move(replica), left);
  }
  // The other replicas as of now: `left` of a's key.
  void renew(Duration a_left) {
    view.begin_update(now);
    say("b", 69s);
    if (a_left > Duration{}) say("a", a_left);
  }
  NamePlace at(const ReplicaId& self) { return {self, view, times, now}; }
  NameEdit take(NameEdit edit) {
    if (edit.verdict == Verdict::write) bytes = edit.bytes;
    return edit;
  }
  NameEdit claim(const NameRequest& request, const ReplicaId& self) {
    return take(claim_name(NameRecord::read(bytes), request, at(self)));
  }
  NameEdit attach(const NameRequest& request, std::uint64_t generation, const ReplicaId& self,
                  std::string policy = {}) {
    const Standing standing{"fox", generation, request.owner, request.instance, 1, request.joins, std::move(policy)};
    return take(attach_name(NameRecord::read(bytes), standing, at(self)));
  }
  NameEdit hold(std::uint64_t generation, const ReplicaId& self) {
    return take(hold_name(NameRecord::read(bytes), "fox", generation, at(self)));
  }
  NameEdit release(std::uint64_t generation, const ReplicaId& self) {
    return take(release_name(NameRecord::read(bytes), "fox", generation, at(self)));
  }
  NameEdit give_up(std::uint64_t generation, const ReplicaId& self) {
    return take(give_up_name(NameRecord::read(bytes), "fox", generation, at(self)));
  }
  // Claimed and attached.
  std::uint64_t stand(const NameRequest& request, const ReplicaId& self) {
    const NameEdit edit = claim(request, self);
    REQUIRE(edit.verdict == Verdict::write);
    REQUIRE(attach(request, edit.generation, self).verdict == Verdict::write);
    return edit.generation;
  }
  cluster::Name value() const { return NameRecord::read(bytes).value; }
  bool refuses(const NameRequest& request) {
    return claim_name(NameRecord::read(bytes), request, at(b)).verdict == Verdict::taken;
  }

  const ReplicaId a{"a", 1};
  const ReplicaId b{"b", 1};
  const ClusterTimes times{};
  TimePoint now = TimePoint{} + 1000s;
  ReplicaView view{times};
  std::string bytes;
};

NameRequest from(std::string owner, bool proves, std::string instance) {
  NameRequest request{"fox", std::move(owner), proves, std::move(instance)};
  return request;
}

const NameRequest token = from("team", true, "i1");
const NameRequest address = from("192.0.2.1", false, "i1");
const NameRequest stranger = from("other", true, "i9");

TEST_CASE("a name that nobody has is claimed, and only while the registry is calm unless a token is shown") {
  Record record;
  NameRequest resumed = token;
  resumed.token_generation = 41;
  CHECK_FALSE(claim_name(NameRecord::read({}), resumed, record.at(record.a)).wants_calm);
  CHECK(claim_name(NameRecord::read({}), resumed, record.at(record.a)).generation == 42);
  NameRequest known = token;
  known.known_generation = 7;
  CHECK(claim_name(NameRecord::read({}), known, record.at(record.a)).generation == 8);

  const NameEdit edit = record.claim(token, record.a);
  CHECK(edit.wants_calm);
  CHECK(edit.generation == 1);
  CHECK(edit.keep == 60s);
  CHECK(edit.event.kind() == cluster::Event::UNKNOWN);
  CHECK(record.refuses(stranger));
}

TEST_CASE("a claim replaces nobody until it is attached, then all others, once") {
  Record record;
  const std::uint64_t first = record.stand(token, record.a);
  const NameEdit claim = record.claim(from("team", true, "i2"), record.b);
  CHECK(claim.generation == first + 1);
  CHECK(claim.keep == rules::name_kept);
  REQUIRE(record.value().members_size() == 1);
  CHECK(record.value().members(0).generation() == first);

  const NameEdit attached = record.attach(from("team", true, "i2"), claim.generation, record.b);
  CHECK(attached.event.kind() == cluster::Event::MOVED);
  CHECK(attached.event.replica() == "b");
  CHECK(attached.event.generation() == claim.generation);
  REQUIRE(record.value().members_size() == 1);
  CHECK(record.value().claims_size() == 0);
  CHECK(record.attach(from("team", true, "i2"), claim.generation, record.b).verdict == Verdict::unchanged);

  // What was replaced changes nothing any more, and does not come back by itself.
  CHECK(record.hold(first, record.a).verdict == Verdict::unchanged);
  CHECK(record.release(first, record.a).verdict == Verdict::unchanged);
  const NameEdit lost = record.attach(token, first, record.a);
  CHECK(lost.verdict == Verdict::lost);
  CHECK(lost.event.kind() == cluster::Event::MOVED);
  CHECK(lost.event.generation() == claim.generation);
}

TEST_CASE("of two claims of one owner the later one stays, in whichever order they are attached") {
  for (const bool in_order : {true, false}) {
    Record record;
    const std::uint64_t one = record.claim(token, record.a).generation;
    const std::uint64_t two = record.claim(from("team", true, "i2"), record.b).generation;
    CHECK(two == one + 1);
    if (in_order) CHECK(record.attach(token, one, record.a).verdict == Verdict::write);
    CHECK(record.attach(from("team", true, "i2"), two, record.b).verdict == Verdict::write);
    if (!in_order) CHECK(record.attach(token, one, record.a).verdict == Verdict::lost);
    REQUIRE(record.value().members_size() == 1);
    CHECK(record.value().members(0).generation() == two);
    CHECK(record.value().claims_size() == 0);
  }
}

TEST_CASE("an owner that proves itself replaces; one that does not only where no member lives") {
  Record record;
  const std::uint64_t first = record.stand(address, record.a);
  CHECK(record.refuses(from("192.0.2.1", false, "i2")));
  NameRequest joins = from("192.0.2.1", false, "i2");
  joins.joins = true;
  CHECK(record.refuses(joins));  // the one that stands does not join
  record.hold(first, record.a);
  CHECK(record.claim(from("192.0.2.1", false, "i2"), record.b).generation == first + 1);
  CHECK(record.refuses(stranger));
}

TEST_CASE("a resume token is good for its owner and for the same instance, at any generation") {
  Record record;
  record.stand(address, record.a);
  NameRequest moved = from("198.51.100.7", false, "i1");
  CHECK(record.refuses(moved));
  moved.token_generation = 1;
  CHECK_FALSE(record.refuses(moved));
  moved.instance = "i2";
  CHECK(record.refuses(moved));
  NameRequest old = address;
  old.token_generation = 1;
  old.instance = "i2";
  CHECK_FALSE(record.refuses(old));
  // The owner changes with the tunnel, not with the claim.
  moved.instance = "i1";
  const std::uint64_t generation = record.claim(moved, record.b).generation;
  CHECK(record.value().owner() == "192.0.2.1");
  record.attach(moved, generation, record.b);
  CHECK(record.value().owner() == "198.51.100.7");
}

TEST_CASE("an empty instance or owner proves nothing") {
  Record record;
  record.stand(from("", false, ""), record.a);
  NameRequest request = from("", true, "");
  request.token_generation = 5;
  CHECK(record.refuses(request));
}

TEST_CASE("members that join stand beside each other, an instance once") {
  Record record;
  NameRequest one = address;
  one.joins = true;
  NameRequest two = from("192.0.2.1", false, "i2");
  two.joins = true;
  record.stand(one, record.a);
  const std::uint64_t second = record.stand(two, record.b);
  CHECK(record.value().members_size() == 2);
  const std::uint64_t again = record.stand(one, record.b);
  REQUIRE(record.value().members_size() == 2);
  CHECK(record.value().members(0).generation() == second);
  CHECK(record.value().members(1).generation() == again);
  CHECK(record.hold(second, record.b).event.kind() == cluster::Event::GONE);
  CHECK(record.value().members_size() == 1);
  CHECK_FALSE(record.value().held());
}

TEST_CASE("after the last member the name is kept by hold(), free by release()") {
  Record record;
  std::uint64_t generation = record.stand(token, record.a);
  const NameEdit held = record.hold(generation, record.a);
  CHECK(held.keep == rules::name_held);
  CHECK(held.event.kind() == cluster::Event::GONE);
  CHECK(record.refuses(stranger));

  // A claim that is given up leaves the reservation as it was.
  generation = record.claim(token, record.b).generation;
  CHECK(record.give_up(generation, record.b).keep == rules::name_held);
  CHECK(record.refuses(stranger));

  // Also one that was under way when the last member went.
  generation = record.stand(token, record.a);
  const std::uint64_t claim = record.claim(token, record.b).generation;
  record.hold(generation, record.a);
  CHECK(record.give_up(claim, record.b).keep == rules::name_held);
  CHECK(record.refuses(stranger));

  generation = record.stand(token, record.b);
  const NameEdit released = record.release(generation, record.b);
  CHECK(released.bytes.empty());
  CHECK(released.event.kind() == cluster::Event::GONE);
  generation = record.claim(stranger, record.a).generation;
  CHECK(record.give_up(generation, record.a).bytes.empty());
}

TEST_CASE("a dead replica's names are its owners' while its key lives, then free; a new process is another replica") {
  Record record;
  const std::uint64_t generation = record.stand(address, record.a);
  record.renew(59s);
  CHECK(record.refuses(stranger));
  CHECK_FALSE(record.refuses(from("192.0.2.1", false, "i2")));  // no member lives
  record.now += 61s;
  record.renew(0s);
  CHECK_FALSE(record.refuses(stranger));
  const NameEdit claim = record.claim(stranger, record.b);
  CHECK(claim.wants_calm);
  CHECK(claim.generation == generation + 1);
  CHECK(record.value().members_size() == 0);
  CHECK(record.value().owner() == "other");
  // The former process with the same id, or back from a long sleep.
  CHECK(record.attach(address, generation, record.a).verdict == Verdict::lost);
}

TEST_CASE("a replica that nothing is known of counts as alive until it was asked for") {
  Record record;
  const ReplicaId c{"c", 1};
  record.stand(address, c);
  const NamePlace here = record.at(record.b);
  CHECK(unknown_replicas(NameRecord::read(record.bytes), here) == std::vector<ReplicaId>{c});
  CHECK(record.refuses(stranger));
  record.view.note_gone(c);
  CHECK(unknown_replicas(NameRecord::read(record.bytes), here).empty());
  CHECK_FALSE(record.refuses(stranger));
}

TEST_CASE("a name that the registry has lost is published again, and yields to who has it meanwhile") {
  Record record;
  const NameEdit published = record.attach(token, 7, record.a, "rules");
  CHECK(published.verdict == Verdict::write);
  CHECK_FALSE(published.wants_calm);
  CHECK(published.event.kind() == cluster::Event::MOVED);
  CHECK(record.value().generation() == 7);
  CHECK(record.value().policy_version() == policy_version_of("rules"));
  // A lower generation of the same owner yields, a higher one replaces.
  CHECK(record.attach(from("team", true, "i2"), 6, record.b).verdict == Verdict::lost);
  CHECK(record.attach(from("team", true, "i2"), 8, record.b).verdict == Verdict::write);
  CHECK(record.attach(stranger, 9, record.a).verdict == Verdict::lost);
}

TEST_CASE("a policy that changes is an event of its own") {
  Record record;
  const std::uint64_t generation = record.stand(token, record.a);
  const NameEdit edit = record.attach(token, generation, record.a, "rules");
  CHECK(edit.event.kind() == cluster::Event::POLICY);
  CHECK(policy_version_of("") == 0);
  CHECK(policy_version_of("a") != policy_version_of("b"));
}

TEST_CASE("a ban ends all members and refuses everybody, token or not; a kill without one frees the name") {
  Record record;
  const std::uint64_t generation = record.stand(token, record.a);
  const NameEdit ban = record.take(ban_name(NameRecord::read(record.bytes), "fox", 1h));
  CHECK(ban.keep == 1h);
  CHECK(ban.event.kind() == cluster::Event::KILLED);
  NameRequest resumed = token;
  resumed.token_generation = 9;
  CHECK(claim_name(NameRecord::read(record.bytes), resumed, record.at(record.a)).verdict == Verdict::banned);
  const NameEdit lost = record.attach(token, generation, record.a);
  CHECK(lost.verdict == Verdict::lost);
  CHECK(lost.event.kind() == cluster::Event::KILLED);
  CHECK(ban_name(NameRecord::read(record.bytes), "fox", 0s).bytes.empty());
}

TEST_CASE("garbage is written over, a newer version is not") {
  Record record;
  record.bytes = "\xff\xff";
  CHECK(NameRecord::read(record.bytes).kind == NameRecord::Kind::garbage);
  CHECK(record.claim(token, record.a).verdict == Verdict::write);
  cluster::Name newer;
  newer.set_version(2);
  record.bytes = newer.SerializeAsString();
  CHECK(NameRecord::read(record.bytes).kind == NameRecord::Kind::newer);
  CHECK(record.claim(token, record.a).verdict == Verdict::taken);
  CHECK(record.attach(token, 1, record.a).verdict == Verdict::unchanged);
}

TEST_CASE("claims and members of one name have a cap") {
  Record record;
  for (int i = 0; i < 3 * rules::registry_claims_of_name; ++i) record.claim(token, record.a);
  CHECK(record.value().claims_size() == rules::registry_claims_of_name);
  Record joined;
  for (int i = 0; i < rules::registry_members_of_name; ++i) {
    NameRequest request = from("team", true, "i" + std::to_string(i));
    request.joins = true;
    joined.stand(request, joined.a);
  }
  NameRequest beyond = from("team", true, "beyond");
  beyond.joins = true;
  CHECK(joined.refuses(beyond));
}

}  // namespace
}  // namespace tenfold::broker
