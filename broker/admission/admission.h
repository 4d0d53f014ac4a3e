// Admission: decides who may make tunnels, and how many. If the operator requires a token, a valid one admits the
// client; its tunnels are then counted for the token, and the limits by address do not apply.
//
//   const Admission::Identity who = admission.identify(secret);   // whose token it is, or a refusal
//   admission.admit(ip, who.token)                                 // one more tunnel? counts the attempt
//   admission.has_room(ip, who.token)                              // again, when its name is claimed
//   admission.on_tunnel_up(ip, who.token) … on_tunnel_down(ip, who.token)
//   admission.refund(ip, who.token)                                // in place of on_tunnel_up(): no tunnel came of it
//
// A token goes by its name everywhere behind identify(): tunnels outlive a reload, which may end the token itself.
// Counts are this process's own.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/flood_bucket.h"
#include "base/runtime.h"
#include "broker/admission/name_bans.h"
#include "broker/admission/refusal_counts.h"
#include "broker/admission/token_store.h"
#include "broker/rules.h"
#include "mux/handshake.h"

namespace tenfold::broker {

struct AdmissionOptions {
  std::shared_ptr<const TokenStore> tokens{};  // null: no token is required
  std::size_t tunnels_per_ip = rules::tunnels_per_ip;
  std::size_t creates_per_ip = rules::creates_per_ip;  // per rules::creates_window
  bool paced = true;                                   // handshakes of links
};

class Admission {
 public:
  Admission(Runtime& runtime, AdmissionOptions options);

  // From now on; what is counted stays.
  void apply(AdmissionOptions options) { options_ = std::move(options); }

  struct Identity {
    handshake::Refusal refusal = handshake::Refusal::none;  // or unauthorized
    std::string token{};                                    // the token's name; empty: none
  };
  // Whether one more link may be opened now. False: its agent comes again in a moment.
  bool take_handshake();

  enum class Need { token, nothing };
  // `secret`: what the client shows; empty: nothing. `need`: whether a client without a token is turned away where
  // there are tokens. A wrong one always is.
  Identity identify(std::string_view secret, Need need = Need::token) const;

  // Whether a client with that token (its name; empty: none) may make one more tunnel. An admitted attempt without a
  // token is counted for its address; connections from this machine have no limits by address. Not to be asked for a
  // tunnel that comes back with its resume token: that one is counted already.
  handshake::Refusal admit(std::string_view client_ip, std::string_view token = {});

  // Whether another tunnel may stand. To be asked again when its name is claimed: others that were admitted at the same
  // time may stand by then.
  bool has_room(std::string_view client_ip, std::string_view token = {}) const;

  // An admitted attempt yielded no tunnel, for a reason unrelated to limits.
  void refund(std::string_view client_ip, std::string_view token = {});

  // A tunnel was made, or has ended.
  void on_tunnel_up(std::string_view client_ip, std::string_view token = {});
  void on_tunnel_down(std::string_view client_ip, std::string_view token = {});

  // Null: no token is required.
  const TokenStore* tokens() const { return options_.tokens.get(); }

  // Bans a name, NameBans::ban().
  bool ban(std::string_view name, Duration time) { return bans_.ban(name, runtime_.now() + time, runtime_.now()); }
  bool is_banned(std::string_view name) const { return bans_.has(name, runtime_.now()); }

  // Every refusal of a tunnel is counted here.
  RefusalCounts& refusals() { return refusals_; }

  // The number of address groups in memory.
  std::size_t size() const { return addresses_.size(); }
  // The tunnels that were made with a token.
  std::size_t tunnels_of(std::string_view token) const;

 private:
  struct Address {
    std::size_t tunnels = 0;
    std::size_t creates = 0;  // since window_start
    TimePoint window_start{};
  };
  void forget_idle();

  FloodBucket handshakes_{rules::handshakes_burst, rules::handshakes_per_second};

  Runtime& runtime_;
  AdmissionOptions options_;
  NameBans bans_;
  RefusalCounts refusals_;
  std::unordered_map<std::string, Address> addresses_;     // by address_group()
  std::unordered_map<std::string, std::size_t> by_token_;  // tunnels, by the token's name
  std::size_t forget_at_ = 1024;                           // the number of addresses at which idle ones are removed
};

}  // namespace tenfold::broker
