// Assembles the suites against a client.
#include "conformance/cases/client_cases.h"

namespace tenfold::conformance {

ClientSuite client_suite(bool mux) {
  ClientSuite suite;
  if (mux) {
    add_client_link(suite);
    add_client_fallback(suite);
    add_client_streams(suite);
    add_client_errors(suite);
  } else {
    add_client_ask(suite);
    add_client_pool(suite);
  }
  return suite;
}

}  // namespace tenfold::conformance
