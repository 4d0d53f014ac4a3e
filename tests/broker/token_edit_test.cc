// A token file that is changed in place.
#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "base/base64.h"
#include "broker/admission/token_store.h"
#include "broker/token_edit.h"
#include "support/test_certificate.h"

using namespace tenfold;
using namespace tenfold::broker;

namespace {

std::string text_of(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

mode_t mode_of(const std::string& path) {
  struct stat found {};
  REQUIRE(stat(path.c_str(), &found) == 0);
  return found.st_mode & 07777;
}

Error add(const std::string& path, const Token& token) {
  return edit_token_file(path, Missing::made, [&](const TokenFile& file, std::string text) {
    return with_token(file, std::move(text), token);
  });
}

Error revoke(const std::string& path, const std::string& name) {
  return edit_token_file(path, Missing::refused, [&](const TokenFile& file, const std::string& text) {
    return without_token(file, text, name);
  });
}

Token token(const std::string& name) { return {name, hash_of_secret(name)}; }

std::size_t files_in(const std::string& folder) {
  const std::filesystem::directory_iterator all(folder);
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

}  // namespace

TEST_CASE("a new token file is its owner's alone, and one that was there keeps its mode") {
  const test::TemporaryDirectory directory;
  const std::string path = directory.path() + "/tokens";
  REQUIRE_FALSE(add(path, token("a")));
  CHECK(mode_of(path) == 0600);
  REQUIRE(chmod(path.c_str(), 0640) == 0);
  REQUIRE_FALSE(add(path, token("b")));
  CHECK(mode_of(path) == 0640);
  CHECK(read_token_file(path)->tokens() == std::vector<Token>{token("a"), token("b")});
  CHECK(files_in(directory.path()) == 1);
}

TEST_CASE("other lines stay as they are, remarks and a missing last newline too") {
  const test::TemporaryDirectory directory;
  const std::string path = directory.write("tokens", "# people\n\ns3cret ann\n  two bob");
  REQUIRE_FALSE(add(path, token("c")));
  CHECK(text_of(path) == "# people\n\ns3cret ann\n  two bob\n" + token_line(token("c")) + "\n");
  REQUIRE_FALSE(revoke(path, "ann"));
  CHECK(text_of(path) == "# people\n\n  two bob\n" + token_line(token("c")) + "\n");
  REQUIRE_FALSE(revoke(path, "c"));
  REQUIRE_FALSE(revoke(path, "bob"));
  CHECK(text_of(path) == "# people\n\n");
}

TEST_CASE("what cannot be changed leaves the file as it was") {
  const test::TemporaryDirectory directory;
  const std::string text = "one a\n";
  const std::string path = directory.write("tokens", text);
  CHECK(add(path, token("a")).detail == "there is a token a already");
  CHECK(revoke(path, "b").detail == "there is no token b");
  CHECK(text_of(path) == text);
  const std::string bad = directory.write("bad", "one a\nt w o\n");
  CHECK(add(bad, token("c")).detail.starts_with(bad + ":2: "));
  CHECK(text_of(bad) == "one a\nt w o\n");
  CHECK(revoke(directory.path() + "/missing", "a").kind == ErrorKind::io);
  CHECK(files_in(directory.path()) == 2);
}

TEST_CASE("secrets that stand in the file give way to their hashes, and go on working under their names") {
  const test::TemporaryDirectory directory;
  const std::string path = directory.write("tokens", "# x\none ann\n" + token_line(token("b")) + "\ntwo");
  const std::vector<Token> before = read_token_file(path)->tokens();
  REQUIRE_FALSE(edit_token_file(path, Missing::refused, [](const TokenFile& file, const std::string& text) {
    return Result<std::string>(with_hashes(file, text));
  }));
  const Result<TokenFile> after = read_token_file(path);
  CHECK(after->tokens() == before);
  CHECK(after->plain() == 0);
  CHECK(text_of(path).find("one") == std::string::npos);
  CHECK(TokenStore(after->tokens()).find("one")->name == "ann");
}

TEST_CASE("a symbolic link stays one, and what it leads to changes") {
  const test::TemporaryDirectory directory;
  const std::string path = directory.write("tokens", "one a\n");
  const std::string link = directory.path() + "/link";
  REQUIRE(symlink(path.c_str(), link.c_str()) == 0);
  REQUIRE_FALSE(add(link, token("b")));
  CHECK(std::filesystem::is_symlink(link));
  CHECK(read_token_file(path)->lines.size() == 2);
}

TEST_CASE("those who change a file at once lose nothing of each other") {
  const test::TemporaryDirectory directory;
  const std::string path = directory.path() + "/tokens";
  constexpr int writers = 4;
  constexpr int each = 5;
  std::vector<std::thread> threads;
  for (int i = 0; i < writers; ++i) {
    threads.emplace_back([&path, i] {
      for (int n = 0; n < each; ++n) {
        const Error error = add(path, token("t" + std::to_string(i) + "-" + std::to_string(n)));
        if (error) MESSAGE(error.detail);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(read_token_file(path)->lines.size() == writers * each);
  CHECK(files_in(directory.path()) == 1);
}
