// The matrix: every server that is installed against every client that is installed, each pair by a few checks of real
// traffic, then the suite against each. What is not there is told with the reason.
#pragma once

#include <functional>
#include <iosfwd>
#include <string>
#include <vector>

#include "conformance/case.h"
#include "conformance/peers.h"
#include "conformance/report.h"

namespace tenfold::conformance {

struct MatrixWish {
  PeerWish peers;
  std::vector<std::string> only,
      except;  // ids: pair/CLIENT/SERVER, suite/TARGET, groups of them; `except`: peers as well
  unsigned jobs = 8;
};

struct MatrixPair {
  std::string server, client;  // names
  int passed = 0, checks = 0;
  std::string note;  // why not all
};

struct MatrixSuite {
  std::string target;  // a name
  Count count;
  std::vector<std::string> surprises;  // fails and is not known to, or the other way round
};

struct Matrix {
  Peers peers;
  std::vector<MatrixPair> pairs;
  std::vector<MatrixSuite> suites;
  std::vector<Result> results;  // pairs and suites as cases
};

Matrix run_matrix(const MatrixWish& wish, std::ostream& progress);
// Both tables, and what needs words.
void print_matrix(std::ostream& out, const Matrix& matrix);

}  // namespace tenfold::conformance
