// The order in which a QP's messages arrive, known by their contents. UD promises none: a network of many paths, or a
// host of many processors, may swap neighbours. Neither UD nor UC promises that a message is there in time.
#pragma once

#include <cstdint>
#include <set>

namespace weft::verbs {

enum class Arrival : std::uint8_t {
  kNext,
  kLate,   // others that were sent after it are here
  kFound,  // it was given up as lost
  kWrong   // none that may come: damaged, or there already
};

class ArrivalOrder {
 public:
  // `reach`: messages that may be under way at once, so that as many may be missing between two that arrive; 0: none
  // is ever missing, and each must be the next.
  explicit ArrivalOrder(std::uint64_t reach) : reach_(reach) {}

  // Of what arrived, `holds(m)` tells whether it is message m. A wrong one stands for the next, which may come yet
  // where messages may be late.
  template <typename Holds>
  Arrival take(const Holds& holds) {
    for (std::uint64_t message = next_; message <= next_ + reach_; ++message)
      if (holds(message)) {
        advance_to(message);
        ++next_;
        return Arrival::kNext;
      }
    for (auto at = missing_.rbegin(); at != missing_.rend(); ++at)
      if (holds(*at)) {
        const bool was_given_up = *at < given_up_;
        missing_.erase(std::next(at).base());
        return was_given_up ? Arrival::kFound : Arrival::kLate;
      }
    advance_to(next_ + 1);
    return Arrival::kWrong;
  }

  // All before `message` that are not here are lost.
  void give_up_before(std::uint64_t message) {
    advance_to(message);
    given_up_ = message;
  }
  [[nodiscard]] bool has(std::uint64_t message) const { return message < next_ && !missing_.contains(message); }
  [[nodiscard]] std::uint64_t next() const { return next_; }

 private:
  void advance_to(std::uint64_t message) {
    const std::uint64_t oldest = message > kLateReaches * reach_ ? message - kLateReaches * reach_ : 0;
    for (next_ = next_ > oldest ? next_ : oldest; next_ < message; ++next_)
      if (reach_ > 0) missing_.insert(missing_.end(), next_);
    missing_.erase(missing_.begin(), missing_.lower_bound(oldest));
  }

  static constexpr std::uint64_t kLateReaches = 8;  // chosen: rounds that a message may come late
  std::uint64_t reach_, next_ = 0, given_up_ = 0;
  std::set<std::uint64_t> missing_;  // of the last reaches
};

}  // namespace weft::verbs
