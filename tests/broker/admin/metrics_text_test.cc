// What a scrape holds, of a broker in which little has happened: each family of the operator's page, sums that agree,
// and labels whose number is bounded.
#include "broker/admin/metrics_text.h"

#include <doctest/doctest.h>

#include <fstream>
#include <set>
#include <sstream>
#include <string>

#include "broker/tunnels/resume_token.h"
#include "public_rig.h"

using namespace tenfold;
using namespace tenfold::broker;
using namespace tenfold::broker::test;

namespace {

struct Scraped {
  Rig rig;
  tenfold::test::RecordingLog log;
  Loop loop{log};
  Readiness readiness;
  ResumeTokens resume_tokens{std::vector<std::string>{std::string(rules::cluster_key_least, 'k')}};
  LinkSide link_side{loop, rig.registry, rig.admission, resume_tokens, "test"};
  LinkDoor links{link_side};
  AddressCounts addresses{10};
  ProxyList header_senders;
  FrontDoor door{loop, {}, rig.proxies, header_senders, addresses, rig.shared, rig.desk, links};
  Sources sources{rig.rt.runtime,           readiness, rig.metrics, rig.names, links, door, rig.desk,
                  rig.admission.refusals(), nullptr,   1 << 20};

  std::string text() const { return metrics_text(sources); }
  bool has(const std::string& line) const { return ("\n" + text()).find("\n" + line + "\n") != std::string::npos; }
};

}  // namespace

TEST_CASE("the operator's page lists each family, and no other") {
  Scraped scraped;
  std::set<std::string> families;
  std::istringstream text(scraped.text());
  for (std::string line; std::getline(text, line);) {
    if (line.starts_with("# TYPE ")) families.insert(line.substr(7, line.find(' ', 7) - 7));
  }
  std::set<std::string> listed;
  std::ifstream page(TENFOLD_SOURCE_DIR "/docs/OPERATING.md");
  for (std::string line; std::getline(page, line);) {
    if (line.starts_with("| `tenfold_") || line.starts_with("| `process_")) {
      listed.insert(line.substr(3, line.find('`', 3) - 3));
    }
  }
  CHECK(families == listed);
}

TEST_CASE("a request is in each number that it belongs to, and in no other") {
  Scraped scraped;
  scraped.rig.browser_says("GET / HTTP/1.1\r\nHost: myapp.example.test\r\n\r\n");
  scraped.rig.rt.pass(3ms);
  scraped.rig.app_says("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  CHECK(scraped.has("tenfold_requests_total{outcome=\"served\",origin=\"app\"} 1"));
  CHECK(scraped.has("tenfold_requests_total{outcome=\"failed\",origin=\"app\"} 0"));
  CHECK(scraped.has("tenfold_responses_total{class=\"2xx\"} 1"));
  CHECK(scraped.has("tenfold_response_body_bytes_total 2"));
  CHECK(scraped.has("tenfold_request_duration_seconds_bucket{le=\"0.002\"} 0"));
  CHECK(scraped.has("tenfold_request_duration_seconds_bucket{le=\"0.004\"} 1"));
  CHECK(scraped.has("tenfold_request_duration_seconds_bucket{le=\"+Inf\"} 1"));
  CHECK(scraped.has("tenfold_request_duration_seconds_count 1"));
  CHECK(scraped.has("tenfold_request_phase_seconds_count{phase=\"app\"} 1"));
  CHECK(scraped.has("tenfold_requests_running 0"));
}

TEST_CASE("reasons beyond the most are counted as others") {
  Scraped scraped;
  RequestRecord record;
  for (std::size_t i = 0; i < rules::reject_reasons + 5; ++i) {
    const std::string reason = "reason-" + std::to_string(i);
    record.begin(TimePoint{}, "id", "peer");
    record.outcome = Outcome::rejected;
    record.reason = reason;
    scraped.rig.metrics.add(record);
  }
  CHECK(scraped.has("tenfold_rejects_total{reason=\"other\"} 5"));
}

TEST_CASE("a check that fails, a registry that is away, and peers are shown") {
  Scraped scraped;
  std::string why;
  scraped.readiness.add("draining", [&why] { return why; });
  CHECK(scraped.has("tenfold_ready 1"));
  why = "the broker is going down";
  CHECK(scraped.has("tenfold_ready 0"));
  CHECK(scraped.has("tenfold_ready_check{check=\"draining\"} 0"));
  CHECK(scraped.has("tenfold_registry_up 1"));
  scraped.sources.registry = [] { return RegistryFigures{true, 7, 2, {}}; };
  scraped.sources.peers = [] { return std::vector<PeerFigures>{{"a", "x", true}, {"b", "y", false}}; };
  CHECK(scraped.has("tenfold_registry_up 0"));
  CHECK(scraped.has("tenfold_registry_answers_total{result=\"unanswered\"} 2"));
  CHECK(scraped.has("tenfold_peers{state=\"connected\"} 1"));
  CHECK(scraped.has("tenfold_peers{state=\"away\"} 1"));
}
