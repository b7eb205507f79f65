#include "dpdk/reaction.h"

#include <algorithm>

namespace weft::dpdk {

void Reaction::on_cnp(const DcqcnSpec& spec, double now) {
  if (first_cnp_ < 0) first_cnp_ = now;
  dcqcn_.on_cnp(spec, line_, since_start(now));
}

void Reaction::on_send(const DcqcnSpec& spec, double now, std::uint32_t wire_bytes) {
  if (!throttled()) return;
  next_send_ = std::max(next_send_, now) + wire_bytes / dcqcn_.rate;
  if (dcqcn_.spend(wire_bytes)) dcqcn_.run_byte_counter(spec, line_);
}

}  // namespace weft::dpdk
