// What a QP keeps where packets may overtake one another or are repeated one by one: spray, selective repeat.
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "emulator/packet/frame.h"

namespace weft::packet {

class Reorder {
 public:
  // Receiver: notes packet `psn`; `expected` is the first one not received and moves on. False: a duplicate.
  bool receive(std::uint32_t psn, std::uint32_t& expected);
  // Receiver: bit i tells whether expected + 1 + i was received.
  [[nodiscard]] std::uint64_t sack(std::uint32_t expected) const;
  [[nodiscard]] std::uint32_t received() const { return received_; }

  // Sender: what a NAK says is missing goes to `resend`, each packet once until restart().
  void note_missing(const Frame& nak, std::uint32_t first_unacked);
  void trim_to(std::uint32_t first_unacked);
  void restart(std::uint32_t first_unacked) {
    resend.clear();
    sacked = 0;
    resent_below_ = first_unacked;
  }

  std::deque<std::uint32_t> resend;
  std::uint16_t draws = 0;   // sender: of per-packet paths
  std::uint16_t paths = 0;   // sender: that it goes round; 0: routing.spray_paths
  std::uint32_t sacked = 0;  // sender: packets beyond the first unacknowledged that have arrived

 private:
  [[nodiscard]] bool has(std::uint32_t psn) const;
  void grow(std::uint32_t span);

  std::vector<std::uint64_t> bits_;  // ring over PSNs from `expected` on; a power of two of words
  std::uint32_t first_ = 0;          // PSNs in the ring: [first_, first_ + 64 x words)
  std::uint32_t received_ = 0;       // distinct packets
  std::uint32_t resent_below_ = 0;
};

}  // namespace weft::packet
