// Frames into a capture file that Wireshark, tcpdump and tshark read.
#pragma once

#include <cstdint>
#include <limits>
#include <ostream>
#include <span>

#include "fabric/error.h"
#include "fabric/units.h"

namespace weft::wire {

struct PcapOptions {
  std::uint32_t snap_length = 65'535;  // longer frames are cut; their true length is kept
  Bytes file_limit{std::int64_t{4} << 30};
  std::uint32_t epoch_seconds = 0;  // what time 0 is in seconds since 1970
};

// pcap with nanosecond time stamps (magic 0xA1B23C4D, version 2.4), Ethernet without FCS, little-endian.
class PcapWriter {
 public:
  // Writes the file header. The stream must outlive the writer and is not flushed by it.
  // Errors: a limit that has no room for the header, or a stream that does not take it.
  [[nodiscard]] static Expected<PcapWriter> create(std::ostream& out, const PcapOptions& options);

  // False where the file limit has no room for the frame: it is counted as dropped, as are all that follow.
  // Errors: a stream that does not take it (disk full); a time before 0 or beyond 32 bits of seconds.
  [[nodiscard]] Expected<bool> write(Time at, std::span<const std::uint8_t> frame);

  [[nodiscard]] std::uint64_t frames() const { return frames_; }
  [[nodiscard]] std::uint64_t dropped() const { return dropped_; }
  [[nodiscard]] Bytes size() const { return size_; }

 private:
  PcapWriter(std::ostream& out, const PcapOptions& options) : out_(&out), options_(options) {}
  [[nodiscard]] Expected<void> put(std::span<const std::uint8_t> bytes);

  std::ostream* out_;
  PcapOptions options_;
  Bytes size_{};
  std::uint64_t frames_ = 0, dropped_ = 0;
};

}  // namespace weft::wire
