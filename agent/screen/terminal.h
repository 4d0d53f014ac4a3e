// Terminal: stdout and stderr as the Screen has them, the log on stderr among its lines. Nothing waits for their
// readers (LineOutput). Where both lead to the same file or terminal they are one queue, and keep their order. Owned by
// main().
#pragma once

#include <optional>

#include "agent/screen/screen.h"
#include "io/line_output.h"

namespace tenfold {

class Terminal final : public StatusOutput {
 public:
  // `json`: stdout is read by a program.
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
  std::optional<LineOutput> own_out_;  // when stdout does not lead to where stderr does
};

// stderr is a terminal, and NO_COLOR (https://no-color.org) is not set.
bool wants_colour();

}  // namespace tenfold
