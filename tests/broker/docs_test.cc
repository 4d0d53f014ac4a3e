// The numbers of docs/OPERATING.md are the code's: each is said there once, and found by the words beside it.
#include <doctest/doctest.h>

#include <chrono>
#include <fstream>
#include <sstream>
#include <string>

#include "base/limits.h"
#include "broker/rules.h"

using namespace tenfold;
using namespace tenfold::broker;

namespace {

std::string page() {
  std::ifstream file(TENFOLD_SOURCE_DIR "/docs/OPERATING.md");
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

// "10 min", "1 h", "75 s", as the page writes them.
std::string written(Duration time) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(time).count();
  if (seconds % 3600 == 0) return std::to_string(seconds / 3600) + " h";
  if (seconds % 60 == 0 && seconds >= 300) return std::to_string(seconds / 60) + " min";
  return std::to_string(seconds) + " s";
}

std::string kib(std::size_t bytes) { return std::to_string(bytes / limits::KiB) + " KiB"; }

}  // namespace

TEST_CASE("the operator's page says each time and each limit as it is") {
  const std::string text = page();
  const std::string expected[] = {
      "first byte of its answer | " + written(limits::first_byte_time) + " | `--first-byte`",
      "answer of known length | " + written(limits::body_idle) + " | `--body-idle`",
      "`logs -f`) | " + written(limits::stream_idle) + " | `--stream-idle`",
      "body of known length | " + written(limits::body_idle) + " | `--body-idle` | 408",
      "chunked body | " + written(limits::stream_idle) + " | `--stream-idle` | 408",
      "nothing of his answer | " + written(limits::reader_idle),
      "his stream or socket | " + written(rules::reader_stands),
      "behind a whole request | " + written(limits::half_close_time),
      "a request's head | " + written(limits::head_time),
      "on a kept connection | " + written(limits::keep_alive_idle),
      "a listed proxy has " + written(rules::keep_alive_idle_proxy),
      "his last answer | " + written(limits::linger_time) + " of silence, " + written(limits::linger_most) +
          " in all; " + written(limits::linger_refused),
      "before he was cut | " + written(limits::parting_time),
      "first line may have " + kib(limits::request_line_bytes),
      "its head " + kib(limits::head_bytes) + " and " + std::to_string(limits::head_fields) + " fields",
      "more than " + kib(limits::answer_head_bytes) + " or " + std::to_string(limits::answer_fields) + " fields",
      "within " + written(rules::waiting_time) + ", or " + std::to_string(rules::waiting_visitors) + " wait already",
      "registry within " + written(rules::registry_time),
      std::to_string(rules::tunnels_per_ip) + " tunnels at once and " + std::to_string(rules::creates_per_ip) +
          " new ones a minute",
      written(rules::warmup_time) + " after the start (`--warmup`)",
      std::to_string(rules::admin_connections) + " connections are taken at once",
      std::to_string(rules::access_method) + " bytes and " + kib(rules::access_target) + " at most",
      "gathered for " + std::to_string(rules::access_delay / 1ms) + " ms",
      std::to_string(rules::access_queued / limits::MiB) + " MiB wait at most",
      "403 `banned`, " + std::to_string(rules::ban_most / 24h) + " days at most",
  };
  for (const std::string& words : expected) {
    CAPTURE(words);
    CHECK(text.find(words) != std::string::npos);
  }
}
