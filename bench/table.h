// What every benchmark prints: figure, measured, peer or limit, ratio. And the median of repeated runs.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace weft::bench {

struct Row {
  std::string figure;
  double value;
  std::string peer;  // what it is compared with
  double reference;  // same unit as value
  double ratio;      // how many times better
};

class Table {
 public:
  // Less is better: a time, a size.
  void add(const std::string& figure, double value, const std::string& peer, double reference) {
    row({figure, value, peer, reference, reference / value});
  }
  // More is better.
  void add_rate(const std::string& figure, double value, const std::string& peer, double reference) {
    row({figure, value, peer, reference, value / reference});
  }
  void write(const std::string& path) const {
    nlohmann::json out = nlohmann::json::array();
    for (const Row& r : rows_) {
      out.push_back(
          {{"figure", r.figure}, {"value", r.value}, {"peer", r.peer}, {"reference", r.reference}, {"ratio", r.ratio}});
    }
    std::ofstream(path) << out.dump(2) << "\n";
  }

 private:
  void row(const Row& r) {
    rows_.push_back(r);
    fmt::print("{:<74} {:>10.4g}  {:<34} {:>10.4g} {:>9.3g}x\n", r.figure, r.value, r.peer, r.reference, r.ratio);
    std::fflush(stdout);
  }

  std::vector<Row> rows_;
};

template <typename Work>
double median_seconds(int runs, const Work& work) {
  std::vector<double> seconds;
  for (int i = 0; i < runs; ++i) {
    const auto start = std::chrono::steady_clock::now();
    work();
    seconds.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  std::nth_element(seconds.begin(), seconds.begin() + runs / 2, seconds.end());
  return seconds[static_cast<std::size_t>(runs / 2)];
}

}  // namespace weft::bench
