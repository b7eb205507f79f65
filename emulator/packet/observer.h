// Who wants to know: what ports and QPs do (Observer), what becomes of messages (Listener), and several of each.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "emulator/packet/frame.h"
#include "fabric/ids.h"

namespace weft::packet {

// Told of what happens. What says "watched" comes from ports with kWatched only, and at its own time there: a watched
// port follows its departures exactly. The trace sources of model/roce_fabric.h are made of it.
class Observer {
 public:
  virtual ~Observer() = default;
  virtual void on_transmit(LinkId, const Frame&, Ps /*start*/) {}                           // watched
  virtual void on_queue(LinkId, std::uint8_t /*priority*/, std::uint32_t /*bytes*/, Ps) {}  // watched
  virtual void on_pause_frame(LinkId, std::uint8_t /*priority*/, bool /*pause*/, Ps /*start*/) {
  }  // watched, sent by it
  virtual void on_drop(LinkId, const Frame&) {}
  virtual void on_mark(LinkId, const Frame&) {}
  virtual void on_pause(LinkId /*paused*/, std::uint8_t /*priority*/, bool /*pause*/) {}
  virtual void on_cnp(std::uint32_t /*qp*/) {}
  virtual void on_rate(std::uint32_t /*qp*/) {}  // rate or window may have changed
  virtual void on_link(LinkId, bool /*up*/) {}
};

// Told of messages.
class Listener {
 public:
  virtual ~Listener() = default;
  virtual void on_received(std::uint32_t qp, std::uint32_t message) = 0;  // the last byte is in memory
  virtual void on_acknowledged(std::uint32_t qp, std::uint32_t message) = 0;
  virtual void on_failed(std::uint32_t qp) = 0;  // retries used up
};

// All who listen, behind the one pointer that the data plane checks: null for none, the one itself, or the fan-out.
// Adding and removing from within a call is allowed; who is added then hears of the next event.
template <typename Base>
class Subscribers {
 public:
  void add(Base* one) { all_.push_back(one); }
  void remove(Base* one) { std::replace(all_.begin(), all_.end(), one, static_cast<Base*>(nullptr)); }
  [[nodiscard]] Base* target(Base* fan_out) {
    const auto live = [](const Base* one) { return one != nullptr; };
    const auto count = std::count_if(all_.begin(), all_.end(), live);
    if (count == 0) return nullptr;
    return count == 1 ? *std::find_if(all_.begin(), all_.end(), live) : fan_out;
  }
  template <typename Tell>
  void each(const Tell& tell) {
    const std::size_t count = all_.size();
    for (std::size_t i = 0; i < count; ++i) {
      if (all_[i] != nullptr) tell(*all_[i]);
    }
  }

 private:
  std::vector<Base*> all_;
};

class ObserverFanOut final : public Observer {
 public:
  Subscribers<Observer> to;
  void on_transmit(LinkId link, const Frame& f, Ps start) override {
    to.each([&](Observer& o) { o.on_transmit(link, f, start); });
  }
  void on_queue(LinkId link, std::uint8_t priority, std::uint32_t bytes, Ps at) override {
    to.each([&](Observer& o) { o.on_queue(link, priority, bytes, at); });
  }
  void on_pause_frame(LinkId link, std::uint8_t priority, bool pause, Ps start) override {
    to.each([&](Observer& o) { o.on_pause_frame(link, priority, pause, start); });
  }
  void on_drop(LinkId link, const Frame& f) override {
    to.each([&](Observer& o) { o.on_drop(link, f); });
  }
  void on_mark(LinkId link, const Frame& f) override {
    to.each([&](Observer& o) { o.on_mark(link, f); });
  }
  void on_pause(LinkId link, std::uint8_t priority, bool pause) override {
    to.each([&](Observer& o) { o.on_pause(link, priority, pause); });
  }
  void on_cnp(std::uint32_t qp) override {
    to.each([&](Observer& o) { o.on_cnp(qp); });
  }
  void on_rate(std::uint32_t qp) override {
    to.each([&](Observer& o) { o.on_rate(qp); });
  }
  void on_link(LinkId link, bool up) override {
    to.each([&](Observer& o) { o.on_link(link, up); });
  }
};

class ListenerFanOut final : public Listener {
 public:
  Subscribers<Listener> to;
  void on_received(std::uint32_t qp, std::uint32_t message) override {
    to.each([&](Listener& l) { l.on_received(qp, message); });
  }
  void on_acknowledged(std::uint32_t qp, std::uint32_t message) override {
    to.each([&](Listener& l) { l.on_acknowledged(qp, message); });
  }
  void on_failed(std::uint32_t qp) override {
    to.each([&](Listener& l) { l.on_failed(qp); });
  }
};

}  // namespace weft::packet
