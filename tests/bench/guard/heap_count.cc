#include "heap_count.h"

#include <cxxabi.h>
#include <dlfcn.h>
#include <execinfo.h>
#include <malloc.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <string>

// glibc's own, under the names that it keeps for who stands before it.
extern "C" {  // NOLINTBEGIN(bugprone-reserved-identifier)
void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t count, std::size_t size);
void* __libc_realloc(void* old, std::size_t size);
}  // NOLINTEND(bugprone-reserved-identifier)

namespace tenfold::bench {
namespace {

constexpr int depth = 16;
constexpr int own_frames = 2;  // note_site() and malloc()
constexpr std::size_t sites_most = 256;

struct Site {
  std::array<void*, depth> stack;
  int frames;
  std::uint64_t calls;
  std::uint64_t bytes;
};

// What an allocator knows must stand where no constructor has to run before it.
struct State {
  bool counting;
  bool with_sites;
  std::uint64_t calls;
  std::uint64_t new_calls;
  std::uint64_t bytes;
  std::array<Site, sites_most> sites;
  std::size_t site_count;
};
constinit State state{};

[[gnu::noinline]] void note_site(std::size_t size) {
  state.counting = false;  // backtrace() may allocate
  std::array<void*, depth + own_frames> stack{};
  const int frames = std::max(0, backtrace(stack.data(), static_cast<int>(stack.size())) - own_frames);
  const auto same = [&](const Site& site) {
    return site.frames == frames &&
           std::equal(site.stack.begin(), site.stack.begin() + frames, stack.begin() + own_frames);
  };
  const auto end = state.sites.begin() + static_cast<std::ptrdiff_t>(state.site_count);
  auto site = std::find_if(state.sites.begin(), end, same);
  if (site == end && state.site_count < sites_most) {
    ++state.site_count;
    std::copy_n(stack.begin() + own_frames, frames, site->stack.begin());
    site->frames = frames;
  }
  if (site != state.sites.end()) {
    ++site->calls;
    site->bytes += size;
  }
  state.counting = true;
}

void note(std::size_t size) {
  if (!state.counting) return;
  ++state.calls;
  state.bytes += size;
  if (state.with_sites) note_site(size);
}

std::string name_of(void* address) {
  Dl_info info{};
  if (dladdr(address, &info) == 0) return "?";
  if (info.dli_sname == nullptr) return info.dli_fname == nullptr ? "?" : std::strrchr(info.dli_fname, '/') + 1;
  int status = 0;
  char* plain = abi::__cxa_demangle(info.dli_sname, nullptr, nullptr, &status);
  std::string name = status == 0 ? plain : info.dli_sname;
  std::free(plain);
  return name.substr(0, name.find('('));
}

}  // namespace

void HeapCount::start(bool sites) {
  std::array<void*, 4> warm{};
  backtrace(warm.data(), static_cast<int>(warm.size()));  // loads what it needs, once
  state.calls = state.new_calls = state.bytes = state.site_count = 0;
  state.sites = {};
  state.with_sites = sites;
  state.counting = true;
}

void HeapCount::stop() { state.counting = false; }

std::uint64_t HeapCount::calls() { return state.calls; }
std::uint64_t HeapCount::new_calls() { return state.new_calls; }
std::uint64_t HeapCount::bytes() { return state.bytes; }
std::size_t HeapCount::in_use() { return mallinfo2().uordblks; }

void HeapCount::print_sites(std::FILE* out) {
  const auto end = state.sites.begin() + static_cast<std::ptrdiff_t>(state.site_count);
  std::sort(state.sites.begin(), end, [](const Site& a, const Site& b) { return a.calls > b.calls; });
  for (auto site = state.sites.begin(); site != end; ++site) {
    std::fprintf(out, "%llu calls, %llu bytes\n", static_cast<unsigned long long>(site->calls),
                 static_cast<unsigned long long>(site->bytes));
    for (int i = 0; i < site->frames; ++i) {
      std::fprintf(out, "    %s\n", name_of(site->stack[static_cast<std::size_t>(i)]).c_str());
    }
  }
}

}  // namespace tenfold::bench

extern "C" {
void* malloc(std::size_t size) {
  tenfold::bench::note(size);
  return __libc_malloc(size);
}
void* calloc(std::size_t count, std::size_t size) {
  tenfold::bench::note(count * size);
  return __libc_calloc(count, size);
}
void* realloc(void* old, std::size_t size) {
  tenfold::bench::note(size);
  return __libc_realloc(old, size);
}
}

void* operator new(std::size_t size) {
  if (tenfold::bench::state.counting) ++tenfold::bench::state.new_calls;
  void* room = malloc(size);
  if (room == nullptr) std::abort();
  return room;
}
void operator delete(void* room) noexcept { std::free(room); }
void operator delete(void* room, std::size_t) noexcept { std::free(room); }
