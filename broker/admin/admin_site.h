// AdminSite: the operator's page and its API.
//
//   GET /                            the page
//   GET /api/summary                 counts, and the histogram of requests
//   GET /api/tunnels[?q=PART&limit=N]
//   GET /api/tunnels/NAME
//   DELETE /api/tunnels/NAME[?ban=SECONDS]    ends it; the name is refused for so long
//   GET /api/links, /api/peers
//
// A request must name this door in its Host; one that changes something must not come from another site's page; with a
// token, the API is for who shows it (`Authorization: Bearer`). The page itself holds nothing of the broker, and asks
// for the token.
#pragma once

#include <string>
#include <string_view>

#include "base/address.h"
#include "broker/admin/control.h"
#include "broker/admin/site.h"
#include "broker/admin/sources.h"

namespace tenfold::broker {

// The first word of a file of the operator's, 16 letters at least. Errors (usage) name the file.
Result<std::string> read_admin_token(const std::string& path);

class AdminSite final : public Site {
 public:
  // `door`: where it is served. `token`: empty: none is asked for. `sources` and `control` outlive it.
  AdminSite(const Sources& sources, Control& control, Address door, std::string token);

  Reply answer(const http::RequestHead& head) override;

 private:
  Reply answer_api(const http::RequestHead& head, std::string_view path, std::string_view query);
  Reply answer_tunnel(const http::RequestHead& head, std::string_view name, std::string_view query);
  Reply kill(std::string_view name, std::string_view query);
  bool shows_token(const http::Fields& fields) const;

  const Sources& sources_;
  Control& control_;
  const Address door_;
  const std::string token_;
};

}  // namespace tenfold::broker
