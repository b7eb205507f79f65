// Splitting an index range over threads with a partition that depends only on the range and the thread count.
#pragma once

#include <cstddef>
#include <exception>
#include <thread>
#include <vector>

namespace weft {

// 0 means all cores.
[[nodiscard]] inline unsigned resolve_threads(unsigned threads) {
  if (threads != 0) return threads;
  const unsigned cores = std::thread::hardware_concurrency();
  return cores == 0 ? 1U : cores;
}

// Calls body(part, begin, end) once for each of `threads` contiguous parts of [0, count), part 0 on the caller's
// thread, and returns when all are done. Parts that would be empty are not called. What `body` throws (memory runs
// out) is thrown again on the caller's thread, the lowest part's first.
template <typename Body>
void parallel_for(unsigned threads, std::size_t count, const Body& body) {
  const std::size_t parts = resolve_threads(threads);
  auto edge = [&](std::size_t part) { return count / parts * part + (count % parts) * part / parts; };
  std::vector<std::exception_ptr> thrown(parts);
  auto guarded = [&](std::size_t part) noexcept {
    try {
      body(part, edge(part), edge(part + 1));
    } catch (...) {
      thrown[part] = std::current_exception();
    }
  };
  std::vector<std::jthread> workers;
  workers.reserve(parts);
  for (std::size_t part = 1; part < parts; ++part) {
    if (edge(part) < edge(part + 1)) {
      workers.emplace_back([&guarded, part] { guarded(part); });
    }
  }
  if (edge(0) < edge(1)) guarded(0);
  workers.clear();
  for (const std::exception_ptr& error : thrown)
    if (error) std::rethrow_exception(error);
}

}  // namespace weft
