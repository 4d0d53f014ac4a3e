// Terminal: stdout and stderr for the Screen, and the log on stderr. Nothing waits for their readers (LineOutput). If
// both are the same file or terminal they share one queue, to keep their order. Owned by main().
#pragma once

#include <optional>

#include "agent/screen/screen.h"
#include "io/line_output.h"

namespace tenfold {

class Terminal final : public StatusOutput {
 public:
  // `json`: a program reads stdout.
  explicit Terminal(bool json);

  void out(std::string_view line) override;
  void out_kept(std::string_view line) override;
  void err(std::string_view line) override;

  // For the log.
  LineOutput& err_lines() { return err_; }

  // Waits for the readers, as LineOutput::flush() does.
  void flush();

 private:
  LineOutput& out_lines() { return own_out_ ? *own_out_ : err_; }

  LineOutput err_;
  std::optional<LineOutput> own_out_;  // unless stdout and stderr are the same
};

// Whether stderr is a terminal, and NO_COLOR (https://no-color.org) is not set.
bool wants_colour();

}  // namespace tenfold
