#include "verbs/watch.h"

#include <poll.h>

#include "fabric/json_member.h"

namespace weft::verbs {

Watch::Watch(Session& session)
    : session_(session),
      look_interval_(session.clock.ticks_of(std::chrono::milliseconds(1))),
      last_said_(ticks()),
      last_heard_(last_said_) {}

Expected<void> Watch::say(ControlKind kind, nlohmann::ordered_json body) {
  last_said_ = ticks();
  return session_.control.send({kind, std::move(body)});
}

Expected<void> Watch::hear(const ControlMessage& message) {
  using measurement_json::member;
  const auto& body = message.body;
  try {
    switch (message.kind) {
      case ControlKind::kAlive:
        return {};
      case ControlKind::kRound:
        asked = Round{member<std::uint64_t>(body, "from"), member<std::uint64_t>(body, "to")};
        if (asked->to < asked->from || asked->to - asked->from > session_.plan.depth)
          return input_error("the peer asks for an impossible check", body.dump());
        return {};
      case ControlKind::kChecked:
        checked_to = member<std::uint64_t>(body, "to");
        return {};
      case ControlKind::kDone:
        done.emplace();
        for (const auto& n : body.at("sent")) done->push_back(measurement_json::value_of<std::uint64_t>(n, "sent"));
        return {};
      case ControlKind::kReport: {
        auto got = side_report_from_json(body);
        if (!got) return tl::unexpected(got.error());
        report = *got;
        return {};
      }
      case ControlKind::kRefused:
        return environment_error("the peer gave up: " + body.at("message").get<std::string>());
      default:
        return input_error("the peer sent a message that was not its turn",
                           std::to_string(static_cast<int>(message.kind)));
    }
  } catch (const measurement_json::Unfit& unfit) {
    return input_error("the peer's message does not fit: " + unfit.key, unfit.value);
  } catch (const nlohmann::json::exception& error) {
    return input_error("the peer's message does not fit", error.what());
  }
}

Expected<void> Watch::look_now(std::uint64_t now) {
  last_look_ = now;
  const std::uint64_t second = session_.clock.ticks_of(std::chrono::seconds(1));
  // After its report the peer may wait for a start or leave: what it says next is not for this run.
  while (!report) {
    auto message = session_.control.poll();
    if (!message) return tl::unexpected(message.error());
    if (!*message) break;
    last_heard_ = now;
    if (auto heard = hear(**message); !heard) return heard;
  }
  if (now - last_said_ > second)
    if (auto said = say(ControlKind::kAlive, nlohmann::ordered_json::object()); !said) return said;
  if (now > last_heard_ && now - last_heard_ > session_.clock.ticks_of(session_.patience))
    return environment_error("the peer said nothing for too long",
                             std::to_string(session_.patience.count() / 1000) + " s", "it may hang or be cut off");
  return {};
}

Expected<SideReport> Watch::trade_reports(const SideReport& mine) {
  if (auto said = say(ControlKind::kReport, to_json(mine)); !said) return tl::unexpected(said.error());
  while (!report) {
    if (auto looked = look_now(ticks()); !looked) return tl::unexpected(looked.error());
    if (!report) rest();
  }
  return *report;
}

void Watch::rest() const {
  if (session_.control.has_unread()) return;
  pollfd ready{session_.control.descriptor(), POLLIN, 0};
  ::poll(&ready, 1, 20);
}

void refuse(Control& control, const Error& error) {
  // The peer may be gone already: then nobody reads it.
  static_cast<void>(control.send({ControlKind::kRefused, {{"message", error.text()}}}));
}

}  // namespace weft::verbs
