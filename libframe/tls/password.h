// Password and keyed hashes, by OpenSSL.
#pragma once

#include <string>
#include <string_view>

namespace tenfold {

// scrypt (RFC 7914) with N 16384, r 8, p 1: 32 bytes. Slow by design, about 50 ms: do not call it on a loop's thread.
std::string password_hash(std::string_view password, std::string_view salt);

// HMAC-SHA-256: 32 bytes.
std::string keyed_hash(std::string_view key, std::string_view text);

// SHA-256: 32 bytes. For random secrets; a password needs password_hash().
std::string plain_hash(std::string_view text);

}  // namespace tenfold
