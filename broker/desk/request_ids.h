// RequestIds: identifies requests in answers and logs: 16 letters, unique while the broker runs.
#pragma once

#include <string>
#include <string_view>

namespace tenfold::broker {

class RequestIds {
 public:
  RequestIds();
  // Valid until the next call.
  std::string_view next();
  // The prefix of every id of this process: identifies this broker. Valid as long as this object.
  std::string_view broker_id() const { return std::string_view(id_).substr(0, prefix_size); }

 private:
  static constexpr std::size_t prefix_size = 8;
  std::string id_;  // this process's prefix, then a count in eight hexadecimal digits
};

}  // namespace tenfold::broker
