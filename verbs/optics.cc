#include "verbs/optics.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace weft::verbs {
namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr std::uint32_t kHalf = 128;         // B
constexpr std::uint8_t kDiagnostics = 0x51;  // SFF-8472: the second I2C address, A2h

// Half a page; empty when it is not whole.
Bytes half(const ReadModule& read, std::uint8_t page, std::uint32_t offset, std::uint8_t i2c = 0x50) {
  Bytes bytes = read({i2c, page, 0, offset, kHalf});
  if (bytes.size() != kHalf) bytes.clear();
  return bytes;
}

unsigned word(const Bytes& bytes, std::size_t at) { return static_cast<unsigned>(bytes[at] << 8U | bytes[at + 1]); }

double celsius(const Bytes& bytes, std::size_t at) { return static_cast<std::int16_t>(word(bytes, at)) / 256.0; }

double milliwatts(const Bytes& bytes, std::size_t at) { return word(bytes, at) * 1e-4; }  // a unit is 0.1 uW

std::vector<double> lanes(const Bytes& bytes, std::size_t at, std::size_t count) {
  std::vector<double> power;
  for (std::size_t lane = 0; lane < count; ++lane) power.push_back(milliwatts(bytes, at + 2 * lane));
  return power;
}

// SFF-8472: A0h byte 92; A2h bytes 0 to 39 (thresholds) and 96 to 105 (monitors).
std::optional<Optics> sfp(const ReadModule& read, const Bytes& base) {
  Optics optics;
  optics.kind = "SFP";
  constexpr unsigned kMonitored = 0x40, kCalibratedInside = 0x20;
  if ((base[92] & kMonitored) == 0 || (base[92] & kCalibratedInside) == 0) return optics;
  const Bytes monitors = half(read, 0, 0, kDiagnostics);
  if (monitors.empty()) return optics;
  optics.celsius = celsius(monitors, 96);
  optics.transmit_mw = lanes(monitors, 102, 1);
  optics.receive_mw = lanes(monitors, 104, 1);
  optics.highest_celsius = celsius(monitors, 0);
  optics.lowest_receive_mw = milliwatts(monitors, 34);
  return optics;
}

// SFF-8636: lower page bytes 22, 34, 50; page 00h bytes 147 and 220; page 03h bytes 128 and 178.
std::optional<Optics> qsfp(const ReadModule& read, const Bytes& lower) {
  Optics optics;
  optics.kind = "QSFP";
  optics.celsius = celsius(lower, 22);
  const Bytes identity = half(read, 0, kHalf);
  constexpr unsigned kCopper = 0xa0;  // transmitter technologies from here on
  if (identity.empty() || (identity[147 - kHalf] & 0xf0U) >= kCopper) return optics;
  optics.receive_mw = lanes(lower, 34, 4);
  constexpr unsigned kMeasuresTransmit = 0x04;
  if ((identity[220 - kHalf] & kMeasuresTransmit) != 0) optics.transmit_mw = lanes(lower, 50, 4);
  const Bytes thresholds = (lower[2] & 0x04U) != 0 ? Bytes() : half(read, 3, kHalf);  // flat memory: none
  if (thresholds.empty()) return optics;
  optics.highest_celsius = celsius(thresholds, 0);
  optics.lowest_receive_mw = milliwatts(thresholds, 178 - kHalf);
  return optics;
}

// CMIS 5: lower memory bytes 2, 14, 88; page 01h bytes 159 and 160; page 02h bytes 128 and 194; page 11h bytes 154 and
// 186.
std::optional<Optics> cmis(const ReadModule& read, const Bytes& lower) {
  Optics optics;
  optics.kind = "CMIS";
  constexpr unsigned kFlat = 0x80;
  if ((lower[2] & kFlat) != 0) return optics;  // a passive cable
  const Bytes advertised = half(read, 1, kHalf);
  if (advertised.empty()) return optics;
  if ((advertised[159 - kHalf] & 0x01U) != 0) optics.celsius = celsius(lower, 14);
  const unsigned monitored = advertised[160 - kHalf];
  const Bytes now = half(read, 0x11, kHalf);
  const std::size_t media = lower[88] & 0x0fU;  // lanes of the first application
  const std::size_t count = media >= 1 && media <= 8 ? media : 8;
  if (!now.empty() && (monitored & 0x02U) != 0) optics.transmit_mw = lanes(now, 154 - kHalf, count);
  if (!now.empty() && (monitored & 0x04U) != 0) optics.receive_mw = lanes(now, 186 - kHalf, count);
  const Bytes thresholds = half(read, 2, kHalf);
  if (thresholds.empty()) return optics;
  if (optics.celsius) optics.highest_celsius = celsius(thresholds, 0);
  if (!optics.receive_mw.empty()) optics.lowest_receive_mw = milliwatts(thresholds, 194 - kHalf);
  return optics;
}

}  // namespace

std::optional<Optics> read_optics(const ReadModule& read) {
  const Bytes lower = half(read, 0, 0);
  if (lower.empty()) return std::nullopt;
  switch (lower[0]) {  // SFF-8024, identifiers
    case 0x03:
      return sfp(read, lower);
    case 0x0c:
    case 0x0d:
    case 0x11:
      return qsfp(read, lower);
    case 0x18:  // QSFP-DD
    case 0x19:  // OSFP
    case 0x1b:  // DSFP
    case 0x1e:  // QSFP
    case 0x1f:  // SFP-DD
    case 0x20:  // SFP
      return cmis(read, lower);
    default:
      return std::nullopt;
  }
}

double dbm(double milliwatts) { return milliwatts < 1e-4 ? -40.0 : 10 * std::log10(milliwatts); }

std::optional<double> weakest_dbm(const std::vector<double>& milliwatts) {
  if (milliwatts.empty()) return std::nullopt;
  return dbm(*std::ranges::min_element(milliwatts));
}

std::map<std::string, double> gauges(const std::optional<Optics>& optics, const std::string& when) {
  std::map<std::string, double> values;
  if (!optics) return values;
  if (optics->celsius) values["optic_celsius_" + when] = *optics->celsius;
  if (const auto least = weakest_dbm(optics->receive_mw)) values["optic_receive_dbm_" + when] = *least;
  if (const auto least = weakest_dbm(optics->transmit_mw)) values["optic_transmit_dbm_" + when] = *least;
  return values;
}

}  // namespace weft::verbs
