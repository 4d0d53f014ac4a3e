#include "tls/tls_engine.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <utility>

#include "tls/tls_bio.h"
#include "tls/tls_error.h"

namespace tenfold {
namespace {

// The plaintext of one receive() is gathered here, so that bytes read at once are delivered at once.
constexpr std::size_t scratch_bytes = 64 * limits::KiB;
constexpr std::size_t record_bytes = SSL3_RT_MAX_PLAIN_LENGTH;

// Errors that other calls left in the thread's queue must not be mistaken for the result of the next call.
void forget_errors() {
  if (ERR_peek_error() != 0) ERR_clear_error();
}

bool is_ip(const std::string& host) {
  in6_addr address;
  return inet_pton(AF_INET, host.c_str(), &address) == 1 || inet_pton(AF_INET6, host.c_str(), &address) == 1;
}

}  // namespace

//   handshaking --(keys agreed)--> open --(failure, either side's alert)--> failed
//        \---------------------------------------------------------------->/
class TlsEngine::Core final : private TlsBio::Output {
 public:
  Core(Runtime& runtime, std::shared_ptr<TlsContext> context, Role role, std::string_view host, Handler& handler)
      : context_(std::move(context)),
        handler_(handler),
        host_(context_->is_of_peers() ? TlsPeerOptions::name : host),
        bio_{{}, *this},
        held_(runtime.blocks),
        ssl_(SSL_new(context_->get())) {
    BIO* bio = bio_.make();
    SSL_set_bio(ssl_, bio, bio);
    SSL_set_app_data(ssl_, this);
    role == Role::client ? set_client() : set_server();
  }

  ~Core() { SSL_free(ssl_); }

  void receive(Bytes ciphertext) {
    assert(!receiving_);
    if (state_ == State::failed) return;
    const std::size_t more = std::min(first_.size() - first_count_, ciphertext.size());
    std::copy_n(ciphertext.begin(), more, first_.begin() + static_cast<std::ptrdiff_t>(first_count_));
    first_count_ += more;

    receiving_ = true;
    bio_.input = ciphertext;
    if (state_ == State::handshaking) handshake();
    if (state_ == State::open) decrypt();
    // OpenSSL reads until it needs more; bytes after a failure or the peer's end are useless.
    bio_.input = {};
    receiving_ = false;
  }

  void handshake() {
    forget_errors();
    switch (outcome_of(ssl_, SSL_do_handshake(ssl_))) {
      case TlsOutcome::done: break;
      case TlsOutcome::want_input: return;
      default: return fail();
    }
    state_ = State::open;
    for (Bytes run = held_.front(); !run.empty(); run = held_.front()) {
      encrypt(run);
      held_.consume(run.size());
    }
    if (ending_) send_close_notify();
    if (state_ == State::open) handler_.on_tls_ready();
  }

  void write(Bytes plaintext) {
    if (state_ == State::failed || ending_ || plaintext.empty()) return;
    if (state_ == State::handshaking) {
      held_.append(plaintext);
    } else {
      encrypt(plaintext);
    }
  }

  void end() {
    if (std::exchange(ending_, true)) return;
    if (state_ == State::open) send_close_notify();
  }

  bool ready() const { return state_ == State::open; }
  std::size_t held() const { return held_.size(); }

 private:
  enum class State { handshaking, open, failed };

  void on_output(Bytes ciphertext) override { handler_.on_tls_output(ciphertext); }

  void set_client() {
    SSL_set_connect_state(ssl_);
    if (host_.ends_with('.')) host_.pop_back();
    const bool ip = is_ip(host_);
    // RFC 6066 section 3: "Literal IPv4 and IPv6 addresses are not permitted in 'HostName'."
    if (!ip && !host_.empty()) {
      SSL_ctrl(ssl_, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, host_.data());
    }
    if (!context_->verifies()) return;
    if (context_->is_of_peers()) return check_peer();
    if (ip) {
      X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl_), host_.c_str());
    } else {
      SSL_set_hostflags(ssl_, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
      SSL_set1_host(ssl_, host_.c_str());
    }
    check_certificate(SSL_VERIFY_PEER);
  }

  void set_server() {
    SSL_set_accept_state(ssl_);
    if (context_->is_of_peers()) check_peer();
  }

