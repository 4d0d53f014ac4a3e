// Broker: wires all parts together and defines the order of start and stop.
#pragma once

#include <functional>
#include <memory>

#include "base/result.h"
#include "broker/options.h"
#include "io/loop.h"

namespace tenfold::broker {

class Broker {
 public:
  // Listens; the error (usage: files, io: ports) names what failed. `on_stopped`: called once, after drain().
  static Result<std::unique_ptr<Broker>> start(Loop& loop, const Options& options, std::function<void()> on_stopped);
  ~Broker();

  // Whether start() would find its files as they must be; its errors, without a listener.
  static Error check(const Options& options, Log& log);

  // Reads the files again and puts the options in force that may change while it runs: all, or, on an error, nothing.
  // The log says what changed, and which of the other options need a restart.
  Error reload(const Options& options);

  // Accepts no more connections, finishes current requests within the options' drain time, then calls on_stopped().
  void drain();

  // Writes what the access log has gathered. Before _exit(2).
  void flush_access_log();

 private:
  class Parts;
  explicit Broker(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace tenfold::broker
