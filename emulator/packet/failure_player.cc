#include "emulator/packet/failure_player.h"

#include <ns3/nstime.h>
#include <ns3/simulator.h>

#include <algorithm>

namespace weft::packet {
namespace {

ns3::Time as_time(Duration duration) { return ns3::TimeStep(static_cast<std::uint64_t>(duration.picoseconds)); }

}  // namespace

FailurePlayer::FailurePlayer(Network& network, std::vector<TimedDeviation> failures)
    : network_(network), failures_(std::move(failures)), in_force_(failures_.size()) {}

void FailurePlayer::start() {
  for (std::uint32_t i = 0; i < failures_.size(); ++i)
    ns3::Simulator::Schedule(as_time(failures_[i].at), &FailurePlayer::begin, this, i);
}

void FailurePlayer::begin(std::uint32_t index) {
  const TimedDeviation& failure = failures_[index];
  in_force_[index] = true;
  apply(failure.cable);
  if (failure.until) ns3::Simulator::Schedule(as_time(*failure.until - failure.at), &FailurePlayer::end, this, index);
  if (failure.period) ns3::Simulator::Schedule(as_time(*failure.period), &FailurePlayer::begin, this, index);
}

void FailurePlayer::end(std::uint32_t index) {
  in_force_[index] = false;
  apply(failures_[index].cable);
}

void FailurePlayer::apply(std::uint32_t cable) {
  double factor = 1;
  for (std::uint32_t i = 0; i < failures_.size(); ++i) {
    if (in_force_[i] && failures_[i].cable == cable) factor = std::min(factor, failures_[i].rate_factor);
  }
  network_.set_cable(cable, factor);
}

}  // namespace weft::packet
