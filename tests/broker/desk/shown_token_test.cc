// Where a request to the broker shows its token, and what of its target may be seen.
#include <doctest/doctest.h>

#include "broker/desk/shown_token.h"

using namespace tenfold;
using namespace tenfold::broker;

namespace {

std::string shown(std::string_view target, std::string_view authorization = {}) {
  http::RequestHead head;
  head.target = target;
  if (!authorization.empty()) head.fields.push_back({"Authorization", authorization});
  return shown_token(head);
}

}  // namespace

TEST_CASE("a token is shown by Authorization, in the path or in the query") {
  CHECK(shown("/?new", "Bearer tf_abc") == "tf_abc");
  CHECK(shown("/?new", "bearer tf_abc") == "tf_abc");
  CHECK(shown("/?new", "Basic eDp0Zl9hYmM=") == "tf_abc");  // x:tf_abc
  CHECK(shown("/tf_abc/?new") == "tf_abc");
  CHECK(shown("/tf_abc/myapp") == "tf_abc");
  CHECK(shown("/myapp?token=plain") == "plain");
  CHECK(shown("/?new&token=tf_abc&x=1") == "tf_abc");
  CHECK(shown("/?new").empty());
  CHECK(shown("/?new&token=").empty());
  CHECK(shown("/myapp?mytoken=x").empty());
  CHECK(shown("/plain/myapp").empty());
}

TEST_CASE("what Authorization shows counts before the target, also when it is none") {
  CHECK(shown("/tf_abc/myapp", "Bearer other") == "other");
  CHECK(shown("/tf_abc/myapp", "Basic other") == "Basic other");
  CHECK(shown("/tf_abc/myapp", "Digest x") == "Digest x");
}

TEST_CASE("a target is read without the secret before its path") {
  const OwnTarget named = read_own_target("/tf_abc/myapp?x=1");
  CHECK(named.path == "/myapp");
  CHECK(named.query == "x=1");
  CHECK(read_own_target("/tf_abc/?new").path == "/");
  CHECK(read_own_target("/tf_abc").path.empty());
  CHECK(read_own_target("/myapp").path == "/myapp");
  CHECK(read_own_target("/a/tf_abc/b").path == "/a/tf_abc/b");
}
