// RequestIds: names a request in answers and logs: 16 letters, never twice in the life of a broker.
#pragma once

#include <string>
#include <string_view>

namespace tenfold::broker {

class RequestIds {
 public:
  RequestIds();
  // Good until the next call.
  std::string_view next();
  // Of this process, in every id: tells this broker from others, good as long as this object.
  std::string_view broker_id() const { return std::string_view(id_).substr(0, prefix_size); }

 private:
  static constexpr std::size_t prefix_size = 8;
  std::string id_;  // a prefix of this process's own, then a count in eight hexadecimal digits
};

}  // namespace tenfold::broker
