#include "http/page.h"

#include <doctest/doctest.h>

#include "http/date_text.h"

using namespace tenfold;
using namespace tenfold::http;

TEST_CASE("a date is written as RFC 9110 5.6.7 has it") {
  DateText dates;
  CHECK(dates.at(784111777) == "Sun, 06 Nov 1994 08:49:37 GMT");
  CHECK(dates.at(784111777) == "Sun, 06 Nov 1994 08:49:37 GMT");
  CHECK(dates.at(951782400) == "Tue, 29 Feb 2000 00:00:00 GMT");
  CHECK(dates.now().size() == 29);
}

TEST_CASE("each status that a server answers with has its phrase") {
  for (const int status :
       {100, 101, 200, 302, 400, 401, 403, 404, 408, 409, 414, 421, 426, 429, 431, 500, 501, 502, 503, 504, 505, 508}) {
    CAPTURE(status);
    CHECK_FALSE(reason_phrase(status).empty());
  }
  CHECK(reason_phrase(431) == "Request Header Fields Too Large");
  CHECK(reason_phrase(299).empty());
}

TEST_CASE("a page comes in the form that is asked for") {
  const auto page = [](std::string_view accept) {
    return failure_page(503, "away", "The <agent> is away.", {{"Accept", accept}}, "r1");
  };
  CHECK(page("*/*").content_type == "text/plain; charset=utf-8");
  CHECK(page("*/*").body == "503 The <agent> is away.\n");
  CHECK(page("application/json").body == R"({"code":"away","message":"The <agent> is away.","request":"r1"})");
  CHECK(page("text/html,*/*").content_type == "text/html; charset=utf-8");
  CHECK(page("text/html").body.find("The &lt;agent&gt; is away.") != std::string::npos);
  CHECK(page("text/html").body.find("request r1") != std::string::npos);
}

TEST_CASE("a page without a request id says nothing of one") {
  CHECK(failure_page(502, "broke", "It broke.", {{"Accept", "text/html"}}, {}).body.find("request") ==
        std::string::npos);
  CHECK(failure_page(502, "broke", "It broke.", {{"Accept", "application/json"}}, {}).body ==
        R"({"code":"broke","message":"It broke."})");
}

TEST_CASE("a page cannot be made to carry markup") {
  const Page page = failure_page(502, "x", "<script>&\"", {{"Accept", "text/html"}}, "id");
  CHECK(page.body.find("<script>") == std::string::npos);
  CHECK(page.body.find("&lt;script&gt;&amp;&quot;") != std::string::npos);
}
