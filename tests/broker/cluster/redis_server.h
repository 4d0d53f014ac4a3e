// The real redis-server, on a unix socket in a folder of its own, and a few directories that share it on one loop.
#pragma once

#include <doctest/doctest.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "broker/cluster/directory.h"
#include "io_world.h"
#include "support/test_certificate.h"

namespace tenfold::broker::test {

using tenfold::test::IoWorld;

// Where redis-server is; empty: not on this machine.
inline std::string find_redis_server() {
  const char* path = std::getenv("PATH");
  std::string folders = std::string(path == nullptr ? "" : path) + ":/usr/bin:/usr/sbin:";
  for (std::size_t at = 0, end = 0; (end = folders.find(':', at)) != std::string::npos; at = end + 1) {
    const std::string program = folders.substr(at, end - at) + "/redis-server";
    if (::access(program.c_str(), X_OK) == 0) return program;
  }
  return {};
}

inline bool has_redis() {
  static const bool has = !find_redis_server().empty();
  if (!has) MESSAGE("skipped: there is no redis-server in PATH");
  return has;
}

// Asks again and again what is answered by runs of the loop of its own, so not from inside of one.
template <typename Done>
void ask_until(IoWorld& world, Done done) {
  const auto deadline = std::chrono::steady_clock::now() + 20s;
  while (!done()) {
    REQUIRE_MESSAGE(std::chrono::steady_clock::now() < deadline, "this has not happened in time");
    world.run_turns();
  }
}

class RedisServer {
 public:
  explicit RedisServer(std::vector<std::string> more = {}) : more_(std::move(more)) { start(); }
  ~RedisServer() { kill(); }
  RedisServer(const RedisServer&) = delete;
  RedisServer& operator=(const RedisServer&) = delete;

  void start() {
    std::vector<std::string> words = {find_redis_server(),
                                      "--port",
                                      "0",
                                      "--unixsocket",
                                      path(),
                                      "--save",
                                      "",
                                      "--dir",
                                      dir_.path(),
                                      "--logfile",
                                      dir_.path() + "/log",
                                      "--daemonize",
                                      "no"};
    words.insert(words.end(), more_.begin(), more_.end());
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    // No pipe of ours: a test that crashes must not keep who reads its output waiting for this server.
    posix_spawn_file_actions_t files;
    ::posix_spawn_file_actions_init(&files);
    for (const int fd : {STDOUT_FILENO, STDERR_FILENO}) {
      ::posix_spawn_file_actions_addopen(&files, fd, "/dev/null", O_WRONLY, 0);
    }
    const int failed = ::posix_spawn(&pid_, arguments[0], &files, nullptr, arguments.data(), environ);
    ::posix_spawn_file_actions_destroy(&files);
    REQUIRE(failed == 0);
  }
  // Without a farewell; a new one begins empty.
  void kill() {
    if (pid_ == 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(std::exchange(pid_, 0), nullptr, 0);
    ::unlink(path().c_str());
  }
  void pause() const { ::kill(pid_, SIGSTOP); }
  void go_on() const { ::kill(pid_, SIGCONT); }

  RedisAddress address() const { return *RedisAddress::parse("redis://unix:" + path()); }

 private:
  std::string path() const { return dir_.path() + "/socket"; }

  tenfold::test::TemporaryDirectory dir_;
  std::vector<std::string> more_;
  pid_t pid_ = 0;
};

// What an operator types into redis-cli.
class RedisShell final : private RedisClient::Handler, private RedisCall {
 public:
  RedisShell(IoWorld& world, const RedisServer& server)
      : world_(world), dialer_(world.loop, server.address()), client_(world.loop.runtime(), dialer_, {}, *this) {
    client_.start();
  }
  RedisReply run(std::vector<std::string> words) {
    answer_.reset();
    send(words);
    world_.run_until([&] {
      if (!answer_ && !pending()) send(words);
      return answer_.has_value();
    });
    return *answer_;
  }

 private:
  void send(const std::vector<std::string>& words) { client_.send(*this, words); }
  void on_reply(const RedisReply& reply) override { answer_ = reply; }
  void on_away() override {}
  void on_redis_connected() override {}
  void on_redis_away(const Error&) override {}
  void on_redis_back(Duration) override {}

