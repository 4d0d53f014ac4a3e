// Settings: what a running broker may be told again. A value that is read whole from options and the files that they
// name: at the start, by --check-config, and at each reload. The parts of the broker read it where it stands; a reload
// puts another one in its place.
//
// The other flags count from the start to the end: restart_needed() names those that were changed.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/result.h"
#include "broker/admission/admission.h"
#include "broker/admission/proxy_list.h"
#include "broker/drain.h"
#include "broker/options.h"
#include "tls/tls_context.h"

namespace tenfold::broker {

struct Settings {
  AdmissionOptions admission;
  ProxyList proxies;
  ProxyList header_senders;               // --proxy-protocol-from
  std::vector<std::string> cluster_keys;  // of resume tokens; without a file a random one
  std::shared_ptr<TlsContext> tls;        // for new connections; null: no --https
  std::string tls_files;                  // a hash of the certificate and the key
  DrainTimes drain{};
  LogLevel log_level = LogLevel::info;
};

// Reads the files. Errors (usage) begin with the flag that names the file. Where a secret stands in the token file as
// it is, the log says so. `former`: what is in force, at a reload: its random cluster key stays, where no file takes
// its place.
Result<Settings> read_settings(const Options& options, Log& log, const Settings* former = nullptr);

// `now` for a broker that was started with `started`: what cannot change while it runs is as it was.
Options reloaded_options(const Options& started, const Options& now);

// The flags that were given otherwise, and count after a restart only.
std::vector<std::string> restart_needed(const Options& started, const Options& now);

// What differs, for the log: "certificate, proxy, tokens (1 new, 2 revoked)"; "nothing".
std::string changes(const Settings& before, const Settings& after, const GivenFlags& given_before,
                    const GivenFlags& given_after);

// The tokens that are gone, or have another secret: their tunnels are to end.
std::vector<std::string> revoked_tokens(const TokenStore* before, const TokenStore* after);

}  // namespace tenfold::broker
