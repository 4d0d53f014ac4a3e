#include "broker/token_command.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/log.h"
#include "broker/admission/token_file.h"
#include "broker/token_edit.h"

namespace tenfold::broker {
namespace {

constexpr int exit_usage = 2;

struct Given {
  std::string file;
  std::string name;
  std::string names;
  std::string kinds;
  std::optional<std::size_t> tunnels;
  bool reserve = false;
};

int fail(const Error& error) {
  std::fprintf(stderr, "broker token: %s\n", printable(error.detail).c_str());
  return exit_usage;
}

Result<Token> token_of(const Given& given) {
  Token token;
  token.name = given.name;
  if (!is_token_name(token.name)) {
    return Error{ErrorKind::usage, "--name " + token.name + ": a token's name has 1 to 64 letters, digits and -._"};
  }
  if (!given.names.empty()) {
    Result<std::vector<std::string>> globs = parse_globs(given.names);
    if (!globs) return Error{ErrorKind::usage, "--names: " + globs.error().detail};
    token.names = *std::move(globs);
  }
  if (!given.kinds.empty()) {
    Result<std::vector<std::string>> kinds = parse_kinds(given.kinds);
    if (!kinds) return Error{ErrorKind::usage, "--kinds: " + kinds.error().detail};
    token.kinds = *std::move(kinds);
  }
  if (given.reserve && token.names.empty()) return Error{ErrorKind::usage, "--reserve needs --names"};
  if (given.tunnels == std::size_t{0}) return Error{ErrorKind::usage, "--tunnels 0: must be 1 at least"};
  token.tunnels = given.tunnels.value_or(0);
  token.reserve = given.reserve;
  return token;
}

int make(const Given& given) {
  Result<Token> token = token_of(given);
  if (!token) return fail(token.error());
  const std::string secret = new_secret();
  token->hash = hash_of_secret(secret);
  const Error error = edit_token_file(given.file, Missing::made, [&](const TokenFile& file, std::string text) {
    return with_token(file, std::move(text), *token);
  });
  if (error) return fail(error);
  std::printf("%s\n", secret.c_str());
  std::fprintf(stderr,
               "This is the secret of %s, shown this once: the agent takes it as TENFOLD_TOKEN or --token.\n"
               "A running broker knows it after a reload (SIGHUP).\n",
               token->name.c_str());
  return 0;
}

std::string joined(const std::vector<std::string>& parts, std::string_view none) {
  std::string text;
  for (const std::string& part : parts) text.append(text.empty() ? "" : ",").append(part);
  return text.empty() ? std::string(none) : text;
}

int list(const Given& given) {
  const Result<TokenFile> file = read_token_file(given.file);
  if (!file) return fail(file.error());
  std::vector<std::vector<std::string>> rows{{"NAME", "NAMES", "TUNNELS", "KINDS", ""}};
  for (const TokenLine& line : file->lines) {
    const Token& token = line.token;
    std::string remark = token.reserve ? "reserved" : "";
    if (line.plain) remark = "plain: `broker token hash` hides its secret";
    rows.push_back({printable(token.name), joined(token.names, "any"),
                    token.tunnels == 0 ? "any" : std::to_string(token.tunnels), joined(token.kinds, "any"), remark});
  }
  std::vector<std::size_t> widths(rows[0].size() - 1);
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < widths.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < widths.size(); ++i) line += row[i] + std::string(widths[i] - row[i].size() + 2, ' ');
    line += row.back();
    std::printf("%s\n", line.substr(0, line.find_last_not_of(' ') + 1).c_str());
  }
  return 0;
}

int revoke(const Given& given) {
  const Error error = edit_token_file(
      given.file, Missing::refused,
      [&](const TokenFile& file, const std::string& text) { return without_token(file, text, given.name); });
  if (error) return fail(error);
  std::fprintf(stderr, "%s is revoked. A running broker ends its tunnels at the next reload (SIGHUP).\n",
               printable(given.name).c_str());
  return 0;
}

int hash(const Given& given) {
  std::size_t plain = 0;
  const Error error =
      edit_token_file(given.file, Missing::refused, [&](const TokenFile& file, const std::string& text) {
        plain = file.plain();
        return Result<std::string>(with_hashes(file, text));
      });
  if (error) return fail(error);
  std::fprintf(stderr, "%zu tokens stood there with their secrets; now with hashes alone. The secrets go on working.\n",
               plain);
  return 0;
}

}  // namespace

bool is_token_command(int argc, const char* const* argv) { return argc > 1 && argv[1] == std::string_view("token"); }

int run_token_command(int argc, const char* const* argv) {
  Given given;
  CLI::App app("Makes, lists and revokes the tokens of a token file (broker --token-file).", "broker token");
  app.require_subcommand(1);
  const auto command = [&](const char* name, const char* what) {
    CLI::App* made = app.add_subcommand(name, what);
    made->add_option("--file", given.file, "The token file")->type_name("FILE")->required();
    return made;
  };
  CLI::App* const new_command =
      command("new",
              "Makes a token, adds its hash to the file (made if there is none, for its owner alone: 0600), and "
              "prints the secret, once");
  new_command->add_option("--name", given.name, "Whose it is; the owner of its tunnels")->type_name("NAME")->required();
  new_command->add_option("--names", given.names, "The names that it may have, * for any part (default: every one)")
      ->type_name("GLOB[,GLOB...]");
  new_command->add_option("--tunnels", given.tunnels, "How many at once (default: any number)")->type_name("N");
  new_command->add_option("--kinds", given.kinds, "Kinds of tunnels: http (default: every one)")->type_name("KIND");
  new_command->add_flag("--reserve", given.reserve, "Names that fit --names go to no other token");
  CLI::App* const list_command = command("list", "Shows the file's tokens; no secret is in it");
  CLI::App* const revoke_command = command("revoke", "Takes a token out of the file");
  revoke_command->add_option("NAME", given.name, "Which")->required();
  CLI::App* const hash_command = command("hash", "Puts a hash in place of each secret that stands there as it is");
  try {
    app.parse(argc - 1, argv + 1);
  } catch (const CLI::CallForHelp&) {
    const auto chosen = app.get_subcommands();
    std::fputs((chosen.empty() ? app.help() : chosen.front()->help()).c_str(), stdout);
    return 0;
  } catch (const CLI::ParseError& error) {
    std::string why = error.what();
    std::replace(why.begin(), why.end(), '\n', ' ');
    return fail({ErrorKind::usage, why});
  }
  if (*new_command) return make(given);
  if (*list_command) return list(given);
  if (*revoke_command) return revoke(given);
  if (*hash_command) return hash(given);
  return exit_usage;
}

}  // namespace tenfold::broker
