#include <fmt/format.h>

#include <array>
#include <utility>

#include "fabric/json_member.h"
#include "verbs/plan.h"

namespace weft::verbs {
namespace {

using measurement_json::Json;
using measurement_json::member;
using measurement_json::Unfit;

// One list of the members reads and writes them.
constexpr std::array kFlags{
    std::pair{"latency", &PairPlan::latency}, std::pair{"bidirectional", &PairPlan::bidirectional},
    std::pair{"srq", &PairPlan::srq},         std::pair{"events", &PairPlan::events},
    std::pair{"verify", &PairPlan::verify},   std::pair{"rdma_cm", &PairPlan::rdma_cm}};
constexpr std::array kNumbers{std::pair{"qps", &PairPlan::qps},
                              std::pair{"depth", &PairPlan::depth},
                              std::pair{"receives", &PairPlan::receives},
                              std::pair{"cq_moderation", &PairPlan::cq_moderation},
                              std::pair{"post_list", &PairPlan::post_list},
                              std::pair{"inline_bytes", &PairPlan::inline_size},
                              std::pair{"reads", &PairPlan::reads},
                              std::pair{"mtu_bytes", &PairPlan::mtu},
                              std::pair{"flow_label", &PairPlan::flow_label},
                              std::pair{"service_level", &PairPlan::service_level},
                              std::pair{"traffic_class", &PairPlan::traffic_class}};
constexpr std::array kLongNumbers{
    std::pair{"iterations", &PairPlan::iterations}, std::pair{"duration_ms", &PairPlan::duration_ms},
    std::pair{"warm_up", &PairPlan::warm_up}, std::pair{"rate_limit_bits_per_s", &PairPlan::rate_limit}};

}  // namespace

Json to_json(const PairPlan& plan) {
  Json j = {{"op", to_text(plan.op)}, {"transport", to_text(plan.transport)}, {"sizes_bytes", plan.sizes}};
  for (const auto& [key, at] : kFlags) j[key] = plan.*at;
  for (const auto& [key, at] : kNumbers) j[key] = plan.*at;
  for (const auto& [key, at] : kLongNumbers) j[key] = plan.*at;
  return j;
}

Expected<PairPlan> plan_from_json(const Json& j) {
  const auto wrong = [](const std::string& why, const std::string& item = {}) {
    return input_error("the peer's plan is not one: " + why, item, "run the same version of weft on both hosts");
  };
  try {
    PairPlan plan;
    const auto op = parse_op(j.at("op").get<std::string>());
    const auto transport = parse_transport(j.at("transport").get<std::string>());
    if (!op) return tl::unexpected(op.error());
    if (!transport) return tl::unexpected(transport.error());
    plan.op = *op;
    plan.transport = *transport;
    const Json& sizes = j.at("sizes_bytes");
    if (!sizes.is_array()) throw Unfit{"sizes_bytes", "no list"};
    plan.sizes.clear();
    for (const Json& size : sizes) plan.sizes.push_back(measurement_json::value_of<std::uint64_t>(size, "sizes_bytes"));
    for (const auto& [key, at] : kFlags) plan.*at = j.at(key).get<bool>();
    for (const auto& [key, at] : kNumbers) plan.*at = member<std::uint32_t>(j, key);
    for (const auto& [key, at] : kLongNumbers) plan.*at = member<std::uint64_t>(j, key);
    if (auto good = check(plan); !good) return tl::unexpected(good.error());
    return plan;
  } catch (const Unfit& unfit) {
    return wrong(fmt::format("'{}' does not fit", unfit.key), unfit.value);
  } catch (const Json::exception& error) {
    return wrong(error.what());
  }
}

}  // namespace weft::verbs
