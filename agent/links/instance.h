// Instance: what an agent calls itself towards a broker: random, and the same after a restart with the same command, so
// that the broker gives its names back at once, from whatever address it comes. Knowing an instance is owning its
// names, so it is a secret between the two.
//
// The file `instance` in the state folder holds a random seed; the instance is made from it and from the `subject` (the
// broker and what is exposed), so each command has its own. Two copies of one command that run at the same time must
// not be one instance, or they would take the name from each other for ever: each holds a lock on its subject's byte of
// the file, and one that finds it locked takes a random instance. The lock ends with the process.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "agent/links/state_folder.h"
#include "base/log.h"

namespace tenfold {

class Instance {
 public:
  // `folder`: empty: a random one, as when the file cannot be used.
  Instance(Log& log, const std::string& folder, std::string_view subject);

  // 32 of 0-9 and a-f.
  const std::string& text() const { return text_; }

 private:
  std::unique_ptr<Descriptor> lock_;  // the file, while it is locked
  std::string text_;
};

}  // namespace tenfold
