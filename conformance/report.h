// Reports of a run: for people on the terminal, for a page (markdown), for a CI (JUnit) and for programs (JSON).
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "conformance/case.h"

namespace tenfold::conformance {

const char* to_string(Level level);
const char* to_string(Outcome outcome);

struct Count {
  int passed = 0, failed = 0, skipped = 0;
  int must_failed = 0;
};
Count count(const std::vector<Result>& results);
// "212 passed, 3 failed, 4 skipped"
std::string summary(const Count& count);

// Text from a target for a report: control characters must not reach a terminal or a file.
std::string printable(const std::string& text);

void print_line(std::ostream& out, const Result& result);
void print_list(std::ostream& out, const std::vector<CaseInfo>& cases);

struct ReportWish {
  std::string format;  // junit, markdown, json; empty: no report
  std::string file;
};
// Checks the wish: throws Failure if the format is unknown, or the file cannot be written.
void check_report(const ReportWish& wish);
void write_report(const ReportWish& wish, const std::string& target, const std::vector<Result>& results);

}  // namespace tenfold::conformance
