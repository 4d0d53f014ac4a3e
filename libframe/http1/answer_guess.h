// Guesses a protocol from the first bytes that an app sent in place of an HTTP/1.1 answer. For people: a line on a
// terminal, a field of a log. Pure.
//
//   if (!begins_as_answer(bytes)) say(escaped(bytes), guess_of(bytes));
#pragma once

#include <string>
#include <string_view>

#include "base/bytes.h"

namespace tenfold::http1 {

// Whether `beginning`, which may be short, can begin an answer.
bool begins_as_answer(Bytes beginning);

// The rest of a sentence about the app that sent `beginning`: "speaks TLS: try https://"; "" if unknown.
std::string_view guess_of(Bytes beginning);

// At most the first 16 bytes; bytes that are not printable ASCII become \xNN.
std::string escaped(Bytes beginning);

}  // namespace tenfold::http1
