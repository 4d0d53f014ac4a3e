// The parts of the host in a Host field or an authority (RFC 9110 7.2).
#pragma once

#include <string_view>

namespace tenfold::http {

// Without its port, brackets kept.
std::string_view without_port(std::string_view host);

// An IPv4 address, or anything in brackets.
bool is_ip_literal(std::string_view host);

}  // namespace tenfold::http
