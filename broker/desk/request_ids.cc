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

std::string_view RequestIds::next() {
  std::uint32_t rest = ++count_;
  for (std::size_t i = id_.size(); i-- > prefix_size; rest >>= 4) id_[i] = hex[rest & 15];
  return id_;
}

}  // namespace tenfold::broker
