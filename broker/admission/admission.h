// Admission: decides who may make tunnels, and how many. If the operator requires a token, a valid one admits the
// client and lifts the limits by address.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "base/runtime.h"
#include "broker/rules.h"
#include "mux/handshake.h"

namespace tenfold::broker {

struct Token {
  std::string secret;
  // The owner of the tunnels that are made with it; independent of its position in the file.
  std::string name;
};

struct AdmissionOptions {
  std::vector<Token> tokens;  // empty: no token is required
  std::size_t tunnels_per_ip = rules::tunnels_per_ip;
  std::size_t creates_per_ip = rules::creates_per_ip;  // per rules::creates_window
};

// One token per line, optionally followed by its name; otherwise the name is derived from the token. Empty lines and
// lines that start with '#' are ignored. Errors (usage) name the file and the line.
Result<std::vector<Token>> read_token_file(const std::string& path);

class Admission {
 public:
  Admission(Runtime& runtime, AdmissionOptions options);

  struct Verdict {
    handshake::Refusal refusal = handshake::Refusal::none;
    std::string_view token{};  // the name of the token that was used; empty: none
    bool charged = false;      // the attempt was counted
    bool trusted() const { return !token.empty(); }
  };
  // The purpose of an attempt.
  enum class For {
    new_tunnel,
    resumed,  // a tunnel with its resume token: it is already counted, so no limit applies
  };
  // `authorization`: the value of that field, or empty. Counts an admitted attempt. Connections from this machine have
  // no limits by address.
  Verdict admit(std::string_view client_ip, std::string_view authorization, For what = For::new_tunnel);

  // One more tunnel on an admitted link: limited by address only.
  handshake::Refusal admit_another(std::string_view client_ip);

  // Whether another tunnel of that address may stand. To be asked again when its name is claimed: others that were
  // admitted at the same time may stand by then.
  bool has_room(std::string_view client_ip) const;

  // A counted attempt yielded no tunnel, for a reason unrelated to limits.
  void refund(std::string_view client_ip);

  // A tunnel of that address was made, or has ended.
  void on_tunnel_up(std::string_view client_ip);
  void on_tunnel_down(std::string_view client_ip);

  // The number of address groups in memory.
  std::size_t size() const { return addresses_.size(); }

 private:
  struct Address {
    std::size_t tunnels = 0;
    std::size_t creates = 0;  // since window_start
    TimePoint window_start{};
  };
  void forget_idle();

  Runtime& runtime_;
  const AdmissionOptions options_;
  std::unordered_map<std::string, Address> addresses_;  // by address_group()
  std::size_t forget_at_ = 1024;                        // the number of addresses at which idle ones are removed
};

}  // namespace tenfold::broker
