#include "agent/targets/local_target.h"

#include <utility>

#include "agent/rules.h"
#include "http/head.h"

namespace tenfold {

// One open(): tries the addresses in turn until one answers, within one deadline.
class LocalTarget::Opening final : public Dialing {
 public:
  Opening(LocalTarget& target, OnOpen on_open)
      : target_(target),
        on_open_(std::move(on_open)),
        at_(target.first_),
        deadline_(target.runtime_.now() + rules::local_connect_time) {
    dial();
  }

 private:
  void dial() {
    dialing_ = target_.network_.dial({.address = target_.addresses_[at_],
                                      .tls = target_.tls_,
                                      .tls_name = target_.endpoint_.address.host,
                                      .deadline = deadline_ - target_.runtime_.now()},
                                     [this](Result<Dialed> dialed) { on_dialed(std::move(dialed)); });
  }

  void on_dialed(Result<Dialed> dialed) {
    target_.runtime_.graveyard.bury(std::move(dialing_));
    if (!dialed) note(dialed.error());
    if (!dialed && ++tried_ < target_.addresses_.size() && target_.runtime_.now() < deadline_) {
      at_ = (at_ + 1) % target_.addresses_.size();
      return dial();
    }
    if (dialed) {
      target_.first_ = at_;
      target_.worked_ = true;
      target_.on_result({});
      on_open_(std::move(dialed->pipe));
    } else {
      target_.on_result(error_);
      on_open_(error_);
    }
  }

  // The last host's error is reported, except for a lack of ports: ::1 on a machine without IPv6 gives the same error,
  // so the first host, which worked before, decides.
  void note(const Error& error) {
    const bool limit = error.kind == ErrorKind::limit || error_.kind == ErrorKind::limit;
    if (tried_ == 0 || !limit || !target_.worked_) error_ = error;
  }

  LocalTarget& target_;
  OnOpen on_open_;
  std::size_t at_;         // index of the address being dialled
  std::size_t tried_ = 0;  // number of addresses that failed
  Error error_;            // ... and the error to report
  const TimePoint deadline_;
  std::unique_ptr<Dialing> dialing_;
};

LocalTarget::LocalTarget(Runtime& runtime, Network& network, TunnelStatus& status, const Endpoint& endpoint,
                         std::shared_ptr<TlsContext> tls)
    : runtime_(runtime), network_(network), status_(status), endpoint_(endpoint), tls_(std::move(tls)) {
  if (http::equal_nocase(endpoint.address.host, "localhost")) {
    addresses_ = {{"::1", endpoint.address.port}, {"127.0.0.1", endpoint.address.port}};
  } else {
    addresses_ = {endpoint.address};
  }
}

std::unique_ptr<Dialing> LocalTarget::open(OnOpen on_open) {
  return std::make_unique<Opening>(*this, std::move(on_open));
}

void LocalTarget::on_result(const Error& error) {
  if (error.kind == ErrorKind::limit) {
    runtime_.log.info("local-busy", {{"target", text()}, {"cause", describe(error)}});
    status_.agent_busy(error);
  } else if (error) {
    runtime_.log.info("local-down", {{"target", text()}, {"cause", describe(error)}});
    status_.local_down(error);
  } else {
    status_.local_up();
  }
}

}  // namespace tenfold
