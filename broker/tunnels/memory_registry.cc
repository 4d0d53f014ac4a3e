#include "broker/tunnels/memory_registry.h"

namespace tenfold::broker {

void MemoryRegistry::on_asked() {
  if (!answer_.armed()) runtime_.timers.arm(answer_, runtime_.now());
}

void MemoryRegistry::answer() {
  while (ClaimCall* call = claims_.pop_front()) {
    if (const Result<Claim> claim = names_.claim(call->request())) {
      call->on_claimed(*claim);
    } else {
      call->on_claim_failed(handshake::Refusal::name_taken);
    }
  }
}

}  // namespace tenfold::broker
