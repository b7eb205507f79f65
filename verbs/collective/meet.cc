#include <fmt/format.h>

#include "fabric/json_member.h"
#include "verbs/collective/join.h"

namespace weft::verbs {
namespace {

constexpr Milliseconds kPatience{20000};

Expected<std::uint32_t> rank_said(const nlohmann::ordered_json& body, const CollectiveSpec& spec,
                                  const PeerControls& known) {
  std::uint32_t rank = 0;
  try {
    rank = measurement_json::member<std::uint32_t>(body, "rank");
  } catch (const measurement_json::Unfit& unfit) {
    return input_error("a peer says no rank", unfit.value);
  } catch (const nlohmann::json::exception& error) {
    return input_error("a peer says no rank", error.what());
  }
  if (rank >= spec.ranks || rank == spec.rank || known.contains(rank))
    return input_error("a peer says a rank that it cannot be", fmt::format("{}", rank));
  return rank;
}

}  // namespace

Expected<PeerControls> meet_peers(const CollectiveSpec& spec, const MeshNeighbours& neighbours, const std::string& bind,
                                  const std::atomic<bool>& stop) {
  PeerControls controls;
  const ControlMessage me{ControlKind::kOffer, {{"rank", spec.rank}}};
  const auto add = [&](Control control) -> Expected<void> {
    const auto said = control.receive(ControlKind::kOffer);
    if (!said) return tl::unexpected(said.error());
    const auto rank = rank_said(*said, spec, controls);
    if (!rank) return tl::unexpected(rank.error());
    controls.emplace(*rank, std::move(control));
    return {};
  };
  std::vector<Control> called;
  for (const auto& [address, port] : neighbours.calls) {
    auto control = Control::connected(address, port, bind, kPatience, &stop);
    if (!control) return tl::unexpected(control.error());
    if (auto sent = control->send(me); !sent) return tl::unexpected(sent.error());
    called.push_back(std::move(*control));
  }
  for (Listener* listener : neighbours.awaits) {
    auto control = listener->accepted(kPatience, kPatience, &stop);
    if (!control) return tl::unexpected(control.error());
    if (auto sent = control->send(me); !sent) return tl::unexpected(sent.error());
    if (auto added = add(std::move(*control)); !added) return tl::unexpected(added.error());
  }
  for (Control& control : called)
    if (auto added = add(std::move(control)); !added) return tl::unexpected(added.error());
  if (controls.size() + 1 != spec.ranks)
    return input_error("not all ranks are joined", fmt::format("{} of {}", controls.size() + 1, spec.ranks));
  return controls;
}

Expected<PeerOffers> trade_offers(PeerControls& controls, const PeerOffers& mine) {
  PeerOffers theirs;
  for (auto& [rank, control] : controls)
    if (auto sent = control.send({ControlKind::kOffer, mine.at(rank)}); !sent) return tl::unexpected(sent.error());
  for (auto& [rank, control] : controls) {
    auto got = control.receive(ControlKind::kOffer);
    if (!got) return tl::unexpected(got.error());
    theirs[rank] = std::move(*got);
  }
  return theirs;
}

}  // namespace weft::verbs
