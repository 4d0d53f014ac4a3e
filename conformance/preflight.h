// Runs before the cases: checks that the target is there and speaks the expected protocol. A failure is one clear line
// within 10 s.
#pragma once

#include "conformance/client_target.h"
#include "conformance/server_target.h"

namespace tenfold::conformance {

// The target cannot be tested; the text is the line for the user.
struct Unusable : std::runtime_error {
  using std::runtime_error::runtime_error;
};

void check_server(const ServerOptions& options);
void check_client(const ClientOptions& options);

}  // namespace tenfold::conformance
