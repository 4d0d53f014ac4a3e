// Admission: who may make tunnels, and how many. A token, where the operator wants one, opens the door
// and lifts the limits by address.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/limits.h"
#include "base/result.h"
#include "base/runtime.h"
#include "mux/handshake.h"

namespace tenfold::broker {

struct Token {
  std::string secret;
  // Whose tunnels are made with it, wherever it stands in its file.
  std::string name;
};

struct AdmissionOptions {
  std::vector<Token> tokens;  // empty: everybody may
  std::size_t tunnels_per_ip = limits::tunnels_per_ip;
  std::size_t creates_per_ip = limits::creates_per_ip;  // in limits::creates_window
};

// One token a line, and its name behind it, if it has one; otherwise its name is made of the token. Empty lines and
// lines with '#' in front do not count. Errors (usage) name the file and the line.
Result<std::vector<Token>> read_token_file(const std::string& path);

class Admission {
 public:
  Admission(Runtime& runtime, AdmissionOptions options);

  struct Verdict {
    handshake::Refusal refusal = handshake::Refusal::none;
    std::string_view token{};  // the name of the one that it came with; empty: none
    bool charged = false;      // the attempt counts
    bool trusted() const { return !token.empty(); }
  };
  // What an attempt is for.
  enum class For {
    new_tunnel,
    resumed,  // a tunnel whose resume token it shows: it is counted already, and has no limit to pass
  };
  // `authorization`: that field's value, or empty. Counts the attempt when it is admitted.
  // Connections from this machine itself have no limits by address.
  Verdict admit(std::string_view client_ip, std::string_view authorization, For what = For::new_tunnel);

  // One more tunnel on a link that was admitted: by address alone.
  handshake::Refusal admit_another(std::string_view client_ip);

  // Whether another tunnel of that address may stand. To be asked again when its name is claimed: others that were
  // admitted at the same time may stand by then.
  bool has_room(std::string_view client_ip) const;

  // No tunnel came of an attempt that was counted, for a reason that has nothing to do with limits.
  void refund(std::string_view client_ip);

  // A tunnel of that address stands, or is gone.
  void on_tunnel_up(std::string_view client_ip);
  void on_tunnel_down(std::string_view client_ip);

  // Address groups that are remembered now.
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
  std::size_t forget_at_ = 1024;  // how many addresses are remembered before the idle ones are dropped
};

}  // namespace tenfold::broker
