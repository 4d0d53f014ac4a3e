// HeapCount: how often this program asks the heap for memory, and who does. The program's own malloc, calloc and
// realloc stand before libc's, so whatever is linked to it is counted as well: operator new, nghttp2, OpenSSL.
//
//   HeapCount::start(true);   … what is measured …   HeapCount::stop();
//   HeapCount::calls();   HeapCount::print_sites(stdout);
//
// One thread. Nothing of it works under a sanitizer or another allocator.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>

namespace tenfold::bench {

class HeapCount {
 public:
  // `sites`: remembers who asked, too, which costs a walk up the stack each time.
  static void start(bool sites = false);
  static void stop();

  static std::uint64_t calls();      // between start() and stop()
  static std::uint64_t new_calls();  // ... of them, by operator new: libframe's own and its programs'
  static std::uint64_t bytes();

  // Each stack that asked, the most frequent first, by symbol where there is one.
  static void print_sites(std::FILE* out);

  // Bytes that are in use now, by all of the process.
  static std::size_t in_use();
};

}  // namespace tenfold::bench
