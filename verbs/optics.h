// What a pluggable module tells of its light and heat: SFF-8472 (SFP), SFF-8636 (QSFP28) and CMIS (QSFP-DD, OSFP).
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace weft::verbs {

// A piece of a module's memory, within one half of 128 B: lower 0 to 127, upper 128 to 255.
struct ModuleRange {
  std::uint8_t i2c = 0x50, page = 0, bank = 0;
  std::uint32_t offset = 0, length = 0;  // B
};
// Bytes of the range; fewer, or none, where the module or the driver gives no more. Not trusted.
using ReadModule = std::function<std::vector<std::uint8_t>(const ModuleRange&)>;

struct Optics {
  std::string kind;                             // "SFP", "QSFP", "CMIS"
  std::optional<double> celsius;                // of the case
  std::vector<double> receive_mw, transmit_mw;  // of each lane; empty: not measured, or copper
  std::optional<double> highest_celsius;        // the module's own alarm thresholds
  std::optional<double> lowest_receive_mw;      // the same, of any lane
};

// Empty where there is no module, none that can be read, or one of another kind.
[[nodiscard]] std::optional<Optics> read_optics(const ReadModule& read);

// Decibels over 1 mW; -40, as far as the formats reach (0.1 uW), for darkness.
[[nodiscard]] double dbm(double milliwatts);

// Of the lane with the least light; empty where none is measured.
[[nodiscard]] std::optional<double> weakest_dbm(const std::vector<double>& milliwatts);

// optic_celsius_WHEN, optic_receive_dbm_WHEN and optic_transmit_dbm_WHEN of the weakest lanes; those that are measured.
[[nodiscard]] std::map<std::string, double> gauges(const std::optional<Optics>& optics, const std::string& when);

}  // namespace weft::verbs
