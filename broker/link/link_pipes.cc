#include "broker/link/link_pipes.h"

#include <algorithm>

#include "base/limits.h"

namespace tenfold::broker {

void LinkPipes::remove(Member& member) {
  std::erase(members_, &member);
  std::erase(waiting_, &member);
}

Result<std::unique_ptr<LinkStream>> LinkPipes::open_stream(const StreamTarget& target) {
  share_ = std::max<std::size_t>(link_.most_streams() / limits::link_shares, 1);
  Result<std::unique_ptr<LinkStream>> stream = link_.open_stream(target);
  // A stream that is reset leaves its place at once: its RST_STREAM goes before the next one's HEADERS.
  if (!stream && stream.error().kind == ErrorKind::limit && idle_.discard_oldest()) return link_.open_stream(target);
  return stream;
}

void LinkPipes::wait(Member& member) {
  if (std::find(waiting_.begin(), waiting_.end(), &member) == waiting_.end()) waiting_.push_back(&member);
  serve_soon();
}

bool LinkPipes::someone_waits() const {
  return std::any_of(waiting_.begin(), waiting_.end(),
                     [](const Member* member) { return member->visitors_waiting() != 0; });
}

void LinkPipes::on_idle() {
  while (idle_.size() > share_) idle_.discard_oldest();
  if (in_demand()) serve_soon();
}

LinkPipes::Member* LinkPipes::next_in_turn() {
  std::erase_if(waiting_, [](const Member* member) { return member->visitors_waiting() == 0; });
  if (waiting_.size() < 2) return waiting_.empty() ? nullptr : waiting_.front();
  const auto next = std::find_if(waiting_.begin(), waiting_.end(),
                                 [this](const Member* member) { return member->streams_on_loan() < share_; });
  return next == waiting_.end() ? waiting_.front() : *next;
}

void LinkPipes::end_turn(Member* member) {
  // It may have been removed by what its visitor did.
  const auto place = std::find(waiting_.begin(), waiting_.end(), member);
  if (place != waiting_.end()) std::rotate(place, place + 1, waiting_.end());
}

void LinkPipes::serve() {
  while (Member* next = next_in_turn()) {
    if (!next->serve_first()) return make_room();
    end_turn(next);
  }
}

std::vector<LinkPipes::Member*>::const_iterator LinkPipes::longest_standing() const {
  return std::min_element(members_.begin(), members_.end(),
                          [](const Member* a, const Member* b) { return a->standing_since() < b->standing_since(); });
}

TimePoint LinkPipes::standing_since() const {
  return members_.empty() ? never : (*longest_standing())->standing_since();
}

void LinkPipes::make_room() {
  if (!members_.empty()) (*longest_standing())->make_room();
}

}  // namespace tenfold::broker
