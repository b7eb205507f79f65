// What must hold for any bytes that a peer sends; shared by libFuzzer and the replay test.
#pragma once

#include <string_view>

#include "verbs/control.h"
#include "verbs/offer.h"
#include "verbs/plan.h"
#include "verbs/traffic.h"

namespace weft {

// A refusal says why, shortly. An accepted value makes JSON that is accepted again as the same. Aborts otherwise.
template <typename Value>
bool check_exchanged(const Expected<Value>& value, Expected<Value> (*read)(const nlohmann::ordered_json&)) {
  if (!value) {
    WEFT_CHECK(!value.error().message.empty() && value.error().text().size() < 2000);
    return false;
  }
  const auto json = to_json(*value);
  const auto again = read(json);
  WEFT_CHECK(again && to_json(*again) == json);
  return true;
}

// True when the bytes are a message whose body is a plan, an offer or a report.
inline bool check_exchange_input(std::string_view bytes) {
  const auto head = verbs::decode_head(bytes.substr(0, verbs::kControlHeadSize));
  if (!head) {
    WEFT_CHECK(head.error().code == ErrorCode::kInput && head.error().text().size() < 2000);
    return false;
  }
  WEFT_CHECK(head->length <= verbs::kLargestControlBody);
  const auto body = verbs::decode_body(bytes.substr(verbs::kControlHeadSize));
  if (!body) return false;
  const bool plan = check_exchanged(verbs::plan_from_json(*body), verbs::plan_from_json);
  const bool offer = check_exchanged(verbs::offer_from_json(*body), verbs::offer_from_json);
  const bool report = check_exchanged(verbs::side_report_from_json(*body), verbs::side_report_from_json);
  return plan || offer || report;
}

}  // namespace weft
