#include "http2/server_connection.h"

#include <utility>

#include "http2/server_core.h"

namespace tenfold::http2 {

ServerConnection::ServerConnection(Runtime& runtime, Owner& owner, std::unique_ptr<Duplex> pipe,
                                   const ServerOptions& options)
    : core_(std::make_unique<Core>(*this, runtime, owner, std::move(pipe), options)) {}
ServerConnection::~ServerConnection() = default;

void ServerConnection::start(Bytes early) { core_->start(early); }
void ServerConnection::drain() { core_->drain(); }
void ServerConnection::end_now() { core_->end_now(); }
std::size_t ServerConnection::streams() const { return core_->streams(); }

}  // namespace tenfold::http2
