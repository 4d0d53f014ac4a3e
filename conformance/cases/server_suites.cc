// The suites against a server, put together.
#include "conformance/cases/server_cases.h"

namespace tenfold::conformance {

ServerSuite classic_server_suite() {
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
  return suite;
}

}  // namespace tenfold::conformance
