// A capture file of what workers send or receive. Writing is slow: it is for looking, not for measuring.
#pragma once

#include <fstream>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "dpdk/clock.h"
#include "dpdk/transmit.h"
#include "fabric/wire/pcap.h"

namespace weft::dpdk {

class Capture {
 public:
  // Errors: a file that cannot be written.
  [[nodiscard]] static Expected<std::unique_ptr<Capture>> create(const std::string& path, const Clock& clock,
                                                                 std::uint64_t most_frames = ~std::uint64_t{0});
  // For any number of workers. Must not outlive the capture.
  [[nodiscard]] FrameWatch watch();
  // Ends the file. Errors: what went wrong while writing.
  [[nodiscard]] Expected<void> close();
  [[nodiscard]] std::uint64_t frames() const { return writer_->frames(); }

 private:
  Capture(const Clock& clock, std::uint64_t most_frames) : clock_(clock), left_(most_frames), start_(ticks()) {}
  void write(std::span<const std::uint8_t> frame);

  Clock clock_;
  std::uint64_t left_, start_;
  std::mutex mutex_;
  std::ofstream file_;
  std::string path_;
  std::optional<wire::PcapWriter> writer_;
  std::optional<Error> failed_;
};

}  // namespace weft::dpdk
