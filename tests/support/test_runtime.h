// A Runtime without a loop: the test moves the time and clears the graveyard.
#pragma once

#include <string>
#include <vector>

#include "base/runtime.h"

namespace tenfold::test {

class RecordingLog final : public Log {
 public:
  RecordingLog() { set_level(LogLevel::trace); }
  std::vector<std::string> lines;  // "event key=value key=7"

 private:
  void write(LogLevel, std::string_view event, LogFields fields) override {
    std::string line(event);
    for (const LogField& field : fields) {
      line += " " + std::string(field.key) + "=";
      line += field.is_number ? std::to_string(field.number) : std::string(field.text);
    }
    lines.push_back(std::move(line));
  }
};

struct TestRuntime {
  BlockPool blocks;
  TimerQueue timers{TimePoint{} + 1000s};
  Graveyard graveyard;
  RecordingLog log;
  Runtime runtime{blocks, timers, graveyard, log};

  // Lets `delay` pass: every deadline in it fires at its own time.
  void pass(Duration delay) {
    const TimePoint end = timers.now() + delay;
    while (timers.next() <= end) {
      timers.run(std::max(timers.next(), timers.now()), &graveyard);
    }
    timers.run(end, &graveyard);
  }
};

}  // namespace tenfold::test
