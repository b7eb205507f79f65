#include "verbs/offer.h"

#include <fmt/format.h>

#include "fabric/json_member.h"

namespace weft::verbs {
namespace {

using measurement_json::Json;
using measurement_json::member;
using measurement_json::Unfit;

constexpr std::uint32_t kLargest24Bits = (1U << 24U) - 1;

std::uint32_t number_of_24_bits(const Json& j, const char* key) {
  const auto value = member<std::uint32_t>(j, key);
  if (value > kLargest24Bits) throw Unfit{key, std::to_string(value)};
  return value;
}

QpAddress qp_from(const Json& j) {
  return {number_of_24_bits(j, "qpn"), number_of_24_bits(j, "psn"), member<std::uint32_t>(j, "qkey"),
          number_of_24_bits(j, "srq")};
}

std::array<std::uint8_t, 16> gid_from(const Json& j) {
  const auto text = j.at("gid").get<std::string>();
  std::array<std::uint8_t, 16> gid{};
  if (text.size() != 2 * gid.size() || text.find_first_not_of("0123456789abcdef") != std::string::npos)
    throw Unfit{"gid", text};
  for (std::size_t i = 0; i < gid.size(); ++i)
    gid[i] = static_cast<std::uint8_t>(std::stoul(text.substr(2 * i, 2), nullptr, 16));
  return gid;
}

}  // namespace

Json to_json(const Offer& offer) {
  Json qps = Json::array();
  for (const QpAddress& qp : offer.qps)
    qps.push_back({{"qpn", qp.number}, {"psn", qp.psn}, {"qkey", qp.qkey}, {"srq", qp.srq}});
  return {{"device", offer.device},
          {"gid", fmt::format("{:02x}", fmt::join(offer.gid, ""))},
          {"lid", offer.lid},
          {"mtu", offer.mtu},
          {"address", offer.address},
          {"length", offer.length},
          {"rkey", offer.rkey},
          {"reads", offer.reads},
          {"largest_message", offer.largest_message},
          {"cm_port", offer.cm_port},
          {"qps", std::move(qps)}};
}

Expected<Offer> offer_from_json(const Json& j) {
  const auto wrong = [](const std::string& why, const std::string& item = {}) {
    return input_error("the peer's offer of QPs is not one: " + why, item,
                       "run the same version of weft on both hosts");
  };
  try {
    Offer offer;
    offer.device = j.at("device").get<std::string>();
    offer.gid = gid_from(j);
    offer.lid = member<std::uint16_t>(j, "lid");
    offer.mtu = member<std::uint32_t>(j, "mtu");
    offer.address = member<std::uint64_t>(j, "address");
    offer.length = member<std::uint64_t>(j, "length");
    offer.rkey = member<std::uint32_t>(j, "rkey");
    offer.reads = member<std::uint32_t>(j, "reads");
    offer.largest_message = member<std::uint64_t>(j, "largest_message");
    offer.cm_port = member<std::uint16_t>(j, "cm_port");
    const Json& qps = j.at("qps");
    if (!qps.is_array() || qps.size() > kMostQps) throw Unfit{"qps", std::to_string(qps.size()) + " entries"};
    for (const Json& qp : qps) offer.qps.push_back(qp_from(qp));
    return offer;
  } catch (const Unfit& unfit) {
    return wrong(fmt::format("'{}' does not fit", unfit.key), unfit.value);
  } catch (const Json::exception& error) {
    return wrong(error.what());
  }
}

}  // namespace weft::verbs
