// One port's capture file.
#pragma once

#include <ns3/packet.h>

#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "fabric/wire/pcap.h"

namespace weft::packet {

class PortCapture {
 public:
  // Errors: kEnvironment for a file that cannot be written.
  [[nodiscard]] static Expected<std::unique_ptr<PortCapture>> open(const std::string& file, std::uint32_t snap_length);

  // Now, in simulated time. A disk that is full ends the capture, with a line on ns-3's log.
  void write(const ns3::Packet& packet);
  [[nodiscard]] std::uint64_t frames() const { return writer_->frames(); }

 private:
  PortCapture() = default;

  std::string file_;
  std::ofstream out_;
  std::unique_ptr<wire::PcapWriter> writer_;
  std::vector<std::uint8_t> bytes_;
  bool failed_ = false;
};

}  // namespace weft::packet
