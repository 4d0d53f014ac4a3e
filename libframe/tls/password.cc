#include "tls/password.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

#include <cstdint>

namespace tenfold {
namespace {

constexpr std::uint64_t scrypt_n = 16384;
constexpr std::uint64_t scrypt_r = 8;
constexpr std::uint64_t scrypt_p = 1;
constexpr std::uint64_t scrypt_memory = std::uint64_t{64} * 1024 * 1024;
constexpr std::size_t hash_bytes = 32;

const unsigned char* octets(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }
unsigned char* octets(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

}  // namespace

std::string password_hash(std::string_view password, std::string_view salt) {
  std::string hash(hash_bytes, '\0');
  const int made = EVP_PBE_scrypt(password.data(), password.size(), octets(salt), salt.size(), scrypt_n, scrypt_r,
                                  scrypt_p, scrypt_memory, octets(hash), hash.size());
  // Out of memory: an empty hash, which matches no password.
  return made == 1 ? hash : std::string{};
}

std::string keyed_hash(std::string_view key, std::string_view text) {
  std::string hash(hash_bytes, '\0');
  unsigned int size = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), octets(text), text.size(), octets(hash), &size);
  return hash;
}

std::string plain_hash(std::string_view text) {
  std::string hash(hash_bytes, '\0');
  SHA256(octets(text), text.size(), octets(hash));
  return hash;
}

}  // namespace tenfold
