#include "apps/print_traffic.h"

#include <fmt/format.h>

namespace weft {
namespace {

double microseconds(Duration duration) { return static_cast<double>(duration.picoseconds) / 1e6; }

double in_unit(double gbits, TrafficUnit unit) {
  constexpr double kMib = 1024.0 * 1024.0;
  return unit == TrafficUnit::kGbits ? gbits : gbits * 1e9 / 8 / kMib;
}

std::string csv_row(const TrafficPoint& point) {
  const LatencySummary latency = point.latency.value_or(LatencySummary{});
  std::string row =
      fmt::format("{},{},{},{},{},{},{:.6f},{:.6f},{:.3f}", point.operation, point.transport, point.from, point.to,
                  point.size.count, point.messages, point.gbits_peak, point.gbits_average, point.messages_per_second);
  for (const Duration value : {latency.min, latency.max, latency.p50, latency.mean, latency.standard_deviation,
                               latency.p90, latency.p99, latency.p999, latency.p9999})
    row += point.latency ? fmt::format(",{:.3f}", microseconds(value)) : ",";
  const auto count = [&](const char* name) {
    const auto found = point.counters.find(name);
    return found == point.counters.end() ? std::string() : fmt::format("{:.0f}", found->second);
  };
  return row + fmt::format(",{},{}\n", count("lost"), count("corrupt"));
}

}  // namespace

std::string traffic_header(const TrafficTable& table) {
  if (table.csv)
    return "operation,transport,from,to,bytes,messages,gbits_per_s_peak,gbits_per_s_average,messages_per_s,min_us,"
           "max_us,p50_us,mean_us,stdev_us,p90_us,p99_us,p99_9_us,p99_99_us,lost,corrupt\n";
  if (table.latency)
    return fmt::format(" {:<10} {:<12} {:>11} {:>11} {:>15} {:>11} {:>13} {:>9} {:>9} {:>9}\n", "#bytes", "#iterations",
                       "t_min[usec]", "t_max[usec]", "t_typical[usec]", "t_avg[usec]", "t_stdev[usec]", "99%[usec]",
                       "99.9%", "99.99%");
  const char* const unit = table.unit == TrafficUnit::kGbits ? "Gb/sec" : "MiB/sec";
  return fmt::format(" {:<10} {:<12} {:>18} {:>21} {:>14} {:>9} {:>9} {:>9}\n", "#bytes", "#iterations",
                     fmt::format("BW peak[{}]", unit), fmt::format("BW average[{}]", unit), "MsgRate[Mpps]",
                     "50%[usec]", "99%[usec]", "99.99%");
}

std::string traffic_row(const TrafficTable& table, const TrafficPoint& point) {
  if (table.csv) return csv_row(point);
  const LatencySummary latency = point.latency.value_or(LatencySummary{});
  if (table.latency)
    return fmt::format(" {:<10} {:<12} {:>11.2f} {:>11.2f} {:>15.2f} {:>11.2f} {:>13.2f} {:>9.2f} {:>9.2f} {:>9.2f}\n",
                       point.size.count, point.messages, microseconds(latency.min), microseconds(latency.max),
                       microseconds(latency.p50), microseconds(latency.mean), microseconds(latency.standard_deviation),
                       microseconds(latency.p99), microseconds(latency.p999), microseconds(latency.p9999));
  return fmt::format(" {:<10} {:<12} {:>18.4f} {:>21.4f} {:>14.6f} {:>9.2f} {:>9.2f} {:>9.2f}\n", point.size.count,
                     point.messages, in_unit(point.gbits_peak, table.unit), in_unit(point.gbits_average, table.unit),
                     point.messages_per_second / 1e6, microseconds(latency.p50), microseconds(latency.p99),
                     microseconds(latency.p9999));
}

}  // namespace weft
