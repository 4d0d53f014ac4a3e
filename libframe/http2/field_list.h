// FieldList: the fields that HPACK decoded one by one, kept until their message ends. One string holds the text of all,
// so a reused list allocates nothing. Pure.
//
//   list.clear();
//   list.add(name, value)…;      // positions, for the string may move
//   list.view(i);                // valid until the next add()
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/limits.h"
#include "http/head.h"
#include "http2/nghttp2_glue.h"

namespace tenfold::http2 {

class FieldList {
 public:
  void clear() {
    if (text_.capacity() > limits::head_buffer_kept) text_ = {};
    if (fields_.capacity() > limits::head_fields) fields_ = {};
    text_.clear();
    fields_.clear();
    weight_ = 0;
  }

  // Counts a field's weight without adding the field.
  void weigh(std::string_view name, std::string_view value) { weight_ += field_weight(name, value); }
  std::size_t weight() const { return weight_; }

  void add(std::string_view name, std::string_view value) {
    const std::size_t at = text_.size();
    text_.append(name).append(value);
    fields_.push_back({static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(name.size()),
                       static_cast<std::uint32_t>(value.size())});
  }

  std::size_t size() const { return fields_.size(); }
  http::Field view(std::size_t i) const {
    const Place& place = fields_[i];
    const std::string_view text = text_;
    return {text.substr(place.at, place.name), text.substr(place.at + place.name, place.value)};
  }

 private:
  struct Place {
    std::uint32_t at;     // offset of the name in the text; the value follows it
    std::uint32_t name;   // octets
    std::uint32_t value;  // octets
  };

  std::string text_;
  std::vector<Place> fields_;
  std::size_t weight_ = 0;
};

}  // namespace tenfold::http2
