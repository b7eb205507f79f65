#include "emulator/packet/link_order_scheduler.h"

#include <algorithm>
#include <utility>

namespace weft::packet {

NS_OBJECT_ENSURE_REGISTERED(LinkOrderScheduler);

namespace {

using Event = ns3::Scheduler::Event;

// std's heaps have the greatest in front. REQUIRES: equal timestamps.
bool later(const Event& a, const Event& b) {
  return std::pair(a.key.m_context, a.key.m_uid) > std::pair(b.key.m_context, b.key.m_uid);
}

}  // namespace

ns3::TypeId LinkOrderScheduler::GetTypeId() {
  static ns3::TypeId tid = ns3::TypeId("weft::packet::LinkOrderScheduler")
                               .SetParent<ns3::Scheduler>()
                               .SetGroupName("Core")
                               .AddConstructor<LinkOrderScheduler>();
  return tid;
}

void LinkOrderScheduler::Insert(const Event& ev) {
  if (tied_.empty() || ev.key.m_ts != tied_.front().key.m_ts) {
    wheel_.Insert(ev);
    return;
  }
  tied_.push_back(ev);
  std::push_heap(tied_.begin(), tied_.end(), later);
}

Event LinkOrderScheduler::RemoveNext() {
  if (tied_.empty()) {
    const Event first = wheel_.RemoveNext();
    if (!wheel_.IsNextAt(first.key.m_ts)) return first;
    tied_.push_back(first);
    while (wheel_.IsNextAt(first.key.m_ts)) tied_.push_back(wheel_.RemoveNext());
    std::make_heap(tied_.begin(), tied_.end(), later);
  }
  std::pop_heap(tied_.begin(), tied_.end(), later);
  const Event ev = tied_.back();
  tied_.pop_back();
  return ev;
}

void LinkOrderScheduler::Remove(const Event& ev) {
  const auto at = std::find(tied_.begin(), tied_.end(), ev);
  if (at == tied_.end()) {
    wheel_.Remove(ev);
    return;
  }
  *at = tied_.back();
  tied_.pop_back();
  std::make_heap(tied_.begin(), tied_.end(), later);
}

}  // namespace weft::packet
