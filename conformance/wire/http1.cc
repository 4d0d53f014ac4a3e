// HTTP/1.1 for the cases: see http1.h. The reader is lenient on purpose: the case judges what a target sends, not the
// parser.
#include "conformance/wire/http1.h"

#include <algorithm>
#include <cctype>
#include <charconv>

namespace tenfold::conformance {
namespace {

bool same(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t' || text.back() == '\r')) text.remove_suffix(1);
  return text;
}

void add_field(FieldList& fields, std::string_view line) {
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) fail("a field without a colon: " + std::string(line));
  fields.emplace_back(line.substr(0, colon), trim(line.substr(colon + 1)));
}

}  // namespace

std::vector<std::string> Message::all(std::string_view name) const {
  std::vector<std::string> values;
  for (const auto& [key, value] : fields) {
    if (same(key, name)) values.push_back(value);
  }
  return values;
}

std::string Message::field(std::string_view name) const {
  const auto values = all(name);
  return values.empty() ? "" : values.front();
}

bool Message::lists(std::string_view name, std::string_view token) const {
  for (const std::string& value : all(name)) {
    std::string_view rest = value;
    while (!rest.empty()) {
      const std::size_t comma = std::min(rest.find(','), rest.size());
      if (same(trim(rest.substr(0, comma)), token)) return true;
      rest.remove_prefix(std::min(comma + 1, rest.size()));
    }
  }
  return false;
}

std::string request(std::string_view method, std::string_view target, std::string_view host, const FieldList& fields,
                    std::string_view body) {
  std::string out =
      std::string(method) + " " + std::string(target) + " HTTP/1.1\r\nHost: " + std::string(host) + "\r\n";
  for (const auto& [name, value] : fields) out += name + ": " + value + "\r\n";
  if (!body.empty()) out += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  return out + "\r\n" + std::string(body);
}

std::string answer(int status, std::string_view body, const FieldList& fields) {
  std::string out = "HTTP/1.1 " + std::to_string(status) + " Status\r\n";
  for (const auto& [name, value] : fields) out += name + ": " + value + "\r\n";
  return out + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
}

std::string chunked(std::string_view body, const std::vector<std::size_t>& sizes, std::string_view trailers) {
  std::string out;
  for (std::size_t i = 0; !body.empty(); ++i) {
    const std::string_view piece = body.substr(0, sizes[i % sizes.size()]);
    char size[20];
    std::snprintf(size, sizeof size, "%zx\r\n", piece.size());
    out += size + std::string(piece) + "\r\n";
    body.remove_prefix(piece.size());
  }
  return out + "0\r\n" + std::string(trailers) + "\r\n";
}

std::string pattern(std::size_t size, unsigned seed) {
  std::string out(size, '\0');
  std::uint32_t state = seed * 2654435761u + 1;
  for (char& c : out) {
    state = state * 1664525u + 1013904223u;
    c = static_cast<char>(state >> 24);
  }
  return out;
}

bool Http::fill(Deadline deadline) {
  const std::string some = socket_.read(deadline);
  buffer_ += some;
  return !some.empty();
}

std::string Http::read_line(Deadline deadline) {
  std::size_t end = 0;
  while ((end = buffer_.find('\n')) == std::string::npos) {
    if (!fill(deadline))
      throw Lost(buffer_.empty() ? "the connection ended before an answer" : "the connection ended in a head");
  }
  const std::string line(trim(std::string_view(buffer_).substr(0, end)));
  buffer_.erase(0, end + 1);
  return line;
}

Message Http::read_head(Deadline deadline) {
  Message head;
  head.first_line = read_line(deadline);
  const std::string_view line = head.first_line;
  const std::size_t space = line.find(' ');
  if (space == std::string_view::npos)
    fail("neither a request line nor a status line: " + head.first_line.substr(0, 80));
  if (line.starts_with("HTTP/")) {
    head.status = std::atoi(head.first_line.c_str() + space);
  } else {
    head.method = line.substr(0, space);
    head.target = line.substr(space + 1, line.rfind(' ') - space - 1);
  }
  for (std::string field = read_line(deadline); !field.empty(); field = read_line(deadline)) {
    add_field(head.fields, field);
  }
  return head;
}

void Http::read_chunks(Message& head, Deadline deadline) {
  for (;;) {
    const std::string line = read_line(deadline);
    std::size_t size = 0;
    const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), size, 16);
    if (error != std::errc() || (end != line.data() + line.size() && *end != ';')) fail("no chunk size: " + line);
    if (size == 0) break;
    head.body += read_exactly(size, deadline);
    if (!read_line(deadline).empty()) fail("a chunk longer than it said");
  }
  for (std::string line = read_line(deadline); !line.empty(); line = read_line(deadline))
    add_field(head.trailers, line);
}

void Http::read_body(Message& head, std::string_view method, Deadline deadline) {
  // RFC 9112 6.3: no body, whatever the fields say.
  const bool answers = head.status != 0;
  if (answers && (method == "HEAD" || head.status < 200 || head.status == 204 || head.status == 304)) return;
  try {
    if (head.lists("Transfer-Encoding", "chunked")) {
      read_chunks(head, deadline);
    } else if (head.has("Content-Length")) {
      const std::size_t size = std::stoul(head.field("Content-Length"));
      while (buffer_.size() < size) {
        if (!fill(deadline)) throw Lost("the connection ended in a body");
      }
      head.body = buffer_.substr(0, size);
      buffer_.erase(0, size);
    } else if (answers) {
      head.body = read_to_end(deadline);
    }
  } catch (const Lost&) {
    head.cut = true;
    head.body += std::exchange(buffer_, {});
  }
}

Message Http::read_request(Deadline deadline) {
  Message head = read_head(deadline);
  read_body(head, "", deadline);
  return head;
}

Message Http::read_answer(std::string_view method, Deadline deadline) {
  Message head = read_head(deadline);
  while (head.status >= 100 && head.status < 200 && head.status != 101) head = read_head(deadline);
  read_body(head, method, deadline);
  return head;
}

std::string Http::read_exactly(std::size_t size, Deadline deadline) {
  while (buffer_.size() < size) {
    if (!fill(deadline)) throw Lost("the connection ended " + std::to_string(size - buffer_.size()) + " bytes early");
  }
  std::string out = buffer_.substr(0, size);
  buffer_.erase(0, size);
  return out;
}

std::string Http::read_some(Deadline deadline) {
  if (buffer_.empty()) fill(deadline);
  return std::exchange(buffer_, {});
}

std::string Http::read_to_end(Deadline deadline) {
  while (fill(deadline)) {
  }
  return std::exchange(buffer_, {});
}

void Http::wait_for_end(Deadline deadline) {
  try {
    while (fill(deadline)) buffer_.clear();
  } catch (const Lost&) {
    return;  // a reset ends it as well
  }
}

bool Http::silent(Millis within) { return buffer_.empty() && !socket_.readable(within); }

}  // namespace tenfold::conformance