  void check_peer() {
    SSL_set_hostflags(ssl_, X509_CHECK_FLAG_NO_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    SSL_set1_host(ssl_, host_.c_str());
    check_certificate(SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT);
  }

  void check_certificate(int mode) {
    SSL_set_verify(ssl_, mode, [](int good, X509_STORE_CTX* check) {
      const auto* ssl = static_cast<SSL*>(X509_STORE_CTX_get_ex_data(check, SSL_get_ex_data_X509_STORE_CTX_idx()));
      Core& core = *static_cast<Core*>(SSL_get_app_data(ssl));
      if (good == 0) core.refusal_ = certificate_refusal(check, core.host_);
      return good;
    });
  }

  void decrypt() {
    std::array<std::uint8_t, scratch_bytes> scratch;
    std::size_t filled = 0;
    TlsOutcome outcome = TlsOutcome::done;
    while (outcome == TlsOutcome::done) {
      std::size_t n = 0;
      forget_errors();
      outcome = outcome_of(ssl_, SSL_read_ex(ssl_, scratch.data() + filled, scratch.size() - filled, &n));
      filled += n;
      // OpenSSL holds no ciphertext beyond the record that it reads, so another call without input would return
      // nothing.
      if (outcome == TlsOutcome::done && bio_.input.empty() && SSL_pending(ssl_) == 0) outcome = TlsOutcome::want_input;
      // Plaintext that came before a failure is delivered first.
      if (filled != 0 && (outcome != TlsOutcome::done || filled == scratch.size())) {
        const Error why = outcome == TlsOutcome::failed ? connection_error(refusal_, first()) : Error{};
        handler_.on_tls_data({scratch.data(), std::exchange(filled, 0)});
        if (why) return fail(why);
      }
      if (state_ == State::failed) return;
    }
    if (outcome == TlsOutcome::ended && !std::exchange(end_heard_, true)) handler_.on_tls_end();
    if (outcome == TlsOutcome::failed) fail();
  }

  void encrypt(Bytes plaintext) {
    if (state_ == State::failed) return;
    // RFC 8446 5.5 limits the use of a key; TLS 1.3 renews it without a handshake.
    records_ += (plaintext.size() + record_bytes - 1) / record_bytes;
    if (records_ >= context_->records_per_key() && SSL_version(ssl_) >= TLS1_3_VERSION) {
      records_ = 0;
      SSL_key_update(ssl_, SSL_KEY_UPDATE_NOT_REQUESTED);
    }
    std::size_t taken = 0;
    forget_errors();
    if (SSL_write_ex(ssl_, plaintext.data(), plaintext.size(), &taken) != 1) fail();
  }

  void send_close_notify() {
    forget_errors();
    SSL_shutdown(ssl_);  // 0: ours was sent, the peer's has not come
  }

  void fail() { fail(connection_error(refusal_, first())); }
  void fail(const Error& why) {
    state_ = State::failed;
    held_.clear();
    handler_.on_tls_error(why);
  }

  Bytes first() const { return Bytes(first_).first(first_count_); }

  const std::shared_ptr<TlsContext> context_;
  Handler& handler_;
  std::string host_;     // that the peer's certificate must be for
  std::string refusal_;  // the result of the check of the peer's certificate
  TlsBio bio_;
  ByteQueue held_;  // plaintext that waits for the handshake
  SSL* const ssl_;
  std::uint64_t records_ = 0;            // written with the current key
  std::array<std::uint8_t, 8> first_{};  // the peer's first bytes: used to detect a peer that does not speak TLS
  std::size_t first_count_ = 0;
  State state_ = State::handshaking;
  bool ending_ = false;     // end() was called
  bool end_heard_ = false;  // close_notify was received
  bool receiving_ = false;
};

TlsEngine::TlsEngine(Runtime& runtime, std::shared_ptr<TlsContext> context, Role role, std::string_view host,
                     Handler& handler)
    : core_(std::make_unique<Core>(runtime, std::move(context), role, host, handler)) {}
TlsEngine::~TlsEngine() = default;

void TlsEngine::start() { core_->handshake(); }
void TlsEngine::receive(Bytes ciphertext) { core_->receive(ciphertext); }
void TlsEngine::write(Bytes plaintext) { core_->write(plaintext); }
void TlsEngine::end() { core_->end(); }
bool TlsEngine::ready() const { return core_->ready(); }
std::size_t TlsEngine::held() const { return core_->held(); }

}  // namespace tenfold
