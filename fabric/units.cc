#include "fabric/units.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>
#include <span>

namespace weft {
namespace {

struct Unit {
  std::string_view suffix;
  std::int64_t factor;
};

constexpr std::array kRateUnits{Unit{"Tbps", 1'000'000'000'000},
                                Unit{"Gbps", 1'000'000'000},
                                Unit{"Mbps", 1'000'000},
                                Unit{"Kbps", 1'000},
                                Unit{"kbps", 1'000},
                                Unit{"bps", 1}};
constexpr std::array kByteUnits{Unit{"TiB", 1LL << 40},
                                Unit{"GiB", 1LL << 30},
                                Unit{"MiB", 1LL << 20},
                                Unit{"KiB", 1LL << 10},
                                Unit{"TB", 1'000'000'000'000},
                                Unit{"GB", 1'000'000'000},
                                Unit{"MB", 1'000'000},
                                Unit{"KB", 1'000},
                                Unit{"kB", 1'000},
                                Unit{"B", 1}};
constexpr std::array kTimeUnits{Unit{"ps", 1}, Unit{"ns", 1'000}, Unit{"us", 1'000'000}, Unit{"ms", 1'000'000'000},
                                Unit{"s", 1'000'000'000'000}};
constexpr std::array kNcclUnits{Unit{"T", 1LL << 40}, Unit{"G", 1LL << 30}, Unit{"M", 1LL << 20}, Unit{"K", 1LL << 10},
                                Unit{"", 1}};

std::string_view trim(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

// number x unit as an integer of the base unit; `what` and `example` word the error.
Expected<std::int64_t> parse_quantity(std::string_view text, std::span<const Unit> units, std::string_view what,
                                      std::string_view example) {
  const std::string_view body = trim(text);
  double number = 0;
  const auto [rest, code] = std::from_chars(body.data(), body.data() + body.size(), number, std::chars_format::fixed);
  if (code != std::errc{} || !std::isfinite(number))
    return input_error(fmt::format("not a {}", what), std::string(text), fmt::format("write it like {}", example));
  if (number < 0 || std::signbit(number))
    return input_error(fmt::format("negative {}", what), std::string(text), fmt::format("write it like {}", example));
  const std::string_view suffix = trim(body.substr(static_cast<std::size_t>(rest - body.data())));
  for (const Unit& unit : units) {
    if (suffix != unit.suffix) continue;
    const double value = number * static_cast<double>(unit.factor);
    if (value >= 9.2e18) return input_error(fmt::format("{} too large", what), std::string(text), "the limit is 2^63");
    // Exact for whole numbers beyond 2^53, which a double would round.
    std::int64_t whole = 0;
    const auto [end, int_code] = std::from_chars(body.data(), body.data() + body.size(), whole);
    if (int_code == std::errc{} && end == rest) return whole * unit.factor;
    return static_cast<std::int64_t>(std::llround(value));
  }
  if (suffix.empty())
    return input_error(fmt::format("{} without a unit", what), std::string(text),
                       fmt::format("write it like {}", example));
  return input_error(fmt::format("unknown unit of a {}", what), std::string(text),
                     fmt::format("write it like {}", example));
}

// The largest unit that divides the value, so that the text parses back to it.
std::string with_unit(std::int64_t value, std::span<const Unit> units, std::string_view base) {
  if (value == 0) return fmt::format("0{}", base);
  const Unit* best = nullptr;
  for (const Unit& unit : units)
    if (value % unit.factor == 0 && (best == nullptr || unit.factor > best->factor)) best = &unit;
  return best == nullptr ? fmt::format("{}{}", value, base) : fmt::format("{}{}", value / best->factor, best->suffix);
}

}  // namespace

Duration Duration::from_seconds(double s) {
  WEFT_CHECK(s >= 0);
  const double ps = s * 1e12;
  if (ps >= 9.2e18) return {std::numeric_limits<std::int64_t>::max()};
  return {static_cast<std::int64_t>(std::ceil(ps))};
}

Duration operator/(Bytes bytes, Rate rate) {
  WEFT_CHECK(rate.bits_per_second > 0 && bytes.count >= 0);
  const __int128 picobits = static_cast<__int128>(bytes.count) * 8 * 1'000'000'000'000;
  const __int128 time = (picobits + rate.bits_per_second - 1) / rate.bits_per_second;
  constexpr __int128 kMax = std::numeric_limits<std::int64_t>::max();
  return {static_cast<std::int64_t>(time < kMax ? time : kMax)};
}

Expected<Rate> parse_rate(std::string_view text) {
  auto value = parse_quantity(text, kRateUnits, "rate", "400Gbps");
  if (!value) return tl::unexpected(value.error());
  if (*value == 0) return input_error("rate of zero", std::string(text), "a link that is down belongs under failures");
  return Rate{*value};
}

Expected<Bytes> parse_bytes(std::string_view text) {
  return parse_quantity(text, kByteUnits, "size", "1MiB").map([](std::int64_t v) { return Bytes{v}; });
}

Expected<Duration> parse_duration(std::string_view text) {
  return parse_quantity(text, kTimeUnits, "duration", "300ns").map([](std::int64_t v) { return Duration{v}; });
}

Expected<Bytes> parse_nccl_size(std::string_view text) {
  return parse_quantity(text, kNcclUnits, "message size", "8, 64K, 1M or 16G").map([](std::int64_t v) {
    return Bytes{v};
  });
}

std::string to_text(Rate rate) { return with_unit(rate.bits_per_second, kRateUnits, "bps"); }
std::string to_text(Bytes bytes) { return with_unit(bytes.count, kByteUnits, "B"); }
std::string to_text(Duration duration) { return with_unit(duration.picoseconds, kTimeUnits, "ps"); }

}  // namespace weft
