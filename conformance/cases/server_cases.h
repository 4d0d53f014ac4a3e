// All groups of cases against a server. Each group is a file of the same name.
#pragma once

#include "conformance/case.h"
#include "conformance/expect.h"
#include "conformance/server_target.h"

namespace tenfold::conformance {

using ServerSuite = Suite<ServerTarget>;

void add_classic_handshake(ServerSuite& suite);
void add_classic_names(ServerSuite& suite);
void add_classic_pool(ServerSuite& suite);
void add_classic_waiting(ServerSuite& suite);
void add_classic_requests(ServerSuite& suite);
void add_classic_answers(ServerSuite& suite);
void add_classic_upgrade(ServerSuite& suite);
void add_classic_own(ServerSuite& suite);
void add_edge(ServerSuite& suite);
void add_mux_handshake(ServerSuite& suite);
void add_mux_admission(ServerSuite& suite);
void add_mux_control(ServerSuite& suite);
void add_mux_streams(ServerSuite& suite);
void add_mux_flow(ServerSuite& suite);
void add_mux_errors(ServerSuite& suite);

// The classic cases, and those of tenfold/1 when `mux`.
ServerSuite server_suite(bool mux);

}  // namespace tenfold::conformance
