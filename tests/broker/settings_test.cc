// What a reload changes, and what it cannot.
#include <doctest/doctest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "broker/settings.h"
#include "some_tokens.h"
#include "support/test_certificate.h"
#include "support/test_runtime.h"

using namespace tenfold;
using namespace tenfold::broker;
using tenfold::broker::test::hashed_line;
using tenfold::broker::test::with_tokens;
using tenfold::test::RecordingLog;

namespace {

Options parse(std::vector<const char*> flags) {
  flags.insert(flags.begin(), {"broker", "--http", "127.0.0.1:0"});
  const Result<ParsedOptions> parsed = parse_options(static_cast<int>(flags.size()), flags.data());
  if (!parsed) FAIL(parsed.error().detail);
  return parsed->options;
}

Settings read(const Options& options, const Settings* former = nullptr) {
  RecordingLog log;
  Result<Settings> settings = read_settings(options, log, former);
  if (!settings) FAIL(settings.error().detail);
  return *std::move(settings);
}

std::string changed(const Options& before, const Options& after) {
  const Settings former = read(before);
  return changes(former, read(after, &former), before.given, after.given);
}

}  // namespace

TEST_CASE("of the options those that can change do, and the others are named") {
  const Options started = parse({"--domain", "a.example", "--drain-timeout", "5s", "--max-conn", "3"});
  const Options wanted =
      parse({"--domain", "b.example", "--drain-timeout", "9s", "--proxy", "10.0.0.1", "--classic", "off"});
  CHECK(restart_needed(started, wanted) == std::vector<std::string>{"--classic", "--domain", "--max-conn"});
  const Options now = reloaded_options(started, wanted);
  CHECK(now.domain == "a.example");
  CHECK(now.classic);
  CHECK(now.max_conn == 3);
  CHECK(now.drain_time == 9s);
  CHECK(now.proxies.contains("10.0.0.1"));
  CHECK(changed(started, now) == "drain-timeout, proxy");
  // Until the restart, each time.
  CHECK(restart_needed(now, wanted).size() == 3);
  CHECK(changed(now, reloaded_options(now, wanted)) == "nothing");
  // As it was again: nothing is left to say.
  CHECK(restart_needed(now, started).empty());
  CHECK(changed(now, reloaded_options(now, started)) == "drain-timeout, proxy");
}

TEST_CASE("tokens that came, went or changed are counted, and those that are worth nothing any more named") {
  const tenfold::test::TemporaryDirectory directory;
  const std::string path =
      directory.write("tokens", hashed_line("a", "1") + hashed_line("b", "2") + hashed_line("c", "3"));
  const Options options = parse({"--token-file", path.c_str()});
  const Settings before = read(options);
  directory.write("tokens", hashed_line("a", "1", "tunnels=3") + hashed_line("b", "other") + hashed_line("d", "4"));
  const Settings after = read(options, &before);
  CHECK(changes(before, after, options.given, options.given) == "tokens (2 new, 2 revoked, 1 with other rules)");
  CHECK(revoked_tokens(before.admission.tokens.get(), after.admission.tokens.get()) ==
        std::vector<std::string>{"b", "c"});
  CHECK(revoked_tokens(nullptr, after.admission.tokens.get()).empty());
}

TEST_CASE("a certificate that was renewed in place is a change") {
  const tenfold::test::TemporaryDirectory directory;
  const std::string cert = directory.path() + "/cert";
  const std::string key = directory.path() + "/key";
  const auto renew = [&] {
    const tenfold::test::CertificateFiles files = tenfold::test::make_certificate(directory.path(), {"a.example"});
    const auto over = std::filesystem::copy_options::overwrite_existing;
    std::filesystem::copy_file(files.cert, cert, over);
    std::filesystem::copy_file(files.key, key, over);
  };
  renew();
  const Options options = parse({"--https", "127.0.0.1:0", "--tls-cert", cert.c_str(), "--tls-key", key.c_str()});
  const Settings before = read(options);
  CHECK(changes(before, read(options, &before), options.given, options.given) == "nothing");
  renew();
  CHECK(changes(before, read(options, &before), options.given, options.given) == "certificate");
}

TEST_CASE("the random key of resume tokens stays, until a file takes its place; what stands there may rotate") {
  const tenfold::test::TemporaryDirectory directory;
  const std::string one(32, '1');
  const std::string two(32, '2');
  const std::string path = directory.write("keys", one + "\n");
  const Settings random = read(parse({}));
  CHECK(random.cluster_keys.size() == 1);
  CHECK(read(parse({}), &random).cluster_keys == random.cluster_keys);
  CHECK(read(parse({})).cluster_keys != random.cluster_keys);
  const Options options = parse({"--cluster-secret-file", path.c_str()});
  const Settings from_file = read(options, &random);
  CHECK(from_file.cluster_keys == std::vector<std::string>{one});
  directory.write("keys", two + "\n" + one + "\n");
  const Settings rotated = read(options, &from_file);
  CHECK(rotated.cluster_keys == std::vector<std::string>{two, one});
  CHECK(changes(from_file, rotated, options.given, options.given) == "cluster keys");
}

TEST_CASE("a token file in which secrets stand, or nothing, is told in the log") {
  const tenfold::test::TemporaryDirectory directory;
  RecordingLog log;
  const std::string plain = directory.write("plain", "s3cret-one a\ns3cret-two\n" + hashed_line("b", "x"));
  REQUIRE(read_settings(parse({"--token-file", plain.c_str()}), log));
  REQUIRE(log.lines.size() == 1);
  CHECK(log.lines[0].find("token-plain") != std::string::npos);
  CHECK(log.lines[0].find("tokens=2") != std::string::npos);
  CHECK(log.lines[0].find("s3cret") == std::string::npos);
  const std::string empty = directory.write("empty", "# none\n");
  const Result<Settings> closed = read_settings(parse({"--token-file", empty.c_str()}), log);
  REQUIRE(closed);
  CHECK(closed->admission.tokens != nullptr);
  CHECK(log.lines[1].find("token-file-empty") != std::string::npos);
}

TEST_CASE("a file that cannot be read is told with its flag") {
  RecordingLog log;
  const Result<Settings> none = read_settings(parse({"--token-file", "/none/tokens"}), log);
  REQUIRE_FALSE(none);
  CHECK(none.error().detail.starts_with("--token-file: "));
}
