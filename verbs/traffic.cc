#include "verbs/traffic.h"

#include <fmt/format.h>
#include <poll.h>

#include <array>
#include <cerrno>
#include <utility>

#include "fabric/json_member.h"

namespace weft::verbs {
namespace {

constexpr std::array kCounts{
    std::pair{"sent", &SideReport::sent},          std::pair{"received", &SideReport::received},
    std::pair{"lost", &SideReport::lost},          std::pair{"corrupt", &SideReport::corrupt},
    std::pair{"checked", &SideReport::checked},    std::pair{"ns", &SideReport::nanoseconds},
    std::pair{"reordered", &SideReport::reordered}};

const char* causes(ibv_wc_status status) {
  switch (status) {
    case IBV_WC_RETRY_EXC_ERR:
      return "the peer does not answer: it was killed, the link is down, the GID is wrong, or the path drops packets "
             "of "
             "this MTU";
    case IBV_WC_RNR_RETRY_EXC_ERR:
      return "the peer posts receives too slowly: raise its --receives";
    case IBV_WC_REM_ACCESS_ERR:
      return "the peer does not let this operation at its memory";
    case IBV_WC_REM_INV_REQ_ERR:
    case IBV_WC_REM_OP_ERR:
      return "the peer's device cannot do this operation at this size";
    case IBV_WC_LOC_LEN_ERR:
      return "a message is longer than the device or the receive takes: smaller --sizes";
    case IBV_WC_WR_FLUSH_ERR:
      return "the QP failed before; the peer's message may say why";
    default:
      return "";
  }
}

}  // namespace

nlohmann::ordered_json to_json(const SideReport& report) {
  nlohmann::ordered_json j = {
      {"peak_gbits", report.peak_gbits}, {"counters", report.counters}, {"optics", report.optics}};
  for (const auto& [key, at] : kCounts) j[key] = report.*at;
  return j;
}

Expected<SideReport> side_report_from_json(const nlohmann::ordered_json& j) {
  try {
    SideReport report;
    report.peak_gbits = measurement_json::member<double>(j, "peak_gbits");
    for (const auto& [name, value] : j.at("counters").items())
      report.counters[name] = measurement_json::value_of<std::uint64_t>(value, "counters");
    if (j.contains("optics"))
      for (const auto& [name, value] : j["optics"].items())
        report.optics[name] = measurement_json::value_of<double>(value, "optics");
    for (const auto& [key, at] : kCounts) report.*at = measurement_json::member<std::uint64_t>(j, key);
    return report;
  } catch (const measurement_json::Unfit& unfit) {
    return input_error("the peer's report does not fit: " + unfit.key, unfit.value);
  } catch (const nlohmann::json::exception& error) {
    return input_error("the peer's report is not one", error.what());
  }
}

Expected<void> Sleeper::nap() {
  if (!armed_) {
    if (const int failed = ibv_req_notify_cq(cq_, 0); failed != 0)
      return refused("cannot ask for completion events", ibv_get_device_name(channel_->context->device), failed);
    armed_ = true;
    return {};
  }
  std::array<pollfd, 2> ready{pollfd{channel_->fd, POLLIN, 0}, pollfd{control_, POLLIN, 0}};
  constexpr int kLongest = 5;  // ms
  if (::poll(ready.data(), ready.size(), kLongest) <= 0 || (ready[0].revents & POLLIN) == 0) return {};
  armed_ = false;
  ibv_cq* cq = nullptr;
  void* context = nullptr;
  if (ibv_get_cq_event(channel_, &cq, &context) != 0)
    return refused("cannot get a completion event", ibv_get_device_name(channel_->context->device), errno);
  ibv_ack_cq_events(cq, 1);
  return {};
}

Error completion_error(const ibv_wc& completion, const Connection& connection) {
  const bool receive = (completion.wr_id & kReceiveBit) != 0;
  return {ErrorCode::kEnvironment,
          fmt::format("{} on QP {} of {} failed: {}", receive ? "a receive" : "a send", completion.qp_num,
                      connection.port.device, ibv_wc_status_str(completion.status)),
          {},
          causes(completion.status),
          {}};
}

}  // namespace weft::verbs
