// NameChoice: the name that a new tunnel is to be claimed by, as the operator's tokens have it: the one that its client
// wants, or one that fits.
//
//   const NameChoice choice = choose_name(admission.tokens(), "team-a", {"team-a-web", "http"});
//   if (choice.refusal != none) …        // choice.detail says why
//   else claim(choice.name);             // empty: any name, the registry's choice
#pragma once

#include <string>
#include <string_view>

#include "broker/admission/token_store.h"
#include "mux/handshake.h"

namespace tenfold::broker {

struct WantedName {
  std::string_view name;    // empty: any
  std::string_view kind;    // of the tunnel
  bool or_another = false;  // a name that cannot be had is given up for any other
};

struct NameChoice {
  handshake::Refusal refusal = handshake::Refusal::none;  // forbidden; unauthorized: there is no such token any more
  std::string name{};
  std::string detail{};  // of the refusal, for a person
};

// `tokens`: null: there are none, and all names are free. `token`: the name of the client's; empty: it has none.
NameChoice choose_name(const TokenStore* tokens, std::string_view token, const WantedName& wanted);

}  // namespace tenfold::broker
