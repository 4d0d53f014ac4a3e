// The operator's page, page.html as it is at build time. "{{nonce}}" stands in it where the nonce of its
// Content-Security-Policy belongs.
#pragma once

#include <string_view>

namespace tenfold::broker {

extern const std::string_view admin_page;

}  // namespace tenfold::broker
