// The access log's line: one JSON object for each request, whatever its path holds, and nothing secret in it.
#include "broker/admin/access_line.h"

#include <doctest/doctest.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>

using namespace tenfold;
using namespace tenfold::broker;

namespace {

const TimePoint start{std::chrono::hours(1)};

RequestRecord served(std::string_view target, std::string_view tunnel = "myapp") {
  RequestRecord record;
  record.begin(start, "0123456789abcdef", "203.0.113.9:1234");
  record.keep_request({"GET", target, 1, {}, "myapp.example.test"});
  record.tunnel = tunnel;
  record.outcome = Outcome::served;
  record.status = 200;
  record.body_in = 0;
  record.body_out = 12345;
  record.assigned = start + 15us;
  record.opened = start + 40us;
  record.link = 2ms;
  record.first_byte = start + 10'040us;
  record.ended = start + 20ms;
  return record;
}

std::string line(const RequestRecord& record, bool query = true) {
  const auto room = std::make_unique<char[]>(access_line_most);
  const char* end = write_access_line(room.get(), record, "2026-01-31T12:00:01", 7, query);
  REQUIRE(end <= room.get() + access_line_most);
  return {room.get(), static_cast<std::size_t>(end - room.get())};
}

std::string path_of(const RequestRecord& record, bool query = true) {
  return nlohmann::json::parse(line(record, query)).at("path");
}

}  // namespace

TEST_CASE("a served request's line") {
  CHECK(line(served("/a?b=c")) ==
        R"({"time":"2026-01-31T12:00:01.007Z","request":"0123456789abcdef","tunnel":"myapp",)"
        R"("peer":"203.0.113.9:1234","method":"GET","path":"/a?b=c","status":200,"in":0,"out":12345,)"
        R"("edge_us":15,"wait_us":25,"link_us":2000,"app_us":8000,"total_us":20000,)"
        R"("outcome":"served","origin":"app"})"
        "\n");
}

TEST_CASE("the line of a request that failed says by which code and whose") {
  RequestRecord record = served("/");
  record.outcome = Outcome::failed;
  record.status = 504;
  record.why = {ErrorKind::silent, "the app", Origin::app};
  record.limit = http::Limit::first_byte;
  record.client = "198.51.100.7";
  const nlohmann::json parsed = nlohmann::json::parse(line(record));
  CHECK(parsed["outcome"] == "failed");
  CHECK(parsed["origin"] == "app");
  CHECK(parsed["code"] == "app-timeout");
  CHECK(parsed["limit"] == "first-byte");
  CHECK(parsed["client"] == "198.51.100.7");
}

TEST_CASE("the line of a request that was rejected says why, and has no phases that were not reached") {
  RequestRecord record;
  record.begin(start, "id", "203.0.113.9:1234");
  record.keep_request({});
  record.outcome = Outcome::rejected;
  record.status = 400;
  record.reason = "bare-lf";
  record.ended = start + 3us;
  const nlohmann::json parsed = nlohmann::json::parse(line(record));
  CHECK(parsed["reason"] == "bare-lf");
  CHECK(parsed["origin"] == "visitor");
  CHECK(parsed["edge_us"] == 3);
  CHECK(parsed["wait_us"] == 0);
  CHECK(parsed["app_us"] == 0);
}

TEST_CASE("any byte of a path leaves the line one object of printable ASCII") {
  std::string target = "/";
  for (int byte = 0; byte < 256; ++byte) target += static_cast<char>(byte);
  const std::string text = line(served(target));
  CHECK(text.find('\n') == text.size() - 1);
  for (const char c : text.substr(0, text.size() - 1)) {
    const bool printable = c >= 0x20 && c < 0x7f;
    CHECK(printable);
  }
  const std::string path = nlohmann::json::parse(text)["path"];
  CHECK(path.find("%00%01") != std::string::npos);
  CHECK(path.find("!\"#") != std::string::npos);
  CHECK(path.ends_with("%FE%FF"));
}

TEST_CASE("the longest path and method fit") {
  RequestRecord record = served(std::string(rules::access_target * 2, '\xff'));
  const std::string method(rules::access_method, 'M');
  record.method = method;
  record.request_id.assign(128, 'r');
  CHECK(path_of(record).size() == 3 * rules::access_target);
}

TEST_CASE("a method may be anything in a head that cannot be read") {
  RequestRecord record = served("/");
  record.keep_request({"G\"\n\xff-x1", "/", 1, {}, ""});
  CHECK(nlohmann::json::parse(line(record)).at("method") == std::string("G") + std::string(3, '?') + "-x1");
  record.keep_request({"PROPFIND", "/", 1, {}, ""});
  CHECK(nlohmann::json::parse(line(record)).at("method") == "PROPFIND");
}

TEST_CASE("the query is left out where the operator wants it so") {
  CHECK(path_of(served("/a?token=secret"), true) == "/a?token=secret");
  CHECK(path_of(served("/a?token=secret"), false) == "/a");
}

TEST_CASE("of a request to the broker itself the line has only the broker's own paths") {
  CHECK(path_of(served("/?new&token=secret", "")) == "/");
  CHECK(path_of(served("/api/tunnels/x/status", "")) == "/api/tunnels/x/status");
  CHECK(path_of(served("/myname?token=secret", "")) == "/myname");
  CHECK(path_of(served("/tf_secret/myname", "")) == "/myname");
  CHECK(path_of(served("/tf_secret", "")) == "/...");
  CHECK(path_of(served("/secret/myname", "")) == "/...");
  CHECK(path_of(served("/Secret.1", "")) == "/...");
}
