// Secrets: made by the system's random generator, and compared in constant time.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace tenfold::broker {

std::string random_bytes(std::size_t size);

bool same_secret(std::string_view a, std::string_view b);

}  // namespace tenfold::broker
