#include "broker/option_source.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "base/log.h"

namespace tenfold::broker {
namespace {

Error no(std::string why) { return {ErrorKind::usage, std::move(why)}; }

// CLI11's message on one line.
std::string one_line(std::string text) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  return printable(text, 400);
}

// A second value for a single-value option is a mistake, and an order of precedence would hide it.
Error check_given_once(const CLI::App& app) {
  for (const CLI::Option* option : app.get_options()) {
    const std::vector<std::string>& values = option->results();
    if (option->get_items_expected_max() == 1 && values.size() > 1) {
      return no("--" + option->get_lnames().front() + " " + printable(values.back(), 128) + ": given more than once");
    }
  }
  return {};
}

// Those of the command line alone.
bool is_of_the_line(std::string_view key) {
  static constexpr std::array<std::string_view, 4> keys = {"config", "check-config", "help", "version"};
  return std::find(keys.begin(), keys.end(), key) != keys.end();
}

// What a value of the option is in the file; empty: it is that.
std::string_view wanted_instead(const CLI::Option& option, const ConfigValue& value) {
  using Type = ConfigValue::Type;
  const std::string type = option.get_type_name();
  if (option.get_items_expected_max() == 0) return value.type == Type::truth ? "" : "true or false";
  if (type == "N") return value.type == Type::integer && !value.text.starts_with('-') ? "" : "a number from 0";
  if (value.type == Type::text) return "";
  if (type == "TIME") return value.type == Type::integer ? "" : "a time in quotes, as \"5m\", or a number of seconds";
  return "a text in quotes";
}

Error check_types(const std::string& path, const ConfigEntry& entry, const CLI::Option& option) {
  if (entry.is_list && option.get_items_expected_max() <= 1) {
    return no(config_place(path, entry.line) + entry.key + ": takes one value, and no list");
  }
  for (const ConfigValue& value : entry.values) {
    if (const std::string_view wanted = wanted_instead(option, value); !wanted.empty()) {
      return no(config_place(path, value.line) + entry.key + ": must be " + std::string(wanted));
    }
  }
  return {};
}

}  // namespace

Result<std::string> parse_words(CLI::App& app, const std::vector<std::string>& words) {
  try {
    app.parse(std::vector<std::string>(words.rbegin(), words.rend()));  // CLI11 expects them in reverse
  } catch (const CLI::CallForHelp&) {
    return app.help();
  } catch (const CLI::CallForVersion& version) {
    return std::string(version.what()) + "\n";
  } catch (const CLI::ParseError& error) {
    return no(one_line(error.what()));
  }
  if (Error error = check_given_once(app)) return error;
  return std::string{};
}

Result<ConfigWords> config_words(const std::string& path, const CLI::App& line) {
  const Result<std::vector<ConfigEntry>> entries = read_config(path);
  if (!entries) return entries.error();
  ConfigWords made;
  std::vector<ConfigEntry> used;
  for (const ConfigEntry& entry : *entries) {
    const std::string flag = "--" + entry.key;
    const CLI::Option* option = is_of_the_line(entry.key) ? nullptr : line.get_option_no_throw(flag);
    if (option == nullptr) return no(config_place(path, entry.line) + printable(entry.key, 64) + ": unknown key");
    if (Error error = check_types(path, entry, *option)) return error;
    if (option->count() != 0) continue;
    const bool is_switch = option->get_items_expected_max() == 0;
    for (const ConfigValue& value : entry.values) {
      if (!is_switch) made.words.push_back(flag + "=" + value.text);
      if (is_switch && value.text == "true") made.words.push_back(flag);
    }
    used.push_back(entry);
  }
  made.places = ConfigPlaces(path, std::move(used));
  return made;
}

GivenFlags given_flags(const CLI::App& app) {
  GivenFlags given;
  for (const CLI::Option* option : app.get_options()) {
    const std::string& name = option->get_lnames().front();
    if (option->count() != 0 && !is_of_the_line(name)) given["--" + name] = option->results();
  }
  return given;
}

}  // namespace tenfold::broker
