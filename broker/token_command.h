// `broker token`: makes, lists and revokes the tokens of a token file. For a person at a terminal: it may wait for a
// lock and a disk. A running broker reads the file again at SIGHUP.
//
//   broker token new --file F --name team-a [--names 'team-a-*'] [--tunnels 20] [--kinds http] [--reserve]
//   broker token list --file F
//   broker token revoke --file F NAME
//   broker token hash --file F          puts a hash in place of each secret that stands in the file as it is
#pragma once

namespace tenfold::broker {

// Whether the command line is one of these.
bool is_token_command(int argc, const char* const* argv);

// Prints on stdout, faults on stderr; returns the exit code, 0 or 2. A new secret is printed once, alone on stdout.
int run_token_command(int argc, const char* const* argv);

}  // namespace tenfold::broker
