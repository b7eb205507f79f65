// Splitting an index range over threads with a partition that depends only on the range and the thread count.
#pragma once

#include <cstddef>
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
// thread, and returns when all are done. Parts that would be empty are not called. `body` must not throw.
template <typename Body>
void parallel_for(unsigned threads, std::size_t count, const Body& body) {
  const std::size_t parts = resolve_threads(threads);
  auto edge = [&](std::size_t part) { return count / parts * part + (count % parts) * part / parts; };
  std::vector<std::jthread> workers;
  workers.reserve(parts);
  for (std::size_t part = 1; part < parts; ++part) {
    if (edge(part) < edge(part + 1)) {
      workers.emplace_back([&body, part, begin = edge(part), end = edge(part + 1)] { body(part, begin, end); });
    }
  }
  if (edge(0) < edge(1)) body(std::size_t{0}, edge(0), edge(1));
}

}  // namespace weft
