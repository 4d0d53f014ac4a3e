#include "broker/cluster/name_work.h"

#include <chrono>
#include <utility>

#include "broker/cluster/registry_keys.h"
#include "broker/rules.h"

namespace tenfold::broker {
namespace {

// A refresh whose script the registry had lost answers late, once.
constexpr int most_refreshes = 2;

std::string key_of(std::string_view name) { return std::string(registry_keys::name_prefix) + std::string(name); }

std::string milliseconds(Duration duration) {
  return std::to_string(std::chrono::ceil<std::chrono::milliseconds>(duration).count());
}

}  // namespace

void NameWork::begin(Begin how, Duration time) {
  deadline_ = ground_.place().now + time;
  tries_ = refreshes_ = 0;
  if (how == Begin::reading) return read();
  on_value({});
}

void NameWork::read() {
  changing_ = false;
  ground_.client().send(*this, {"GET", key_of(name_)}, deadline_ - ground_.place().now);
}

void NameWork::on_reply(const RedisReply& reply) {
  if (changing_) return on_changed(reply);
  if (reply.is_text()) return on_value(reply.text);
  if (reply.kind == RedisReply::Kind::nil) return on_value({});
  ground_.note_fault(reply.kind == RedisReply::Kind::error ? reply.text : "a reply to GET");
  on_unsettled(true, false);
}

void NameWork::on_value(const std::string& bytes) {
  record_ = NameRecord::read(bytes);
  if (record_.kind == NameRecord::Kind::garbage) ground_.note_fault("a name's value is garbage");
  if (record_.kind == NameRecord::Kind::newer) ground_.note_fault("a name's value is of a newer version");
  const std::vector<ReplicaId> unknown = unknown_replicas(record_, ground_.place());
  if (!unknown.empty() && refreshes_ < most_refreshes) {
    ++refreshes_;
    ground_.refresh();
    return read();
  }
  for (const ReplicaId& replica : unknown) ground_.note_gone(replica);
  edit_ = edit(record_);
  if (edit_.verdict != NameEdit::Verdict::write) return on_settled(edit_);
  if (++tries_ > rules::registry_change_tries || ground_.place().now >= deadline_) return on_unsettled(true, false);
  change();
}

void NameWork::change() {
  changing_ = true;
  const bool tells = edit_.event.kind() != cluster::Event::UNKNOWN;
  ground_.client().run(
      *this, registry_keys::change,
      {key_of(name_), std::string(registry_keys::events), std::string(registry_keys::epoch),
       std::string(registry_keys::warming)},
      {record_.bytes, edit_.bytes, milliseconds(edit_.keep), tells ? edit_.event.SerializeAsString() : "",
       edit_.wants_calm ? "1" : "0", std::to_string(rules::registry_events_kept)},
      deadline_ - ground_.place().now);
}

void NameWork::on_changed(const RedisReply& reply) {
  const std::vector<RedisReply>& items = reply.items;
  const bool is_answer = reply.is_list() && !items.empty() && items[0].is_number();
  if (is_answer && items[0].number == 1) return on_settled(edit_);
  if (is_answer && items[0].number == 2) return on_unsettled(false, false);
  if (is_answer && items[0].number == 0 && items.size() == 2 && items[1].is_text()) {
    changing_ = false;
    return on_value(items[1].text);
  }
  ground_.note_fault(reply.kind == RedisReply::Kind::error ? reply.text : "a reply to the change of a name");
  on_unsettled(true, false);
}

}  // namespace tenfold::broker
