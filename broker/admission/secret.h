// Secrets: made from the system's generator, compared without telling by the time it takes how
// much of one was right.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace tenfold::broker {

std::string random_bytes(std::size_t size);

bool same_secret(std::string_view a, std::string_view b);

}  // namespace tenfold::broker
