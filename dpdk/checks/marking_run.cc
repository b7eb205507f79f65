#include "dpdk/checks/marking_run.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace weft::dpdk {
namespace {

constexpr std::uint64_t kMagic = 0x6E63'6574'6665'77ULL;
constexpr std::uint8_t kRcSendOnly = 0x04;

std::uint64_t nanoseconds(Duration d) { return static_cast<std::uint64_t>(d.picoseconds / 1'000); }

// A packet of ours that came: when, and how many bytes of all traffic had come until then.
struct Coming {
  std::uint64_t at = 0, bytes = 0;
  double delay = 0;
};

class Run {
 public:
  Run(FrameIo& out, FrameIo& in, const MarkingRunOptions& options, const std::function<std::uint64_t()>& now,
      const std::atomic<bool>& stop, std::vector<std::uint8_t> frame)
      : out_(out),
        in_(in),
        options_(options),
        now_(now),
        stop_(stop),
        frame_(std::move(frame)),
        layout_(*wire::find_layout(frame_)),
        buffer_(in.largest_frame()) {}

  MarkingRunResult run() {
    last_poll_ = now_();
    for (std::uint32_t i = 0; i < options_.rounds && !stop_; ++i) round();
    result_.interrupted = stop_;
    result_.base = shortest();
    result_.drain = drain_rate();
    return std::move(result_);
  }

 private:
  void round() {
    const std::uint64_t start = now_(), ramp = nanoseconds(options_.ramp),
                        end = start + ramp + nanoseconds(options_.drain);
    std::uint64_t gone = 0;
    for (std::uint64_t at = start; at < end && !stop_; at = now_()) {
      const double t = static_cast<double>(std::min(at - start, ramp)) / 1e9, whole = options_.ramp.seconds();
      const auto due =
          static_cast<std::uint64_t>(options_.from * t + (options_.to - options_.from) * t * t / (2 * whole));
      // One a look, so that none waits in the port behind others of ours; what is due stays due.
      if (gone < due) {
        ++gone;
        send();
      }
      receive();
    }
  }

  void send() {
    const std::uint64_t at = now_();
    std::memcpy(frame_.data() + layout_.payload, &at, sizeof at);
    wire::store_icrc(frame_, layout_, wire::icrc(frame_, layout_));
    ++(out_.send(frame_) ? result_.sent : result_.refused);
  }

  void receive() {
    const std::size_t size = in_.receive(buffer_);
    const std::uint64_t at = now_();
    const bool late = at - last_poll_ > nanoseconds(options_.late_poll);
    last_poll_ = at;
    if (size == 0) {
      late_until_empty_ = false;
      return;
    }
    late_until_empty_ = late_until_empty_ || late;  // those behind it waited for us, too
    bytes_ += size;
    take(std::span(buffer_).first(std::min(size, buffer_.size())), at);
  }

  void take(std::span<const std::uint8_t> frame, std::uint64_t at) {
    const auto layout = wire::find_layout(frame);
    std::uint64_t stamp = 0, magic = 0;
    if (layout && layout->payload_size >= kMarkingStamp) {
      std::memcpy(&stamp, frame.data() + layout->payload, sizeof stamp);
      std::memcpy(&magic, frame.data() + layout->payload + sizeof stamp, sizeof magic);
    }
    if (magic != kMagic || stamp > at) {
      ++result_.foreign;
      return;
    }
    ++result_.received;
    const unsigned ecn =
        layout->ip_version == wire::IpVersion::kV4 ? frame[layout->ip + 1] & 3U : (frame[layout->ip + 1] >> 4) & 3U;
    if (ecn == static_cast<unsigned>(wire::Ecn::kNotEct)) ++result_.not_capable;
    if (late_until_empty_) {
      ++result_.late;
      return;
    }
    const double delay = static_cast<double>(at - stamp) / 1e9;
    result_.samples.push_back({delay, ecn == static_cast<unsigned>(wire::Ecn::kCe)});
    comings_.push_back({at, bytes_, delay});
  }

  double shortest() const {
    double least = INFINITY;
    for (const Coming& coming : comings_) least = std::min(least, coming.delay);
    return comings_.empty() ? 0 : least;
  }

  // The median of what came in windows through which the queue was never short.
  Rate drain_rate() const {
    constexpr std::size_t kWindow = 64;
    double longest = 0;
    for (const Coming& coming : comings_) longest = std::max(longest, coming.delay - result_.base);
    std::vector<double> rates;
    std::size_t first = 0;
    for (std::size_t i = 0; i < comings_.size(); ++i) {
      if (comings_[i].delay - result_.base < longest / 4) first = i + 1;
      if (i < first + kWindow) continue;
      const auto bytes = static_cast<double>(comings_[i].bytes - comings_[first].bytes);
      const auto ns = static_cast<double>(comings_[i].at - comings_[first].at);
      if (ns > 0) rates.push_back(bytes * 8e9 / ns);
      first = i;
    }
    if (rates.empty()) return {};
    const auto middle = rates.begin() + static_cast<std::ptrdiff_t>(rates.size() / 2);
    std::nth_element(rates.begin(), middle, rates.end());
    return Rate{static_cast<std::int64_t>(*middle)};
  }

  FrameIo& out_;
  FrameIo& in_;
  const MarkingRunOptions& options_;
  const std::function<std::uint64_t()>& now_;
  const std::atomic<bool>& stop_;
  std::vector<std::uint8_t> frame_;
  wire::FrameLayout layout_;
  std::vector<std::uint8_t> buffer_;
  std::vector<Coming> comings_;
  MarkingRunResult result_;
  std::uint64_t last_poll_ = 0, bytes_ = 0;
  bool late_until_empty_ = false;
};

}  // namespace

Expected<void> check(const MarkingRunOptions& options) {
  if (options.payload < kMarkingStamp || options.payload > 4096)
    return input_error("no such payload", std::to_string(options.payload), "16 to 4096 bytes, a stamp is in it");
  if (!(options.from > 0 && options.to >= options.from && options.to < 1e10))
    return input_error("the load does not rise", std::to_string(options.to),
                       "more than 0, to at least what it began with");
  if (options.rounds == 0) return input_error("no round", "0", "1 or more");
  for (const Duration d : {options.ramp, options.drain, options.late_poll})
    if (d.picoseconds <= 0) return input_error("no time", to_text(d), "a time above 0");
  return {};
}

Expected<MarkingRunResult> run_marking(FrameIo& out, FrameIo& in, const MarkingRunOptions& options,
                                       const std::function<std::uint64_t()>& now, const std::atomic<bool>& stop) {
  wire::FrameHeaders headers = options.headers;
  headers.bth.opcode = kRcSendOnly;
  std::visit([](auto& ip) { ip.ecn = wire::Ecn::kEct0; }, headers.ip);
  std::vector<std::uint8_t> payload(options.payload);
  std::memcpy(payload.data() + sizeof(std::uint64_t), &kMagic, sizeof kMagic);
  auto frame = wire::build_frame(headers, payload);
  if (!frame) return tl::unexpected(frame.error().to_error());
  return Run(out, in, options, now, stop, std::move(*frame)).run();
}

}  // namespace weft::dpdk
