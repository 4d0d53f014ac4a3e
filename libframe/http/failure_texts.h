// Failures as a visitor is told of them: one table from (origin, kind) to status, code, text and log level. The broker
// answers by it, and so does an agent that answers in its app's place on a pooled socket. docs/OPERATING.md shows the
// same table; tests/http/failure_texts_test.cc holds the two together.
//
// The code is stable, for programs: it stands in JSON answers, in the log and as a metric's label.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/log.h"

namespace tenfold {

// An agent that answers a pooled socket in its app's place says by this field which code it is.
inline constexpr std::string_view cause_code_field = "Tenfold-Cause";

struct FailureForm {
  Origin origin;
  ErrorKind kind;
  int status;
  std::string_view code;
  std::string_view text;  // for people; "{}" stands for the error's detail
  LogLevel level;

  // Whether it heals by itself: the answer bears Retry-After.
  bool heals() const { return status == 503 || status == 429; }
};

std::span<const FailureForm> failure_forms();

// The row of an error. One that has none of its own is `app-broke` when the app or nothing is to blame, and otherwise
// `agent-away`, `peer-unreachable`, `registry-away` or `internal`, by its origin.
const FailureForm& failure_form(const Error& error);

// The row's text, with the error's detail in its place.
std::string failure_text(const Error& error);

}  // namespace tenfold