  IoWorld& world_;
  SocketRedisDialer dialer_;
  RedisClient client_;
  std::optional<RedisReply> answer_;
};

struct Looked final : Directory::Lookup {
  enum class Answer { none, found, unknown, away };
  void on_found(const NameView& name) override {
    answer = Answer::found;
    view = name;
  }
  void on_unknown() override { answer = Answer::unknown; }
  void on_lookup_away() override { answer = Answer::away; }
  Answer answer = Answer::none;
  NameView view;
};

struct Claimed final : Directory::ClaimCall {
  void on_claimed(std::uint64_t given) override { generation = given; }
  void on_claim_refused(ClaimRefusal why) override { refusal = why; }
  void on_claim_away() override { away = true; }
  bool answered() const { return generation != 0 || refusal || away; }
  std::uint64_t generation = 0;
  std::optional<ClaimRefusal> refusal;
  bool away = false;
};

struct Banned final : Directory::BanCall {
  void on_banned() override { done = true; }
  void on_ban_away() override { away = true; }
  bool done = false;
  bool away = false;
};

inline NameRequest ask(const std::string& name, const std::string& owner, bool proves = true) {
  NameRequest request{name, owner, proves};
  request.instance = owner + "-instance";
  return request;
}

inline constexpr ClusterTimes short_times{600ms, 150ms, 2s, 2s, 1h};

// One replica.
class Replica final : public Directory::Handler {
 public:
  Replica(IoWorld& world, const RedisServer& server, const std::string& id, ClusterTimes times = short_times)
      : Replica(world, server.address(), id, times) {}
  Replica(IoWorld& world, const RedisAddress& address, const std::string& id, ClusterTimes times = short_times,
          const std::shared_ptr<TlsContext>& tls = nullptr)
      : world_(world),
        commands_(world.loop, address, tls),
        events_(world.loop, address, tls),
        directory(world.loop.runtime(), commands_, events_,
                  {{id, ++epochs},
                   id + ".peer:7443",
                   {address.user, address.password, address.database, static_cast<std::uint32_t>(epochs)},
                   times},
                  *this) {
    directory.start();
  }

  // New names are given.
  void wait_until_calm() {
    world_.run_until([&] { return directory.is_up() && !directory.is_warming() && lost != 0; });
  }
  NameView must_find(const std::string& name, const std::function<bool(const NameView&)>& good) {
    Looked looked;
    directory.lookup(name, looked);
    world_.run_until([&] {
      if (looked.answer == Looked::Answer::found && good(looked.view)) return true;
      if (!looked.pending()) directory.lookup(name, looked);
      return false;
    });
    return looked.view;
  }
  Looked::Answer look(const std::string& name) {
    Looked looked;
    directory.lookup(name, looked);
    world_.run_until([&] { return looked.answer != Looked::Answer::none; });
    return looked.answer;
  }
  // The generation; 0: refused or away.
  std::uint64_t claim(const NameRequest& request) {
    Claimed call;
    directory.claim(request, call);
    world_.run_until([&] { return call.answered(); });
    refusal = call.refusal;
    away = call.away;
    return call.generation;
  }
  std::uint64_t claim_and_attach(const NameRequest& request) {
    const std::uint64_t generation = claim(request);
    REQUIRE(generation != 0);
    directory.attach({request.name, generation, request.owner, request.instance, 1, request.joins, ""});
    must_find(request.name, [&](const NameView& view) {
      return !view.members.empty() && view.members.back().generation == generation;
    });
    return generation;
  }
  void wait_for(NameEvent::Kind kind, const std::string& name, std::uint64_t generation = 0) {
    world_.run_until([&] {
      for (const NameEvent& event : events) {
        if (event.kind == kind && event.name == name && event.generation >= generation) return true;
      }
      return false;
    });
  }

  std::vector<NameEvent> events;
  int lost = 0;
  int went_away = 0;
  int came_back = 0;
  std::optional<ClaimRefusal> refusal;  // of the last claim
  bool away = false;                    // likewise

 private:
  void on_name_event(const NameEvent& event) override { events.push_back(event); }
  void on_events_lost() override { ++lost; }
  void on_registry_away(const Error&) override { ++went_away; }
  void on_registry_back(Duration) override { ++came_back; }

  static inline std::uint64_t epochs = 0;
  IoWorld& world_;
  SocketRedisDialer commands_;
  SocketRedisDialer events_;

 public:
  Directory directory;
};

}  // namespace tenfold::broker::test
