// Events that say what they will touch, so that it can be in the cache when their turn comes.
#pragma once

#include <ns3/event-impl.h>

#include <cstdint>
#include <typeinfo>

namespace weft::packet {

// On a large fabric nothing that an event needs is in the cache, and each line is found through the one before.
// WheelScheduler knows what comes next: some events ahead it fetches the event's object, then calls read_ahead(kFar),
// which may read the object and fetch what that names, then read_ahead(kNear), which may read that in turn.
class ReadAheadEvent : public ns3::EventImpl {
 public:
  enum class Distance : std::uint8_t { kFar, kNear };
  // Changes nothing, and what it reads may be out of date by the time of the event.
  virtual void read_ahead(Distance distance) const = 0;
};

// Tells such events from others: most events of a run are of one type.
class ReadAheadTypes {
 public:
  // The event, or null where it is of another kind.
  [[nodiscard]] const ReadAheadEvent* cast(const ns3::EventImpl* event) {
    if (event == nullptr) [[unlikely]]
      return nullptr;
    const std::type_info* type = &typeid(*event);
    if (type == known_) return static_cast<const ReadAheadEvent*>(event);
    if (type == other_) return nullptr;
    const auto* found = dynamic_cast<const ReadAheadEvent*>(event);
    (found != nullptr ? known_ : other_) = type;
    return found;
  }

 private:
  const std::type_info* known_ = nullptr;  // the type that was seen last, of either kind
  const std::type_info* other_ = nullptr;
};

}  // namespace weft::packet
