#include "dpdk/capture.h"

#include <cerrno>
#include <cstring>
#include <ctime>

namespace weft::dpdk {

Expected<std::unique_ptr<Capture>> Capture::create(const std::string& path, const Clock& clock,
                                                   std::uint64_t most_frames) {
  std::unique_ptr<Capture> capture(new Capture(clock, most_frames));
  capture->path_ = path;
  capture->file_.open(path, std::ios::binary | std::ios::trunc);
  if (!capture->file_) return environment_error("cannot write the file", path, std::strerror(errno));
  wire::PcapOptions options;
  options.epoch_seconds = static_cast<std::uint32_t>(std::time(nullptr));
  auto writer = wire::PcapWriter::create(capture->file_, options);
  if (!writer) return tl::unexpected(writer.error());
  capture->writer_ = *writer;
  return capture;
}

FrameWatch Capture::watch() {
  return [this](std::span<const std::uint8_t> frame) { write(frame); };
}

void Capture::write(std::span<const std::uint8_t> frame) {
  const std::scoped_lock lock(mutex_);
  if (left_ == 0 || failed_) return;
  --left_;
  const auto at = Duration::from_seconds(clock_.seconds(ticks() - start_));
  if (const auto done = writer_->write(Time{at}, frame); !done) failed_ = done.error();
}

Expected<void> Capture::close() {
  const std::scoped_lock lock(mutex_);
  left_ = 0;
  file_.close();
  if (failed_) return tl::unexpected(*failed_);
  if (!file_) return environment_error("the capture cannot be written", path_, "free space for it");
  return {};
}

}  // namespace weft::dpdk
