// Assembles the suite against a server.
#include "conformance/cases/server_cases.h"

namespace tenfold::conformance {

ServerSuite server_suite(bool mux) {
  ServerSuite suite;
  add_classic_handshake(suite);
  add_classic_names(suite);
  add_classic_pool(suite);
  add_classic_waiting(suite);
  add_classic_requests(suite);
  add_classic_answers(suite);
  add_classic_upgrade(suite);
  add_classic_own(suite);
  add_edge(suite);
  if (!mux) return suite;
  add_mux_handshake(suite);
  add_mux_admission(suite);
  add_mux_control(suite);
  add_mux_streams(suite);
  add_mux_flow(suite);
  add_mux_errors(suite);
  return suite;
}

}  // namespace tenfold::conformance
