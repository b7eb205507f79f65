#include "fabric/wire/pcap.h"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <string>

namespace weft::wire {
namespace {

constexpr std::int64_t kFileHeader = 24, kRecordHeader = 16;

template <std::size_t Words>
std::array<std::uint8_t, 4 * Words> little_endian(const std::array<std::uint32_t, Words>& words) {
  std::array<std::uint8_t, 4 * Words> out{};
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<std::uint8_t>(words[i / 4] >> (8 * (i % 4)));
  return out;
}

}  // namespace

Expected<PcapWriter> PcapWriter::create(std::ostream& out, const PcapOptions& options) {
  if (options.file_limit.count < kFileHeader)
    return input_error("no room for a capture", std::to_string(options.file_limit.count), "at least 24 bytes");
  constexpr std::uint32_t kMagic = 0xA1B23C4D, kVersion = 2 | 4U << 16, kEthernet = 1;
  PcapWriter writer(out, options);
  const auto header = little_endian<6>({kMagic, kVersion, 0, 0, options.snap_length, kEthernet});
  if (const auto put = writer.put(header); !put) return tl::unexpected(put.error());
  return writer;
}

Expected<bool> PcapWriter::write(Time at, std::span<const std::uint8_t> frame) {
  constexpr std::int64_t kNanosecond = 1'000, kSecond = 1'000'000'000 * kNanosecond;
  const std::int64_t picoseconds = at.since_start.picoseconds;
  const std::int64_t seconds = picoseconds / kSecond + options_.epoch_seconds;
  if (picoseconds < 0 || seconds > std::numeric_limits<std::uint32_t>::max())
    return input_error("no time stamp of a capture", std::to_string(seconds) + " s", "0 to 2^32 - 1 seconds");
  const std::size_t kept = std::min<std::size_t>(frame.size(), options_.snap_length);
  const Bytes record{kRecordHeader + static_cast<std::int64_t>(kept)};
  if (dropped_ > 0 || size_ + record > options_.file_limit) {
    ++dropped_;
    return false;
  }
  const auto header = little_endian<4>({static_cast<std::uint32_t>(seconds),
                                        static_cast<std::uint32_t>(picoseconds % kSecond / kNanosecond),
                                        static_cast<std::uint32_t>(kept), static_cast<std::uint32_t>(frame.size())});
  if (const auto put_header = put(header); !put_header) return tl::unexpected(put_header.error());
  if (const auto put_frame = put(frame.first(kept)); !put_frame) return tl::unexpected(put_frame.error());
  ++frames_;
  return true;
}

Expected<void> PcapWriter::put(std::span<const std::uint8_t> bytes) {
  const auto count = static_cast<std::streamsize>(bytes.size());
  if (!out_->write(reinterpret_cast<const char*>(bytes.data()), count))
    return environment_error("the capture cannot be written", {}, "free space for it, or lower its limit");
  size_ = size_ + Bytes{count};
  return {};
}

}  // namespace weft::wire
