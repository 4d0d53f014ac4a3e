// What it was that an app said where an answer of HTTP/1.1 was due, as far as its first bytes tell. For people: a line
// on a terminal, a field of a log. Pure.
//
//   if (!begins_as_answer(bytes)) say(escaped(bytes), guess_of(bytes));
#pragma once

#include <string>
#include <string_view>

#include "base/bytes.h"

namespace tenfold::http1 {

// Whether `beginning` may be the beginning of an answer, as far as it goes.
bool begins_as_answer(Bytes beginning);

// The rest of a sentence about an app that `beginning` came from: "speaks TLS: try https://"; "" where nothing is
// known.
std::string_view guess_of(Bytes beginning);

// The first 16 bytes at most, what is not printable ASCII as \xNN.
std::string escaped(Bytes beginning);

}  // namespace tenfold::http1
