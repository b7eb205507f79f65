// The order in which a QP's messages arrive, known by their contents. UD promises none: a network of many paths, or a
// host of many processors, may swap neighbours. Neither UD nor UC promises that a message is there in time.
#pragma once

#include <cstdint>

namespace weft::verbs {

enum class Arrival : std::uint8_t { kNext, kLate, kWrong };

class ArrivalOrder {
 public:
  // `reach`: messages that may be under way at once, so that as many may be missing between two that arrive; 0: none
  // is ever missing, and each must be the next.
  explicit ArrivalOrder(std::uint64_t reach) : reach_(reach) {}

  // Of what arrived, `holds(m)` tells whether it is message m. Late: others that were sent after it are here, or it was
  // given up as lost. Wrong: it is none that may come; the next is the one after.
  template <typename Holds>
  Arrival take(const Holds& holds) {
    for (std::uint64_t message = next_; message <= next_ + reach_; ++message)
      if (holds(message)) {
        was_given_up_ = false;
        next_ = message + 1;
        return Arrival::kNext;
      }
    const std::uint64_t oldest = next_ > kLateReaches * reach_ ? next_ - kLateReaches * reach_ : 0;
    for (std::uint64_t message = next_; message-- > oldest;)
      if (holds(message)) {
        was_given_up_ = message < given_up_;
        return Arrival::kLate;
      }
    was_given_up_ = false;
    ++next_;
    return Arrival::kWrong;
  }

  // All before `message` that are not here are lost.
  void give_up_before(std::uint64_t message) { next_ = given_up_ = message; }
  void advance_to(std::uint64_t message) { next_ = next_ > message ? next_ : message; }
  [[nodiscard]] bool was_given_up() const { return was_given_up_; }  // the last one taken, which came late
  [[nodiscard]] std::uint64_t next() const { return next_; }

 private:
  static constexpr std::uint64_t kLateReaches = 8;  // chosen: rounds that a message may come late
  std::uint64_t reach_, next_ = 0, given_up_ = 0;
  bool was_given_up_ = false;
};

}  // namespace weft::verbs
