// An event queue in which ties do not depend on who was first to schedule.
#pragma once

#include <vector>

#include "emulator/packet/wheel_scheduler.h"

namespace weft::packet {

/// Events in the order (timestamp, context, uid), where WheelScheduler and every scheduler of ns-3 has (timestamp,
/// uid).
///
/// Contexts of the packet engine's events are links and QPs (network.h), so what happens in one picosecond happens in
/// an order that follows from the fabric alone: the same in one process as in several, each of which has an order of
/// insertion of its own. docs/decisions/0012-ties-by-link.md.
///
/// An event scheduled for now, with a context below those that have run, is the next: causes still precede effects.
class LinkOrderScheduler final : public ns3::Scheduler {
 public:
  static ns3::TypeId GetTypeId();

  void Insert(const Event& ev) override;
  bool IsEmpty() const override { return tied_.empty() && wheel_.IsEmpty(); }
  /// An event of the next timestamp, which is what simulators look for; among several not always the one that is next.
  /// REQUIRES: not empty, as in RemoveNext.
  Event PeekNext() const override { return tied_.empty() ? wheel_.PeekNext() : tied_.front(); }
  Event RemoveNext() override;
  /// REQUIRES: an event with this timestamp and uid is pending.
  void Remove(const Event& ev) override;

 private:
  // Where several events share the timestamp of the one removed last, those that are left; a heap. Else empty.
  std::vector<Event> tied_;
  WheelScheduler wheel_;
};

}  // namespace weft::packet
