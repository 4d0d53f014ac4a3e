// Where options come from: the command line, and behind it the configuration file. Each goes through one CLI::App, so
// that a flag has one check, whoever gives it.
//
//   parse_words(line_app, command_line);                       // what the command line gives
//   config_words(path, line_app)                               // what the file gives besides, as flags
//   parse_words(app, command_line + those);                    // both
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "base/result.h"
#include "broker/config.h"

namespace tenfold::broker {

// Fills what the app's options are bound to. Returns what is to be printed in place of anything else (--help,
// --version), or nothing. Errors (usage) are one line; one flag that is given twice, but takes one value, is one.
Result<std::string> parse_words(CLI::App& app, const std::vector<std::string>& words);

struct ConfigWords {
  std::vector<std::string> words;  // "--http=:80"
  ConfigPlaces places;             // of these
};
// The keys of the file that are not given in `line`, which has parsed the command line: that one wins. Errors (usage)
// name the file and the line: an unknown key, a value of a wrong type.
Result<ConfigWords> config_words(const std::string& path, const CLI::App& line);

// Of an app that has parsed.
GivenFlags given_flags(const CLI::App& app);

}  // namespace tenfold::broker
