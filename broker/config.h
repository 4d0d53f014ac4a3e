// The configuration file: TOML, of which the top level alone is used. Each key is a flag without its dashes; a flag
// that may be given more than once takes a list. The one door to toml++.
//
//   http = [":80", "unix:/run/tenfold/broker.sock"]
//   domain = "tunnel.example"
//   drain-timeout = "5m"
//   classic-any-address = true
//
// What a key means is the flag's matter (options.h); here is what stands in the file, and where.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"

namespace tenfold::broker {

// Flags and their values, as they were given: on the command line or in the file.
using GivenFlags = std::map<std::string, std::vector<std::string>>;

struct ConfigValue {
  enum class Type { text, integer, truth, other };
  Type type = Type::other;
  std::string text;      // as the flag's value; of `other` empty
  std::size_t line = 0;  // from 1
};

struct ConfigEntry {
  std::string key;
  std::size_t line = 0;
  bool is_list = false;
  std::vector<ConfigValue> values;  // one, unless it is a list
};

// In the order of lines. Errors (usage) name the file and, of what is no TOML, the line: "broker.toml:7: …".
Result<std::vector<ConfigEntry>> read_config(const std::string& path);

// "broker.toml:7: ", in front of what is wrong there.
std::string config_place(const std::string& path, std::size_t line);

// Where the flags that a file sets stand in it.
class ConfigPlaces {
 public:
  ConfigPlaces() = default;
  ConfigPlaces(std::string path, std::vector<ConfigEntry> entries)
      : path_(std::move(path)), entries_(std::move(entries)) {}

  // An error that begins with a flag of the file, as "--http x: must be …", begins with its place instead:
  // "broker.toml:7: http x: must be …". Any other stays as it is.
  Error placed(const Error& error) const;

 private:
  std::string path_;
  std::vector<ConfigEntry> entries_;
};

}  // namespace tenfold::broker
