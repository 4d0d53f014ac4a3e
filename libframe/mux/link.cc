#include "mux/link.h"

#include "mux/link_core.h"

namespace tenfold {

Link::Link(Runtime& runtime, Role role, const LinkOptions& options, Handler& handler)
    : core_(std::make_unique<Core>(runtime, role, options, handler)) {}
Link::~Link() = default;

void Link::receive(Bytes bytes) { core_->receive(bytes); }
void Link::end_of_input(const Error& why) { core_->end_of_input(why); }
std::size_t Link::take_output(MutableBytes room, Output& output) { return core_->take_output(room, output); }
bool Link::want_output() const { return core_->want_output(); }
Result<std::unique_ptr<LinkStream>> Link::open_stream(const StreamTarget& target) { return core_->open_stream(target); }
bool Link::can_open() const { return core_->can_open(); }
bool Link::takes_streams() const { return core_->takes_streams(); }
std::size_t Link::most_streams() const { return core_->most_streams(); }
void Link::send(const control::ControlMessage& message) { core_->send(message); }
void Link::drain() { core_->drain(); }
void Link::squeeze(bool on) { core_->squeeze(on); }
void Link::close() { core_->close(); }
bool Link::closed() const { return core_->closed(); }
LinkStats Link::stats() const { return core_->stats(); }
Duration Link::rtt() const { return core_->rtt(); }

}  // namespace tenfold
