// All groups of cases against a client. Each group is a file of the same name.
#pragma once

#include "conformance/case.h"
#include "conformance/client_target.h"
#include "conformance/expect.h"

namespace tenfold::conformance {

using ClientSuite = Suite<ClientTarget>;

void add_client_ask(ClientSuite& suite);
void add_client_pool(ClientSuite& suite);
void add_client_link(ClientSuite& suite);
void add_client_fallback(ClientSuite& suite);
void add_client_streams(ClientSuite& suite);
void add_client_errors(ClientSuite& suite);

// The classic cases, or those of tenfold/1 when `mux`.
ClientSuite client_suite(bool mux);

}  // namespace tenfold::conformance
