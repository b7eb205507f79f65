// A verbs provider in memory: a program that is linked with it has these calls instead of libibverbs', and its QPs
// exchange data within the process. About attributes it is as strict as the kernel (drivers/infiniband/core/verbs.c,
// qp_state_table), about XRC as IBTA 10.2.10 and 14.2: what a device would refuse or kill a QP for is an error here
// too.
#pragma once

#include <infiniband/verbs.h>

#include <cstdint>
#include <string>
#include <vector>

namespace weft::testing {

struct FakeQpFacts {
  std::uint32_t number = 0;
  ibv_qp_type type = IBV_QPT_RC;
  ibv_qp_state state = IBV_QPS_RESET;
  std::uint32_t peer = 0;  // QP number
  bool has_receive_queue = false;
};

// Closed by ibv_close_device. What follows it is to be asked when no QP moves.
[[nodiscard]] ibv_context* open_fake_device();
// QPs that live.
[[nodiscard]] std::vector<FakeQpFacts> fake_qps();
// XRC domains and SRQs that live, by their kind.
[[nodiscard]] unsigned fake_xrc_domains();
[[nodiscard]] unsigned fake_srqs(ibv_srq_type type);
// Calls that a device would have refused, and things given back while others use them; forgotten when asked.
[[nodiscard]] std::vector<std::string> take_fake_violations();

}  // namespace weft::testing
