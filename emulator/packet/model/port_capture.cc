#include "emulator/packet/model/port_capture.h"

#include <ns3/log.h>
#include <ns3/simulator.h>

namespace weft::packet {

NS_LOG_COMPONENT_DEFINE("WeftPortCapture");

Expected<std::unique_ptr<PortCapture>> PortCapture::open(const std::string& file, std::uint32_t snap_length) {
  std::unique_ptr<PortCapture> capture(new PortCapture);
  capture->file_ = file;
  capture->out_.open(file, std::ios::binary | std::ios::trunc);
  if (!capture->out_)
    return environment_error("a capture file cannot be written", file, "see the folder's permissions");
  auto writer = wire::PcapWriter::create(capture->out_, {.snap_length = snap_length});
  if (!writer) return tl::unexpected(writer.error());
  capture->writer_ = std::make_unique<wire::PcapWriter>(std::move(*writer));
  return capture;
}

void PortCapture::write(const ns3::Packet& packet) {
  if (failed_) return;
  bytes_.resize(packet.GetSize());
  packet.CopyData(bytes_.data(), packet.GetSize());
  const Time at{Duration{ns3::Simulator::Now().GetPicoSeconds()}};
  const auto written = writer_->write(at, bytes_);
  if (written) return;
  failed_ = true;
  NS_LOG_ERROR("capture ended: " << written.error().text());
}

}  // namespace weft::packet
