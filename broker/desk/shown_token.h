// The token that a request to the broker's own domain shows. An agent sends `Authorization: Bearer SECRET`. Stock
// clients of the classic protocol can send no field of their choice, but what their --host and --subdomain carry
// (docs/CLASSIC.md, "Tokens"):
//
//   lt --host https://any:SECRET@DOMAIN                Authorization: Basic, as its password
//   lt --host https://DOMAIN/SECRET                    GET /SECRET/NAME, GET /SECRET/?new
//   lt --host https://DOMAIN --subdomain NAME?token=SECRET
//
// So a target of the broker's own site is neither logged nor repeated, but for the path that read_own_target() leaves.
#pragma once

#include <string>
#include <string_view>

#include "http/head.h"

namespace tenfold::broker {

// The secret of Authorization, or else of the target, whatever it is worth; empty: none.
std::string shown_token(const http::RequestHead& head);

// A target taken apart. The views point into it.
struct OwnTarget {
  std::string_view path;    // without the secret before it
  std::string_view query;   // as it is
  std::string_view secret;  // in the path or in the query; empty: none
};
OwnTarget read_own_target(std::string_view target);

}  // namespace tenfold::broker
