// Claimant: whose a tunnel is to be. A name is kept for its owner, and goes to nobody else while it is: who gets one
// that is taken is decided by NameTable::claim() (name_table.cc), and among replicas by claim_name()
// (cluster/name_record.cc).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tenfold::broker {

struct Claimant {
  std::string owner{};           // "token:NAME", "instance:…" or "address:…"; empty: nobody known
  std::string instance{};        // of the agent, which made it at its start; empty: it named none
  std::uint64_t generation = 0;  // of the resume token that was shown; 0: none
  std::string address{};         // where it comes from; empty with an operator's token, or unknown

  bool resumed() const { return generation != 0; }
  // Whether it has its owner's name also while a tunnel stands there (NameTable::claim(), and claim_name() of
  // replicas): with a resume token or an instance. A client of the classic protocol names none, and gets another name
  // then.
  bool proven() const { return resumed() || !instance.empty(); }
  bool same_agent(const Claimant& other) const { return owner == other.owner && instance == other.instance; }
};

// `token`: the name of the operator's token that was shown; empty: none. An `instance` that is none counts as empty.
Claimant make_claimant(std::string_view token, std::string_view instance, std::string_view client_ip);

// The claimant of an agent that shows the resume token of `former`, if it shows one: that owner again, unless `fresh`
// comes with another operator's token.
Claimant resume_or(const std::optional<Claimant>& former, Claimant fresh);

}  // namespace tenfold::broker
