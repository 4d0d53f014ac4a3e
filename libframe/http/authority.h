// Authorities: the host and port of a Host field or of a target (RFC 9110 7.2), their parts and whether they are valid.
#pragma once

#include <string_view>

namespace tenfold::http {

// Without its port, brackets kept.
std::string_view without_port(std::string_view host);

// An IPv4 address, or anything in brackets.
bool is_ip_literal(std::string_view host);

// "http" or "https" if the target is absolute and has that scheme (in any case), otherwise "".
std::string_view target_scheme(std::string_view target);

// The authority of an absolute-form target, userinfo included; "" for all other forms.
std::string_view target_authority(std::string_view target);

// Whether `text` is uri-host [ ":" port ]: a DNS name without empty labels, an IPv4 address or an IPv6 address in
// brackets, and a port from 1 to 65535 or an empty one. No userinfo, no percent-encoding, not empty.
bool is_authority(std::string_view text);

}  // namespace tenfold::http
