// Changes a token file in place, for `broker token`. A reader sees the file as it was or as it is to be: the new text
// is written beside it, synced, and renamed over it. Two that change it at once wait for each other.
//
//   const Error error = edit_token_file(path, Missing::made, [](const TokenFile& file, std::string text) {
//     return text + line;       // or an Error: then nothing changes
//   });
//
// The file keeps its mode and its owner; a new one is its owner's alone (0600). May wait for a disk and for the lock,
// token_lock_time at most: not for a loop's thread.
#pragma once

#include <functional>
#include <string>

#include "base/result.h"
#include "base/time.h"
#include "broker/admission/token_file.h"

namespace tenfold::broker {

inline constexpr Duration token_lock_time = 10s;

enum class Missing { made, refused };

// Gets what the file holds, also as text, and gives the new text.
using TokenFileChange = std::function<Result<std::string>(const TokenFile& file, std::string text)>;

// Errors (usage: the file's text, a name; io: the file itself) name the file. The new text must be a token file, too.
Error edit_token_file(const std::string& path, Missing missing, const TokenFileChange& change);

// Changes. Errors (usage) name the token.
Result<std::string> with_token(const TokenFile& file, std::string text, const Token& token);
Result<std::string> without_token(const TokenFile& file, const std::string& text, const std::string& name);
// Each secret that stands there as it is gives way to its hash.
std::string with_hashes(const TokenFile& file, const std::string& text);

}  // namespace tenfold::broker
