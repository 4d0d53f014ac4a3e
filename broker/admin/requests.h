// What the operator's sites ask of a request before they answer it: the method, the form of the answer, and whether it
// may have come from a page of somebody else's that a browser shows on the operator's machine.
#pragma once

#include <string>
#include <string_view>

#include "base/address.h"
#include "broker/desk/reply.h"
#include "http/head.h"

namespace tenfold::broker {

struct Target {
  std::string_view path;
  std::string_view query;  // without the '?'
};
Target split_target(std::string_view target);

// The value of `name` in a query, percent-decoding left out; "" if it is not there.
std::string_view query_value(std::string_view query, std::string_view name);

bool reads(const http::RequestHead& head);  // GET or HEAD
bool accepts_json(const http::Fields& fields);

// A JSON answer with a message for people and a code for programs.
Reply refusal_reply(int status, std::string_view code, std::string_view message);
// 405 with `allow`, RFC 9110 15.5.6.
Reply wrong_method_reply(std::string_view allow);

// Whether `host`, of a request's Host, is a name of the door at `door`: a loopback name or address, the address that it
// listens on, or any IP where that is every address. A name that an attacker points at this machine (DNS rebinding) is
// none. The port may be another one: of a forwarding by ssh, say.
bool is_own_host(std::string_view host, const Address& door);

// Whether a request may change something: by a program, or by a page of the door itself. RFC 6454 7.
bool is_own_origin(const http::RequestHead& head);

// Whether the listener's address is reached from this machine alone.
bool is_loopback_door(const Address& door);

}  // namespace tenfold::broker
