// doctest's assertions outside its runner: see expect.h.
#define DOCTEST_CONFIG_IMPLEMENT
#include "conformance/expect.h"

#include <cstring>

namespace tenfold::conformance {
namespace {

[[noreturn]] void throw_failure(const doctest::AssertData& data) {
  const char* slash = std::strrchr(data.m_file, '/');
  std::string text =
      std::string(slash != nullptr ? slash + 1 : data.m_file) + ":" + std::to_string(data.m_line) + ": " + data.m_expr;
  if (data.m_threw) throw Failure(text + ": " + data.m_exception.c_str());
  const std::string values = data.m_decomp.c_str();
  if (!values.empty() && values != data.m_expr) text += "  is  " + values.substr(0, 300);
  throw Failure(text);
}

}  // namespace

void throw_failures_of_doctest() {
  static doctest::Context context;  // doctest keeps a pointer to it while assertions may fail
  context.setAsDefaultForAssertsOutOfTestCases();
  context.setAssertHandler(throw_failure);
}

}  // namespace tenfold::conformance
