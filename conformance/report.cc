// Reports: see report.h.
#include "conformance/report.h"

#include <algorithm>
#include <fstream>
#include <iomanip>
#include <nlohmann/json.hpp>

#include "conformance/process.h"

namespace tenfold::conformance {
namespace {

std::string escape_xml(const std::string& text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '&': out += "&amp;"; break;
      case '"': out += "&quot;"; break;
      default: out += c;
    }
  }
  return out;
}

std::string escape_cell(const std::string& text) {
  std::string out;
  for (const char c : text) out += c == '|' ? std::string("\\|") : std::string(1, c);
  return out;
}

double seconds(Millis time) { return static_cast<double>(time.count()) / 1000; }

void junit(std::ostream& out, const std::string& target, const std::vector<Result>& results) {
  const Count total = count(results);
  out << "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n  <testsuite name=\"" << escape_xml(target)
      << "\" tests=\"" << results.size() << "\" failures=\"" << total.failed << "\" skipped=\"" << total.skipped
      << "\">\n";
  for (const Result& each : results) {
    out << "    <testcase classname=\"" << to_string(each.info.level) << "\" name=\"" << escape_xml(each.info.id)
        << "\" time=\"" << seconds(each.took) << "\">";
    const std::string text = escape_xml(printable(each.text));
    if (each.outcome == Outcome::failed) {
      out << "<failure message=\"" << text << "\">" << escape_xml(each.info.what + " (" + each.info.where + ")");
      for (const std::string& line : each.said) out << "\nsaid: " << escape_xml(line);
      out << "</failure>";
    }
    if (each.outcome == Outcome::skipped) out << "<skipped message=\"" << text << "\"/>";
    out << "</testcase>\n";
  }
  out << "  </testsuite>\n</testsuites>\n";
}

void markdown(std::ostream& out, const std::string& target, const std::vector<Result>& results) {
  out << "# Conformance of " << target << "\n\n"
      << summary(count(results)) << "\n\n"
      << "| case | level | result | what | where |\n|---|---|---|---|---|\n";
  for (const Result& each : results) {
    out << "| " << each.info.id << " | " << to_string(each.info.level) << " | " << to_string(each.outcome);
    if (!each.text.empty()) out << ": " << escape_cell(printable(each.text));
    if (!each.said.empty()) out << " (said: " << escape_cell(joined(each.said)) << ")";
    out << " | " << escape_cell(each.info.what) << " | " << escape_cell(each.info.where) << " |\n";
  }
}

void json(std::ostream& out, const std::string& target, const std::vector<Result>& results) {
  nlohmann::json document = {{"target", target}, {"cases", nlohmann::json::array()}};
  for (const Result& each : results) {
    document["cases"].push_back({{"id", each.info.id},
                                 {"level", to_string(each.info.level)},
                                 {"what", each.info.what},
                                 {"where", each.info.where},
                                 {"result", to_string(each.outcome)},
                                 {"text", printable(each.text)},
                                 {"said", each.said},
                                 {"seconds", seconds(each.took)}});
  }
  const Count total = count(results);
  document["passed"] = total.passed;
  document["failed"] = total.failed;
  document["skipped"] = total.skipped;
  out << document.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) << "\n";
}

}  // namespace

const char* to_string(Level level) { return level == Level::must ? "must" : "should"; }

const char* to_string(Outcome outcome) {
  switch (outcome) {
    case Outcome::passed: return "passed";
    case Outcome::failed: return "failed";
    case Outcome::skipped: return "skipped";
  }
  return "";
}

Count count(const std::vector<Result>& results) {
  Count total;
  for (const Result& each : results) {
    total.passed += each.outcome == Outcome::passed;
    total.skipped += each.outcome == Outcome::skipped;
    total.failed += each.outcome == Outcome::failed;
    total.must_failed += each.outcome == Outcome::failed && each.info.level == Level::must;
  }
  return total;
}

std::string summary(const Count& total) {
  return std::to_string(total.passed) + " passed, " + std::to_string(total.failed) + " failed, " +
         std::to_string(total.skipped) + " skipped";
}

std::string printable(const std::string& text) {
  std::string out;
  for (const char c : text) {
    const auto octet = static_cast<unsigned char>(c);
    out += octet < 0x20 || octet >= 0x7f ? '.' : c;
  }
  return out;
}

void print_line(std::ostream& out, const Result& result) {
  const char* mark = "ok  ";
  if (result.outcome == Outcome::failed) mark = result.info.level == Level::must ? "FAIL" : "fail";
  if (result.outcome == Outcome::skipped) mark = "skip";
  out << mark << "  " << result.info.id;
  if (result.outcome == Outcome::failed) {
    out << "  (" << to_string(result.info.level) << ", " << result.info.where << ")\n      wanted: " << result.info.what
        << "\n      found:  " << printable(result.text);
    for (const std::string& line : result.said) out << "\n      said:   " << line;
  }
  if (result.outcome == Outcome::skipped) out << "  " << printable(result.text);
  out << "\n" << std::flush;
}

void print_list(std::ostream& out, const std::vector<CaseInfo>& cases) {
  for (const CaseInfo& each : cases) {
    out << std::left << std::setw(44) << each.id << " " << std::setw(6) << to_string(each.level) << "  " << each.what
        << "  [" << each.where << "]\n";
  }
  out << cases.size() << " cases\n";
}

void check_report(const ReportWish& wish) {
  if (wish.format.empty()) return;
  if (wish.format != "junit" && wish.format != "markdown" && wish.format != "json")
    fail("--report " + wish.format + ": there are junit, markdown and json");
  if (!std::ofstream(wish.file, std::ios::app)) fail("--report: " + wish.file + " cannot be written");
}

void write_report(const ReportWish& wish, const std::string& target, const std::vector<Result>& results) {
  if (wish.format.empty()) return;
  std::ofstream file(wish.file);
  if (wish.format == "junit") junit(file, target, results);
  if (wish.format == "markdown") markdown(file, target, results);
  if (wish.format == "json") json(file, target, results);
  file.flush();
  if (!file) fail("cannot write the report " + wish.file);
}

}  // namespace tenfold::conformance
