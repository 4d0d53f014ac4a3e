#include "broker/cluster/event_reader.h"

#include <chrono>
#include <utility>

#include "broker/cluster/registry_keys.h"

namespace tenfold::broker {
namespace {

constexpr std::string_view before_all = "0-0";
constexpr std::size_t longest_id = 41;  // two numbers of 64 bits and a dash

std::string stream() { return std::string(registry_keys::events); }

bool is_entry(const RedisReply& entry) {
  return entry.items.size() == 2 && entry.items[0].is_text() && !entry.items[0].text.empty() &&
         entry.items[0].text.size() <= longest_id;
}

}  // namespace

EventReader::EventReader(Runtime& runtime, RedisDialer& dialer, RedisClient::Options options,
                         EventReader::Handler& handler)
    : runtime_(runtime), handler_(handler), client_(runtime, dialer, std::move(options), *this) {}

void EventReader::check() {
  check_wanted_ = false;
  if (last_.empty() || last_ == before_all) return find_last();
  state_ = State::checking;
  client_.send(*this, {"XRANGE", stream(), last_, last_, "COUNT", "1"});
}

void EventReader::find_last() {
  state_ = State::finding;
  client_.send(*this, {"XREVRANGE", stream(), "+", "-", "COUNT", "1"});
}

void EventReader::read() {
  state_ = State::reading;
  const auto wait = std::chrono::duration_cast<std::chrono::milliseconds>(rules::registry_event_wait);
  client_.send(*this,
               {"XREAD", "COUNT", std::to_string(rules::registry_events_at_once), "BLOCK", std::to_string(wait.count()),
                "STREAMS", stream(), last_},
               rules::registry_event_wait + rules::registry_time);
}

void EventReader::on_retry() {
  if (!pending()) check();
}

void EventReader::on_reply(const RedisReply& reply) {
  const bool nothing = state_ == State::reading && reply.kind == RedisReply::Kind::nil;
  if (!nothing && !reply.is_list()) {
    handler_.note_fault(reply.kind == RedisReply::Kind::error ? reply.text : "a reply about events");
    return retry();
  }
  switch (state_) {
    case State::checking: return reply.items.empty() ? find_last() : read();
    case State::finding: return on_last(reply);
    case State::reading: break;
  }
  if (!nothing) return on_entries(reply);
  return check_wanted_ ? check() : read();
}

void EventReader::on_last(const RedisReply& reply) {
  if (!reply.items.empty() && !is_entry(reply.items[0])) {
    handler_.note_fault("an event's entry");
    return retry();
  }
  std::string last = reply.items.empty() ? std::string(before_all) : reply.items[0].items[0].text;
  const bool still_none = last_ == before_all && last == before_all;
  last_ = std::move(last);
  read();
  if (!still_none) handler_.on_events_lost();
}

// {{stream, {{id, {field, value, …}}, …}}}
void EventReader::on_entries(const RedisReply& reply) {
  if (reply.items.size() != 1 || reply.items[0].items.size() != 2) {
    handler_.note_fault("a reply about events");
    return retry();
  }
  const std::vector<RedisReply>& entries = reply.items[0].items[1].items;
  for (const RedisReply& entry : entries) {
    if (take_entry(entry)) continue;
    handler_.note_fault("an event's entry");
    return retry();
  }
  // So many at once: the stream may have been trimmed in front of the next.
  const bool behind = entries.size() == rules::registry_events_at_once;
  return behind || check_wanted_ ? check() : read();
}

bool EventReader::take_entry(const RedisReply& entry) {
  if (!is_entry(entry)) return false;
  last_ = entry.items[0].text;
  const std::vector<RedisReply>& fields = entry.items[1].items;
  cluster::Event event;
  const bool is_event = fields.size() == 2 && fields[0].text == registry_keys::event_field &&
                        event.ParseFromString(fields[1].text) && event.version() == 1;
  if (is_event) {
    handler_.on_event(event);
  } else {
    handler_.note_fault("an event is garbage or of another version");
  }
  return true;
}

}  // namespace tenfold::broker
