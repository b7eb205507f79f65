#include "dpdk/stream.h"

#include <fmt/format.h>

#include <cstring>

#include "dpdk/clock.h"

namespace weft::dpdk {
namespace {

using wire::Field;

Expected<void> check_numbers(const StreamSpec& spec) {
  if (spec.qps == 0 || spec.qps > kMostQps)
    return input_error("no number of QPs", std::to_string(spec.qps), fmt::format("1 to {}", kMostQps));
  for (const std::uint32_t first : {spec.dest_qp, spec.source_qp})
    if (first > wire::kMask24 || wire::kMask24 - first < spec.qps - 1)
      return input_error("QP numbers beyond 24 bits", fmt::format("{} and {} more", first, spec.qps - 1),
                         "start lower, or fewer QPs");
  if (spec.start_psn > wire::kMask24)
    return input_error("a PSN beyond 24 bits", std::to_string(spec.start_psn), "0 to 16777215");
  if (spec.port_policy == SourcePortPolicy::kSweep &&
      (spec.source_ports == 0 || spec.source_port + spec.source_ports - 1 > 0xFFFF))
    return input_error("UDP source ports beyond 65535",
                       fmt::format("{} and {} more", spec.source_port, spec.source_ports - 1), "a smaller range");
  if (!spec.endpoints.empty() &&
      (spec.endpoints.size() != spec.qps || !std::holds_alternative<wire::Ipv4Header>(spec.ip)))
    return input_error("addresses that are not one IPv4 pair for each QP", std::to_string(spec.endpoints.size()),
                       std::to_string(spec.qps));
  return check(spec.rate);
}

Shape shape_of_frame(std::vector<std::uint8_t> frame) {
  Shape shape;
  shape.layout = wire::find_layout(frame).value();
  if (const auto address = find_field(shape.layout, Field::kRethVirtualAddress)) shape.address_at = address->offset;
  if (shape.layout.payload_size >= Stamp::kSize) shape.stamp_at = shape.layout.payload;
  shape.ack_bit = std::uint32_t{frame[shape.layout.bth + 8]} << 24;
  shape.frame = std::move(frame);
  return shape;
}

}  // namespace

Expected<Stream> Stream::create(const StreamSpec& spec) {
  if (const auto good = check_numbers(spec); !good) return tl::unexpected(good.error());
  Stream stream(spec);
  if (spec.opcode) {
    const auto* info = wire::find_opcode(*spec.opcode);
    if (info == nullptr)
      return input_error("no RoCEv2 opcode", fmt::format("0x{:02x}", *spec.opcode), "weft dpdk send --opcode list");
    if (spec.message < Bytes{} || spec.message > spec.mtu)
      return input_error("a packet of one opcode longer than the MTU", to_text(spec.message),
                         "at most " + to_text(spec.mtu));
  } else {
    const auto segments = wire::MessageSegments::create(spec.transport, spec.kind, spec.message, spec.mtu);
    if (!segments) return tl::unexpected(segments.error());
    stream.segments_ = *segments;
    stream.packets_ = segments->count();
  }
  if (const auto made = stream.make_shapes(); !made) return tl::unexpected(made.error());
  return stream;
}

wire::Segment Stream::segment(std::uint32_t index) const {
  if (segments_) return (*segments_)[index];
  const bool payload = wire::find_opcode(*spec_.opcode)->payload;
  return {*spec_.opcode, {}, payload ? spec_.message : Bytes{}, true};
}

std::uint16_t Stream::source_port(std::uint32_t qp) const {
  switch (spec_.port_policy) {
    case SourcePortPolicy::kFixed:
      return spec_.source_port;
    case SourcePortPolicy::kPerQp:
      return wire::udp_source_port(spec_.source_qp + qp, spec_.dest_qp + qp);
    case SourcePortPolicy::kSweep:
      return static_cast<std::uint16_t>(spec_.source_port + qp % spec_.source_ports);
  }
  return 0;
}

wire::FrameHeaders Stream::headers(std::uint32_t qp, std::uint32_t index, std::uint64_t message) const {
  const wire::Segment packet = segment(index);
  const auto* info = wire::find_opcode(packet.opcode);
  wire::FrameHeaders h;
  h.ethernet.source = spec_.source_mac;
  h.ethernet.destination = spec_.destination_mac;
  if (spec_.vlan) h.vlan_tags.push_back(*spec_.vlan);
  h.ip = spec_.ip;
  if (!spec_.endpoints.empty()) {
    auto& ip = std::get<wire::Ipv4Header>(h.ip);
    ip.source = spec_.endpoints[qp].source;
    ip.destination = spec_.endpoints[qp].destination;
  }
  h.udp.source_port = source_port(qp);
  if (spec_.port_policy == SourcePortPolicy::kSweep)
    h.udp.source_port = static_cast<std::uint16_t>(
        spec_.source_port + (h.udp.source_port - spec_.source_port + message) % spec_.source_ports);
  h.bth.opcode = packet.opcode;
  h.bth.dest_qp = spec_.dest_qp + qp;
  h.bth.psn = static_cast<std::uint32_t>((spec_.start_psn + message * packets_ + index) & wire::kMask24);
  h.bth.ack_request = packet.last && info->request &&
                      (info->transport == wire::Transport::kRc || info->transport == wire::Transport::kXrc);
  h.bth.becn = packet.opcode == wire::kOpcodeCnp;
  h.extensions.reth = {
      address_in_region(spec_.virtual_address, message * static_cast<std::uint64_t>(spec_.message.count)), spec_.rkey,
      static_cast<std::uint32_t>(spec_.message.count)};
  h.extensions.atomic = {spec_.virtual_address, spec_.rkey, 1, 0};
  h.extensions.deth = {spec_.q_key, 0, spec_.source_qp};
  h.extensions.immediate.data = Stamp::kMagic;
  h.extensions.invalidate.rkey = spec_.rkey;
  return h;
}

std::vector<std::uint8_t> Stream::frame(std::uint32_t qp, std::uint32_t index, std::uint64_t message) const {
  const auto size = static_cast<std::size_t>(segment(index).size.count);
  std::vector<std::uint8_t> payload(size);
  for (std::size_t i = 0; i < size; ++i) payload[i] = static_cast<std::uint8_t>(i);
  if (size >= Stamp::kSize) {
    const Stamp stamp{0, Stamp::kMagic, clock_epoch()};
    std::memcpy(payload.data(), &stamp, Stamp::kSize);
  }
  return wire::build_frame(headers(qp, index, message), payload).value();
}

Expected<void> Stream::make_shapes() {
  // What build_frame() could refuse is the same for all shapes but the length.
  const auto headers_fit = wire::complete_headers(headers(0, 0, 0), static_cast<std::size_t>(segment(0).size.count));
  if (!headers_fit) return tl::unexpected(headers_fit.error().to_error());
  shapes_.push_back(shape_of_frame(frame(0, 0, 0)));
  if (packets_ > 2) shapes_.push_back(shape_of_frame(frame(0, 1, 0)));
  if (packets_ > 1) shapes_.push_back(shape_of_frame(frame(0, packets_ - 1, 0)));
  return {};
}

double Stream::wire_bytes() const {
  double sum = 0;
  const auto bytes = [&](std::size_t shape) {
    return static_cast<double>(shapes_[shape].frame.size() + kWireOverhead);
  };
  if (packets_ > 2) sum += bytes(1) * (packets_ - 2);
  if (packets_ > 1) sum += bytes(shapes_.size() - 1);
  return (sum + bytes(0)) / packets_;
}

std::uint32_t Stream::largest_frame() const {
  std::size_t largest = 60;
  for (const Shape& shape : shapes_) largest = std::max(largest, shape.frame.size());
  return static_cast<std::uint32_t>(largest);
}

std::string Stream::operation() const {
  if (spec_.opcode) return std::string(wire::find_opcode(*spec_.opcode)->operation);
  switch (spec_.kind) {
    case wire::MessageKind::kSend:
      return "send";
    case wire::MessageKind::kSendImm:
      return "send_imm";
    case wire::MessageKind::kSendInvalidate:
      return "send_invalidate";
    case wire::MessageKind::kWrite:
      return "write";
    case wire::MessageKind::kWriteImm:
      return "write_imm";
    case wire::MessageKind::kReadResponse:
      return "read_response";
  }
  return {};
}

}  // namespace weft::dpdk
