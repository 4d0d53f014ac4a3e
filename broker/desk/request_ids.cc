#include "broker/desk/request_ids.h"

#include "broker/admission/secret.h"

namespace tenfold::broker {
namespace {

constexpr char hex[] = "0123456789abcdef";

}  // namespace

RequestIds::RequestIds() {
  for (const char c : random_bytes(prefix_size / 2)) {
    const auto byte = static_cast<unsigned char>(c);
    id_ += {hex[byte >> 4], hex[byte & 15]};
  }
  id_.resize(prefix_size + 8, '0');
}

// Increments the count in the digits of the id.
std::string_view RequestIds::next() {
  for (std::size_t i = id_.size(); i-- > prefix_size;) {
    char& digit = id_[i];
    digit = digit == '9' ? 'a' : digit == 'f' ? '0' : static_cast<char>(digit + 1);
    if (digit != '0') break;
  }
  return id_;
}

}  // namespace tenfold::broker
