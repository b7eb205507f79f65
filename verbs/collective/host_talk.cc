#include "verbs/collective/host_talk.h"

#include <fmt/format.h>

#include <charconv>
#include <chrono>
#include <thread>

#include "fabric/json_member.h"

namespace weft::verbs {
namespace {

using Clock = std::chrono::steady_clock;
constexpr Milliseconds kReply{20'000};

tl::unexpected<Error> stopped() { return tl::unexpected(Error{ErrorCode::kInterrupted, "interrupted", {}, {}, {}}); }

Expected<HostReport> report_from(const nlohmann::ordered_json& json) {
  HostReport report;
  try {
    report.time.picoseconds = measurement_json::member<std::int64_t>(json, "time_ps");
    report.size.count = measurement_json::member<std::int64_t>(json, "size_bytes");
    report.wrong = measurement_json::member<double>(json, "wrong");
  } catch (const measurement_json::Unfit& unfit) {
    return input_error("a host's report does not fit: " + unfit.key, unfit.value);
  } catch (const nlohmann::json::exception& error) {
    return input_error("a host's report does not fit", error.what());
  }
  if (report.time.picoseconds < 0 || report.size.count < 0 || !(report.wrong >= 0))
    return input_error("a host's report has a negative figure");
  return report;
}

// All that hosts must agree on; not who they are.
nlohmann::ordered_json plan_of(const HostRanksRequest& request) {
  auto plan = to_json(request.spec);
  plan["rank"] = 0;
  plan["hosts"] = request.hosts.size();
  plan["ranks_here"] = request.ranks_here;
  plan["tcp"] = request.tcp;
  plan["copies"] = request.copies;
  return plan;
}

}  // namespace

Expected<std::vector<std::pair<std::string, std::uint16_t>>> parse_peers(const std::string& text) {
  std::vector<std::pair<std::string, std::uint16_t>> peers;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find(',', at), text.size());
    std::string word = text.substr(at, end - at);
    at = end + 1;
    std::uint16_t port = 18800;
    const std::size_t colon = word.rfind(':');
    // An IPv6 address with a port stands in brackets.
    if (colon != std::string::npos && (word.find(':') == colon || word[colon - 1] == ']')) {
      const auto [last, wrong] = std::from_chars(word.data() + colon + 1, word.data() + word.size(), port);
      if (wrong != std::errc() || last != word.data() + word.size() || port == 0 || port > 65000)
        return input_error("a peer's port is no number from 1 to 65000", word);
      word.resize(colon);
    }
    if (word.size() > 2 && word.front() == '[' && word.back() == ']') word = word.substr(1, word.size() - 2);
    if (word.empty()) return input_error("a peer without an address", text, "HOST[:PORT] of all hosts, by commas");
    peers.emplace_back(word, port);
  }
  return peers;
}

std::string HostTalk::name(std::uint32_t host) const {
  return fmt::format("host {} ({} port {})", host, request_.hosts[host].first, request_.hosts[host].second);
}

Expected<void> HostTalk::meet() { return request_.host == 0 ? meet_all() : meet_first(); }

Expected<std::uint32_t> HostTalk::newcomer(Control& control) const {
  const auto said = control.receive(ControlKind::kPlan);
  if (!said) return tl::unexpected(said.error());
  std::uint32_t host = 0;
  try {
    host = measurement_json::member<std::uint32_t>(*said, "host");
  } catch (const measurement_json::Unfit& unfit) {
    return input_error("a host does not say who it is", unfit.value);
  } catch (const nlohmann::json::exception& error) {
    return input_error("a host does not say who it is", error.what());
  }
  if (host == 0 || host >= request_.hosts.size() || controls_.contains(host))
    return input_error("a host says a number that it cannot be", fmt::format("{}", host),
                       fmt::format("--rank from 1 to {}, each once", request_.hosts.size() - 1));
  const auto plan = plan_of(request_);
  if (!said->contains("plan") || (*said)["plan"] != plan)
    return input_error(name(host) + " has another plan", said->dump().substr(0, 400),
                       "the same options on all hosts: " + plan.dump());
  return host;
}

