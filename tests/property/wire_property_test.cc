// For any frame: engines agree, patched ICRCs equal full ones, and frames are built again from what was parsed.
#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>

#include "fabric/wire/icrc_patch.h"
#include "fabric/wire/icrc_words.h"
#include "tests/support/wire.h"

namespace weft::wire {
namespace {

using testing::Octets;

Octets random_frame(std::mt19937_64& random, std::size_t longest_payload) {
  const OpcodeInfo& opcode = testing::random_opcode(random);
  return build_frame(testing::random_headers(random, opcode), testing::random_payload(random, opcode, longest_payload))
      .value();
}

TEST(WireProperty, CrcEnginesAgreeOnAnySplitOfAnyBytes) {
  std::mt19937_64 random(2);
  for (int run = 0; run < 3000; ++run) {
    Octets bytes(random() % 700);
    for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(random());
    const std::span<const std::uint8_t> all(bytes);
    const auto start = static_cast<std::uint32_t>(random());
    const std::uint32_t expected = crc32_update(start, all, CrcEngine::kBitwise);
    const std::size_t cut = random() % (bytes.size() + 1);
    for (const CrcEngine engine : testing::engines()) {
      ASSERT_EQ(crc32_update(start, all, engine), expected) << bytes.size();
      ASSERT_EQ(crc32_update(crc32_update(start, all.first(cut), engine), all.subspan(cut), engine), expected);
    }
  }
}

TEST(WireProperty, IcrcEnginesAgreeOnAnyFrame) {
  std::mt19937_64 random(3);
  for (int run = 0; run < 3000; ++run) {
    const Octets frame = random_frame(random, 300);
    const FrameLayout layout = find_layout(frame).value();
    const std::uint32_t expected = icrc(frame, layout, CrcEngine::kBitwise);
    for (const CrcEngine engine : testing::engines()) ASSERT_EQ(icrc(frame, layout, engine), expected);
    ASSERT_EQ(load_icrc(frame, layout), expected);
  }
}

// A frame of a template: writes `value` where the field stands.
void put(Octets& frame, FieldPlace place, std::uint64_t value) {
  for (std::uint32_t i = 0; i < place.size; ++i)
    frame[place.offset + place.size - 1 - i] = static_cast<std::uint8_t>(value >> (8 * i));
}
std::uint64_t get(const Octets& frame, FieldPlace place) {
  std::uint64_t value = 0;
  for (std::uint32_t i = 0; i < place.size; ++i) value = value << 8 | frame[place.offset + i];
  return value;
}

// Any bytes of the frame, not only named fields: headers, masked ones, payload, padding.
std::vector<FieldPlace> random_places(std::mt19937_64& random, const FrameLayout& layout) {
  std::vector<FieldPlace> places;
  for (std::uint32_t at = layout.ip; at < layout.icrc;) {
    const auto size = static_cast<std::uint32_t>(1 + random() % IcrcPatch::kMaxField);
    if (at + size > layout.icrc) break;
    places.push_back({at, size});
    at += size + static_cast<std::uint32_t>(random() % 20);
  }
  return places;
}

constexpr std::size_t kBurst = 32;

// Changes fields of a burst of copies of one template; both ways of patching must give the full ICRC.
void check_template(std::mt19937_64& random, std::size_t bursts) {
  const Octets base = random_frame(random, 64);
  const FrameLayout layout = find_layout(base).value();
  const std::vector<FieldPlace> places = random_places(random, layout);
  std::vector<IcrcPatch> patches;
  for (const FieldPlace place : places) patches.emplace_back(layout, place);
  std::vector<Octets> frames(kBurst, base);
  std::array<std::uint64_t, kBurst> changed{};
  for (std::size_t burst = 0; burst < bursts; ++burst) {
    std::array<std::uint32_t, kBurst> carryless{}, tables{};
    carryless.fill(load_icrc(base, layout));
    tables = carryless;
    for (std::size_t p = 0; p < places.size(); ++p) {
      for (std::size_t i = 0; i < kBurst; ++i) {
        const std::uint64_t value = random();
        changed[i] = get(base, places[p]) ^ value;
        put(frames[i], places[p], value);
      }
      patches[p].apply(changed, carryless);
      patches[p].apply_by_tables(changed, tables);
    }
    for (std::size_t i = 0; i < kBurst; ++i) {
      const std::uint32_t full = icrc(frames[i], layout);
      ASSERT_EQ(carryless[i], full);
      ASSERT_EQ(tables[i], full);
    }
  }
}

TEST(WireProperty, PatchedIcrcEqualsTheFullOne) {
  const std::size_t frames = std::getenv("WEFT_TEST_FULL") != nullptr ? 10'000'000 : 1'000'000;
  constexpr std::size_t kBursts = 32;
  std::mt19937_64 random(4);
  for (std::size_t done = 0; done < frames && !::testing::Test::HasFatalFailure(); done += kBurst * kBursts)
    check_template(random, kBursts);
}

TEST(WireProperty, NamedFieldsOfAnyFrameArePatched) {
  std::mt19937_64 random(5);
  for (int run = 0; run < 2000; ++run) {
    Octets frame = random_frame(random, 2000);
    const FrameLayout layout = find_layout(frame).value();
    std::uint32_t patched = load_icrc(frame, layout);
    for (int f = 0; f <= static_cast<int>(Field::kPayloadStart); ++f) {
      const auto place = find_field(layout, static_cast<Field>(f));
      if (!place) continue;
      const std::uint64_t value = random();
      patched ^= IcrcPatch(layout, *place).delta(get(frame, *place) ^ value);
      put(frame, *place, value);
    }
    ASSERT_EQ(patched, icrc(frame, layout));
  }
}

TEST(WireProperty, WhatIsParsedIsBuiltAgain) {
  std::mt19937_64 random(6);
  for (int run = 0; run < 20'000; ++run) {
    const Octets frame = random_frame(random, 100);
    const auto parsed = parse_frame(frame);
    ASSERT_TRUE(parsed.has_value());
    ASSERT_EQ(build_frame(parsed->headers, parsed->payload).value(), frame);
  }
}

// PSN, virtual address and stamp of random frames: from the ICRC with zeros to that with values, by both ways.
TEST(WireProperty, WordsAddUpToTheFullIcrc) {
  std::mt19937_64 random(17);
  for (int run = 0; run < 20'000; ++run) {
    Octets frame = random_frame(random, 300);
    const FrameLayout layout = find_layout(frame).value();
    std::vector<std::uint32_t> offsets{layout.bth + 8};
    for (const Field field : {Field::kRethVirtualAddress, Field::kPayloadStart})
      if (const auto place = find_field(layout, field))
        offsets.insert(offsets.end(), {place->offset, place->offset + 4});
    IcrcWords::Words words{};
    for (std::size_t w = 0; w < offsets.size(); ++w) {
      std::memcpy(&words[w], &frame[offsets[w]], 4);
      std::memset(&frame[offsets[w]], 0, 4);
    }
    const std::uint32_t zero = icrc(frame, layout);
    for (std::size_t w = 0; w < offsets.size(); ++w) std::memcpy(&frame[offsets[w]], &words[w], 4);
    std::uint32_t fast = zero, slow = zero;
    const IcrcWords adder(layout, offsets);
    adder.apply({&words, 1}, {&fast, 1});
    adder.apply_by_tables({&words, 1}, {&slow, 1});
    ASSERT_EQ(fast, icrc(frame, layout));
    ASSERT_EQ(slow, fast);
  }
}

}  // namespace
}  // namespace weft::wire
