#include "broker/config.h"

#define TOML_EXCEPTIONS 0
#define TOML_HEADER_ONLY 1
#include <toml++/toml.h>

#include <algorithm>
#include <fstream>
#include <utility>

#include "base/log.h"
#include "broker/rules.h"

namespace tenfold::broker {
namespace {

ConfigValue value_of(const toml::node& node) {
  ConfigValue value;
  value.line = node.source().begin.line;
  if (const auto* text = node.as_string()) {
    value.type = ConfigValue::Type::text;
    value.text = text->get();
  } else if (const auto* number = node.as_integer()) {
    value.type = ConfigValue::Type::integer;
    value.text = std::to_string(number->get());
  } else if (const auto* truth = node.as_boolean()) {
    value.type = ConfigValue::Type::truth;
    value.text = truth->get() ? "true" : "false";
  }
  return value;
}

Error no(std::string why) { return {ErrorKind::usage, std::move(why)}; }

Result<std::string> text_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return no("--config " + path + ": cannot be read");
  std::string text(rules::config_bytes + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad()) return no("--config " + path + ": cannot be read");
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (text.size() > rules::config_bytes) return no(path + " is over 1 MiB");
  return text;
}

// The line, when a word stands in it where a text in quotes was meant, as in `domain = tunnel.example`.
bool lacks_quotes(std::string_view text, std::size_t number) {
  for (std::size_t i = 1; i < number; ++i) text.remove_prefix(std::min(text.find('\n') + 1, text.size()));
  const std::string_view line = text.substr(0, text.find('\n'));
  const std::size_t value = line.find_first_not_of(" \t", std::min(line.find('='), line.size() - 1) + 1);
  return value != std::string_view::npos && std::string_view("\"'[{#").find(line[value]) == std::string_view::npos;
}

}  // namespace

std::string config_place(const std::string& path, std::size_t line) { return path + ":" + std::to_string(line) + ": "; }

Error ConfigPlaces::placed(const Error& error) const {
  constexpr std::string_view dashes = "--";
  const std::string_view detail = error.detail;
  if (!detail.starts_with(dashes)) return error;
  const std::string_view flag = detail.substr(dashes.size(), detail.find_first_of(" :", dashes.size()) - dashes.size());
  for (const ConfigEntry& entry : entries_) {
    if (entry.key != flag) continue;
    std::size_t line = entry.line;
    for (const ConfigValue& value : entry.values) {
      if (detail.substr(dashes.size() + flag.size()).starts_with(" " + printable(value.text, 128) + ":"))
        line = value.line;
    }
    return {error.kind, config_place(path_, line) + std::string(detail.substr(dashes.size()))};
  }
  return error;
}

Result<std::vector<ConfigEntry>> read_config(const std::string& path) {
  const Result<std::string> text = text_of(path);
  if (!text) return text.error();
  const toml::parse_result parsed = toml::parse(*text, path);
  if (!parsed) {
    const toml::parse_error& error = parsed.error();
    const std::size_t line = error.source().begin.line;
    const std::string_view hint =
        lacks_quotes(*text, line) ? " (a text stands in quotes, as in domain = \"tunnel.example\")" : "";
    return no(config_place(path, line) + printable(error.description(), 300) + std::string(hint));
  }
  std::vector<ConfigEntry> entries;
  for (const auto& [key, node] : parsed.table()) {
    ConfigEntry entry;
    entry.key = key.str();
    entry.line = key.source().begin.line;
    if (const toml::array* list = node.as_array()) {
      entry.is_list = true;
      for (const toml::node& each : *list) entry.values.push_back(value_of(each));
    } else {
      entry.values.push_back(value_of(node));
    }
    entries.push_back(std::move(entry));
  }
  std::stable_sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) { return a.line < b.line; });
  return entries;
}

}  // namespace tenfold::broker
