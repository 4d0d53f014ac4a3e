// The matrix: every installed server with every installed client: each pair runs a few checks with real traffic, then
// the suite runs against each. Missing peers are listed with the reason.
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
  std::string note;  // why checks are missing
};

struct MatrixSuite {
  std::string target;  // a name
  Count count;
  std::vector<std::string> surprises;  // unexpected failures and unexpected passes
};

struct Matrix {
  Peers peers;
  std::vector<MatrixPair> pairs;
  std::vector<MatrixSuite> suites;
  std::vector<Result> results;  // pairs and suites as cases
};

Matrix run_matrix(const MatrixWish& wish, std::ostream& progress);
// Prints both tables, and the results that need an explanation.
void print_matrix(std::ostream& out, const Matrix& matrix);

}  // namespace tenfold::conformance
