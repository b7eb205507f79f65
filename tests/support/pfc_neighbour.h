// A neighbour made up for tests of PFC, on a clock of its own.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "dpdk/frame_io.h"
#include "fabric/wire/frame.h"
#include "fabric/wire/pause.h"

namespace weft::dpdk::testing {

enum class Manner { kObeys, kIgnores, kNeverResumes, kStopsAll, kResumesEarly, kResumesLate, kIgnoresResume };

// Sends a frame of priority 3 and one of priority 0 every 10 us; each look at it takes 1 us, but that at
// `hiccup_at`, after which `hiccup` is over: this side was not running.
class Neighbour final : public FrameIo {
 public:
  explicit Neighbour(Manner manner) : manner_(manner) {
    for (const std::uint8_t dscp : {std::uint8_t{26}, std::uint8_t{0}}) {
      wire::FrameHeaders headers;
      wire::Ipv4Header ip;
      ip.dscp = dscp;
      headers.ip = ip;
      headers.bth.opcode = 0x04;
      frames_.push_back(*wire::build_frame(headers, {}));
    }
  }
  Duration hiccup_at = Duration::us(1'000'000'000), hiccup{};

  bool send(std::span<const std::uint8_t> frame) override {
    const auto pause = wire::parse_pause(frame);
    EXPECT_TRUE(pause.has_value());
    const auto pfc = std::get<wire::PfcPause>(pause->pause);
    EXPECT_EQ(pfc.enabled, 0x08);
    if (manner_ == Manner::kIgnores) return true;
    if (pfc.quanta[3] == 0 && (manner_ == Manner::kNeverResumes || manner_ == Manner::kIgnoresResume)) return true;
    Duration length = wire::pause_duration(pfc.quanta[3], Rate::gbps(100));
    if (manner_ == Manner::kResumesEarly) length = Duration{length.picoseconds * 2 / 5};
    if (manner_ == Manner::kResumesLate) length = Duration{length.picoseconds * 8 / 5};
    paused_until_ = now_ + length;
    if (manner_ == Manner::kNeverResumes) paused_until_ = Duration::us(1'000'000'000);
    return true;
  }
  std::size_t receive(std::span<std::uint8_t> buffer) override {
    now_ = now_ + Duration::us(1);
    const std::int64_t us = now_.picoseconds / 1'000'000;
    if (us % 5 != 0) return 0;
    const bool lossless = us % 10 == 0;
    if (now_ < paused_until_ && (lossless || manner_ == Manner::kStopsAll)) return 0;
    const auto& frame = frames_[lossless ? 0 : 1];
    std::copy(frame.begin(), frame.end(), buffer.begin());
    if (now_ > hiccup_at) {  // the frame waited in the queue meanwhile
      hiccup_at = Duration::us(1'000'000'000);
      now_ = now_ + hiccup;
    }
    return frame.size();
  }
  [[nodiscard]] std::size_t largest_frame() const override { return 1514; }
  [[nodiscard]] Duration now() const { return now_; }

 private:
  Manner manner_;
  Duration now_{}, paused_until_{};
  std::vector<std::vector<std::uint8_t>> frames_;
};

}  // namespace weft::dpdk::testing
