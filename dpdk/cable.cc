#include "dpdk/cable.h"

#include <algorithm>
#include <utility>

#include "fabric/error.h"
#include "fabric/wire/frame_layout.h"

namespace weft::dpdk {
namespace {

using Bytes = std::vector<std::uint8_t>;

void mend_ipv4_checksum(std::span<std::uint8_t> ip) {
  const auto header = wire::decode<wire::Ipv4Header>(ip);
  const std::uint16_t checksum = wire::ipv4_checksum(header);
  ip[10] = static_cast<std::uint8_t>(checksum >> 8);
  ip[11] = static_cast<std::uint8_t>(checksum);
}

}  // namespace

bool mark_congestion(std::span<std::uint8_t> frame) {
  const auto layout = wire::find_layout(frame);
  if (!layout) return false;
  if (layout->ip_version == wire::IpVersion::kV4) {
    frame[layout->ip + 1] |= 3;
    mend_ipv4_checksum(frame.subspan(layout->ip));
  } else {
    frame[layout->ip + 1] |= 0x30;  // the traffic class lies across two bytes
  }
  return true;
}

// One direction.
class Cable::Lane {
 public:
  Lane(std::size_t capacity, std::size_t largest) : capacity_(capacity), largest_(largest) {}

  bool put(std::span<const std::uint8_t> bytes) {
    const std::scoped_lock lock(mutex_);
    if (bytes.empty() || bytes.size() > largest_ || arrived_.size() + held_.size() >= capacity_) return false;
    Bytes frame(bytes.begin(), bytes.end());
    const Passage passage = mishap_ ? mishap_(index_, frame) : Passage{};
    ++index_;
    if (passage.drop) return true;
    if (passage.mark_ce) mark_congestion(frame);
    if (passage.overtaken > 0) {
      held_.push_back({std::move(frame), passage.overtaken, passage.copies});
      return true;
    }
    arrive(frame, passage.copies);
    return true;
  }

  std::size_t take(std::span<std::uint8_t> buffer) {
    const std::scoped_lock lock(mutex_);
    if (arrived_.empty()) return 0;
    const Bytes& frame = arrived_.front();
    const std::size_t size = std::min(frame.size(), buffer.size());
    std::copy_n(frame.begin(), size, buffer.begin());
    arrived_.pop_front();
    return size;
  }

  void set(Mishap mishap) {
    const std::scoped_lock lock(mutex_);
    mishap_ = std::move(mishap);
    index_ = 0;
  }

  void release() {
    const std::scoped_lock lock(mutex_);
    for (const Held& held : held_) arrived_.insert(arrived_.end(), held.copies, held.frame);
    held_.clear();
  }

  [[nodiscard]] std::size_t largest() const { return largest_; }

 private:
  struct Held {
    Bytes frame;
    unsigned waits_for;  // frames that have to arrive first
    unsigned copies;
  };

  void arrive(const Bytes& frame, unsigned copies) {
    arrived_.insert(arrived_.end(), copies, frame);
    for (Held& held : held_) --held.waits_for;
    for (auto held = held_.begin(); held != held_.end();) {
      if (held->waits_for > 0) {
        ++held;
        continue;
      }
      arrived_.insert(arrived_.end(), held->copies, held->frame);
      held = held_.erase(held);
    }
  }

  std::mutex mutex_;
  std::size_t capacity_, largest_;
  std::deque<Bytes> arrived_;
  std::vector<Held> held_;
  Mishap mishap_;
  std::uint64_t index_ = 0;
};

class Cable::End : public FrameIo {
 public:
  End(Lane& out, Lane& in) : out_(&out), in_(&in) {}
  bool send(std::span<const std::uint8_t> frame) override { return out_->put(frame); }
  std::size_t receive(std::span<std::uint8_t> buffer) override { return in_->take(buffer); }
  [[nodiscard]] std::size_t largest_frame() const override { return out_->largest(); }

 private:
  Lane *out_, *in_;
};

Cable::Cable(std::size_t capacity, std::size_t largest_frame)
    : to_right_(std::make_unique<Lane>(capacity, largest_frame)),
      to_left_(std::make_unique<Lane>(capacity, largest_frame)),
      left_(std::make_unique<End>(*to_right_, *to_left_)),
      right_(std::make_unique<End>(*to_left_, *to_right_)) {
  WEFT_CHECK(capacity > 0);
}
Cable::~Cable() = default;

FrameIo& Cable::left() { return *left_; }
FrameIo& Cable::right() { return *right_; }
void Cable::on_way_right(Mishap mishap) { to_right_->set(std::move(mishap)); }
void Cable::on_way_left(Mishap mishap) { to_left_->set(std::move(mishap)); }
void Cable::release() {
  to_right_->release();
  to_left_->release();
}

}  // namespace weft::dpdk
