// Socket: one TCP connection, plain or with TLS, for a case on its own thread: calls block, and throw Timeout at their
// deadline. Listener: accepts such connections.
//
//   Socket socket = Socket::connect(endpoint, "127.0.0.7");
//   socket.write(bytes);
//   std::string some = socket.read();      // empty: the peer sent FIN
//
// It does not use libframe: a fault there must not hide the same fault in the target.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "conformance/wire/deadline.h"

namespace tenfold::conformance {

class Tls;  // one connection's TLS state
class TlsIdentity;

struct Endpoint {
  std::string host;  // a name or an address
  std::uint16_t port = 0;
};

std::string to_string(const Endpoint& endpoint);

struct TlsWish {
  std::string name;     // for SNI and the certificate check; an IP is not sent as SNI
  std::string ca_file;  // empty: the system's roots
  bool verify = true;
  std::string alpn = "http/1.1";
};

class Socket {
 public:
  Socket();
  explicit Socket(int fd);  // takes ownership
  ~Socket();
  Socket(Socket&& other) noexcept;
  Socket& operator=(Socket&& other) noexcept;

  // `source`: the local address; empty: chosen by the system. Throws Lost or Timeout.
  static Socket connect(const Endpoint& to, const std::string& source = "", Deadline deadline = in(patience));

  void start_tls(const TlsWish& wish, Deadline deadline = in(patience));
  void accept_tls(const TlsIdentity& identity, Deadline deadline = in(patience));
  std::string alpn() const;  // the protocol agreed in the handshake

  // At least one byte; empty at the peer's FIN. Throws Lost at a reset.
  std::string read(Deadline deadline = in(patience), std::size_t most = 65536);
  void write(std::string_view bytes, Deadline deadline = in(patience));
  // Writes as much as the connection takes before the deadline; returns how much.
  std::size_t write_some(std::string_view bytes, Deadline deadline);

  // Whether read() would return at once, within this time (bytes, FIN or a reset).
  bool readable(Millis within);

  void finish();  // sends FIN; reading continues
  void reset();   // sends RST
  void close();
  void small_receive_buffer();  // so that a slow reader's buffer fills sooner

  bool open() const { return fd_ >= 0; }
  int fd() const { return fd_; }
  Endpoint local() const;
  Endpoint peer() const;

 private:
  int fd_ = -1;
  std::unique_ptr<Tls> tls_;
};

class Listener {
 public:
  explicit Listener(const std::string& address = "127.0.0.1");
  ~Listener();
  Listener(Listener&& other) noexcept;
  Listener& operator=(Listener&& other) noexcept;

  std::uint16_t port() const { return port_; }
  Socket accept(Deadline deadline = in(patience));
  bool pending(Millis within);  // whether accept() would return
  // Stops listening; connections are refused from then on, until listen_again().
  void close();
  void listen_again();

 private:
  void open();
  std::string address_;
  std::uint16_t port_ = 0;
  int fd_ = -1;
};

// The index of the first readable one, or -1 if none is in time.
int first_readable(const std::vector<Socket*>& sockets, Millis within);

// An unused port, for a program that is told its port.
std::uint16_t free_port();

}  // namespace tenfold::conformance
