// The table of failures, by itself and against docs/OPERATING.md.
#include "http/failure_texts.h"

#include <doctest/doctest.h>

#include <fstream>
#include <set>
#include <sstream>
#include <string>

using namespace tenfold;

TEST_CASE("a failure has one row, and each row a code of its own") {
  std::set<std::pair<Origin, ErrorKind>> keys;
  std::set<std::string_view> codes;
  for (const FailureForm& form : failure_forms()) {
    CAPTURE(form.code);
    CHECK(keys.emplace(form.origin, form.kind).second);
    CHECK(codes.insert(form.code).second);
    CHECK((form.text.ends_with('.') || form.text.ends_with('?')));
    CHECK(&failure_form({form.kind, {}, form.origin}) == &form);
  }
}

TEST_CASE("only the app's own silence is a 504, only its own refusal, or a replica out of reach, a 502") {
  for (const FailureForm& form : failure_forms()) {
    CAPTURE(form.code);
    const bool out_of_reach = form.origin == Origin::peer && form.kind == ErrorKind::closed;
    CHECK((form.status == 504 || form.status == 502) == (form.origin == Origin::app || out_of_reach));
    CHECK((form.status == 504) == (form.origin == Origin::app && form.kind == ErrorKind::silent));
    CHECK(((form.status == 502 || form.status == 504) == (form.code.starts_with("app-") || out_of_reach)));
  }
}

TEST_CASE("an error without a row of its own goes by its origin") {
  CHECK(failure_form({ErrorKind::timeout, {}, Origin::link}).code == "agent-away");
  CHECK(failure_form({ErrorKind::unbegun, {}, Origin::agent}).code == "agent-away");
  CHECK(failure_form({ErrorKind::cancelled, {}, Origin::app}).code == "app-broke");
  CHECK(failure_form({ErrorKind::dns, {}, Origin::registry}).code == "registry-away");
  for (const ErrorKind kind : {ErrorKind::refused, ErrorKind::timeout, ErrorKind::tls, ErrorKind::limit}) {
    CHECK(failure_form({kind, {}, Origin::peer}).code == "peer-unreachable");
  }
  CHECK(failure_form({ErrorKind::usage, {}, Origin::broker}).code == "internal");
}

TEST_CASE("the detail stands in the text where the row has room for it") {
  CHECK(failure_text({ErrorKind::protocol, "is not valid HTTP: bad-status", Origin::app}) ==
        "The app behind this tunnel sent an answer that is not valid HTTP: bad-status.");
  CHECK(failure_text({ErrorKind::refused, "10.0.0.7:80", Origin::app}).find("10.0.0.7") == std::string::npos);
}

TEST_CASE("the operator's page has each row") {
  std::ifstream file(TENFOLD_SOURCE_DIR "/docs/OPERATING.md");
  std::stringstream page;
  page << file.rdbuf();
  const std::string text = page.str();
  for (const FailureForm& form : failure_forms()) {
    const std::string row = "| " + std::to_string(form.status) + " | `" + std::string(form.code) + "` | " +
                            to_string(form.origin) + " | " + (form.heals() ? "yes" : "") +
                            (form.heals() ? " | " : "| ");
    CAPTURE(row);
    CHECK(text.find(row) != std::string::npos);
  }
}
