// PasswordCheck: checks a visitor's password against a tunnel's. Hashing takes long, so the answer may come later.
//
//   if (auto verdict = check.ask(login, "secret", call)) …   // known
//   else                                                     // call.on_password(verdict), later
//
// The call is the handle: destroying it cancels.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/intrusive_list.h"
#include "mux/registration.h"

namespace tenfold::broker {

class PasswordCheck {
 public:
  enum class Verdict : std::uint8_t { wrong, right, busy };  // busy: too many passwords are being checked

  class Call : private ListHook {
   public:
    virtual void on_password(Verdict verdict) = 0;
    void cancel() { unlist(); }

   protected:
    virtual ~Call() = default;

   private:
    template <typename T>
    friend class tenfold::IntrusiveList;
  };

  virtual std::optional<Verdict> ask(const VisitorLogin& login, std::string_view password, Call& call) = 0;

 protected:
  ~PasswordCheck() = default;
};

}  // namespace tenfold::broker