Expected<void> HostTalk::meet_all() {
  auto listener = Listener::listening(request_.hosts[0].first, request_.hosts[0].second);
  if (!listener) return tl::unexpected(listener.error());
  const auto deadline = Clock::now() + request_.patience;
  while (controls_.size() + 1 < request_.hosts.size()) {
    const auto left = std::chrono::duration_cast<Milliseconds>(deadline - Clock::now());
    auto control = listener->accepted(std::max(left, Milliseconds(0)), kReply, &stop_);
    if (!control) {
      if (control.error().code == ErrorCode::kInterrupted) return tl::unexpected(control.error());
      std::string missing;
      for (std::uint32_t host = 1; host < request_.hosts.size(); ++host)
        if (!controls_.contains(host)) missing += (missing.empty() ? "" : ", ") + name(host);
      return environment_error("hosts did not come in time", missing, "start weft verbs collective there too");
    }
    const auto host = newcomer(*control);
    if (!host) {
      static_cast<void>(control->send({ControlKind::kRefused, {{"message", host.error().text()}}}));
      // A stranger is none of us; a host of ours with another plan ends it.
      if (host.error().message.starts_with("host ")) return tl::unexpected(host.error());
      continue;
    }
    controls_.emplace(*host, std::move(*control));
  }
  for (auto& [host, control] : controls_)
    if (auto sent = control.send({ControlKind::kStart, nlohmann::ordered_json::object()}); !sent) return sent;
  return {};
}

Expected<void> HostTalk::meet_first() {
  const auto deadline = Clock::now() + request_.patience;
  while (true) {
    auto control = Control::connected(request_.hosts[0].first, request_.hosts[0].second,
                                      request_.hosts[request_.host].first, request_.patience + kReply, &stop_);
    if (control) {
      const nlohmann::ordered_json me{{"host", request_.host}, {"plan", plan_of(request_)}};
      if (auto sent = control->send({ControlKind::kPlan, me}); !sent) return sent;
      if (auto start = control->receive(ControlKind::kStart); !start) return tl::unexpected(start.error());
      controls_.emplace(0, std::move(*control));
      return {};
    }
    if (stop_) return stopped();
    if (Clock::now() > deadline || control.error().code != ErrorCode::kEnvironment) {
      control.error().way_out = "start weft verbs collective on host 0 too; check its address and firewalls";
      return tl::unexpected(control.error());
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
}

Expected<void> HostTalk::hear() {
  for (auto& [host, control] : controls_)
    while (!ended_) {
      auto message = control.poll();
      if (!message)
        return environment_error(name(host) + " died or cannot be reached", message.error().text(),
                                 "see its own message");
      if (!*message) break;
      const auto& body = (*message)->body;
      if ((*message)->kind == ControlKind::kRefused)
        return environment_error(name(host) + " gave up", body.value("message", nlohmann::ordered_json()).dump());
      if ((*message)->kind == ControlKind::kBye) ended_ = true;
      if ((*message)->kind != ControlKind::kReport) continue;
      auto report = report_from(body);
      if (!report) return tl::unexpected(report.error());
      if (reports_[host].size() < 2) reports_[host].push_back(std::move(*report));
    }
  return {};
}

Expected<void> HostTalk::tell(const HostReport& report) {
  const nlohmann::ordered_json body{
      {"time_ps", report.time.picoseconds}, {"size_bytes", report.size.count}, {"wrong", report.wrong}};
  for (auto& [host, control] : controls_)
    if (auto sent = control.send({ControlKind::kReport, body}); !sent) return sent;
  return {};
}

Expected<std::vector<HostReport>> HostTalk::reports() {
  const auto deadline = Clock::now() + kReply;
  while (true) {
    if (auto heard = hear(); !heard) return tl::unexpected(heard.error());
    std::uint32_t missing = 0;
    for (const auto& [host, control] : controls_)
      if (reports_[host].empty()) missing = host;
    if (missing == 0) break;
    if (stop_) return stopped();
    if (Clock::now() > deadline) return environment_error(name(missing) + " does not say what it measured");
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  std::vector<HostReport> all;
  for (auto& [host, queue] : reports_) {
    all.push_back(std::move(queue.front()));
    queue.pop_front();
  }
  return all;
}

Expected<void> HostTalk::wait_for_end() {
  const auto deadline = Clock::now() + kReply;
  while (!ended_) {
    if (auto heard = hear(); !heard) return heard;
    if (stop_) return stopped();
    if (Clock::now() > deadline) return environment_error(name(0) + " does not end");
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return {};
}

void HostTalk::end(const std::optional<Error>& error) {
  for (auto& [host, control] : controls_) {
    const auto body = error ? nlohmann::ordered_json{{"message", error->text()}} : nlohmann::ordered_json::object();
    static_cast<void>(control.send({error ? ControlKind::kRefused : ControlKind::kBye, body}));
  }
}

}  // namespace weft::verbs
