// Headers as lists of bit fields in network order: one description encodes, decodes, checks and counts.
//
// A header H has a constant kSize in bytes, a name kName, and
//   template <typename Self, typename Visitor> static constexpr void visit(Self& h, Visitor& v);
// that calls v(kBits<N>, h.member) for each field, from the first bit on the wire to the last.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>
#include <vector>

#include "fabric/error.h"

namespace weft::wire {

template <unsigned Count>
inline constexpr std::integral_constant<unsigned, Count> kBits{};

// Writes fields from the most significant bit down. A value wider than its field loses its upper bits.
class FieldWriter {
 public:
  explicit constexpr FieldWriter(std::uint8_t* out) : out_(out) {}

  template <unsigned Count, typename T>
  constexpr void operator()(std::integral_constant<unsigned, Count>, const T& value) {
    static_assert(Count >= 1 && Count <= 64);
    const auto wide = static_cast<std::uint64_t>(value);
    if constexpr (Count > 32) put(wide >> 32, Count - 32);
    put(wide, Count > 32 ? 32 : Count);
  }
  template <unsigned Count, std::size_t Size>
  constexpr void operator()(std::integral_constant<unsigned, Count>, const std::array<std::uint8_t, Size>& value) {
    static_assert(Count == 8 * Size);
    for (const std::uint8_t byte : value) put(byte, 8);
  }

 private:
  constexpr void put(std::uint64_t value, unsigned count) {
    pending_ = (pending_ << count) | (value & ((std::uint64_t{1} << count) - 1));
    pending_bits_ += count;
    for (; pending_bits_ >= 8; pending_bits_ -= 8) *out_++ = static_cast<std::uint8_t>(pending_ >> (pending_bits_ - 8));
  }

  std::uint8_t* out_;
  std::uint64_t pending_ = 0;  // its low pending_bits_ bits wait for the rest of their byte
  unsigned pending_bits_ = 0;
};

// The reverse of FieldWriter.
class FieldReader {
 public:
  explicit constexpr FieldReader(const std::uint8_t* in) : in_(in) {}

  template <unsigned Count, typename T>
  constexpr void operator()(std::integral_constant<unsigned, Count>, T& value) {
    static_assert(Count >= 1 && Count <= 64);
    std::uint64_t wide = 0;
    if constexpr (Count > 32) wide = take(Count - 32) << 32;
    value = static_cast<T>(wide | take(Count > 32 ? 32 : Count));
  }
  template <unsigned Count, std::size_t Size>
  constexpr void operator()(std::integral_constant<unsigned, Count>, std::array<std::uint8_t, Size>& value) {
    static_assert(Count == 8 * Size);
    for (std::uint8_t& byte : value) byte = static_cast<std::uint8_t>(take(8));
  }

 private:
  constexpr std::uint64_t take(unsigned count) {
    for (; pending_bits_ < count; pending_bits_ += 8) pending_ = (pending_ << 8) | *in_++;
    pending_bits_ -= count;
    return (pending_ >> pending_bits_) & ((std::uint64_t{1} << count) - 1);
  }

  const std::uint8_t* in_;
  std::uint64_t pending_ = 0;
  unsigned pending_bits_ = 0;
};

// Whether every value fits its field.
class FieldRange {
 public:
  template <unsigned Count, typename T>
  constexpr void operator()(std::integral_constant<unsigned, Count>, const T& value) {
    if constexpr (Count < 64 && (std::is_integral_v<T> || std::is_enum_v<T>))
      fits_ = fits_ && (static_cast<std::uint64_t>(value) >> Count) == 0;
  }
  [[nodiscard]] constexpr bool fits() const { return fits_; }

 private:
  bool fits_ = true;
};

// Adds up the widths, so that a header's kSize can be checked against its fields.
class FieldCount {
 public:
  template <unsigned Count, typename T>
  constexpr void operator()(std::integral_constant<unsigned, Count>, const T&) {
    bits_ += Count;
  }
  [[nodiscard]] constexpr unsigned count() const { return bits_; }

 private:
  unsigned bits_ = 0;
};

template <typename Header>
[[nodiscard]] constexpr bool size_matches_fields() {
  const Header header{};
  FieldCount count;
  Header::visit(header, count);
  return count.count() == 8 * Header::kSize;
}

// REQUIRES: out.size() >= Header::kSize.
template <typename Header>
constexpr void encode(const Header& header, std::span<std::uint8_t> out) {
  WEFT_CHECK(out.size() >= Header::kSize);
  FieldWriter writer(out.data());
  Header::visit(header, writer);
}

// Appends the header's kSize bytes.
template <typename Header>
void append(std::vector<std::uint8_t>& out, const Header& header) {
  out.resize(out.size() + Header::kSize);
  encode(header, std::span(out).last(Header::kSize));
}

// REQUIRES: in.size() >= Header::kSize.
template <typename Header>
[[nodiscard]] constexpr Header decode(std::span<const std::uint8_t> in) {
  WEFT_CHECK(in.size() >= Header::kSize);
  Header header;
  FieldReader reader(in.data());
  Header::visit(header, reader);
  return header;
}

template <typename Header>
[[nodiscard]] constexpr bool fits(const Header& header) {
  FieldRange range;
  Header::visit(header, range);
  return range.fits();
}

}  // namespace weft::wire
