#include "dpdk/mishaps.h"

#include <rte_mbuf.h>

#include <array>
#include <charconv>
#include <utility>

#include "dpdk/cable.h"
#include "fabric/wire/frame_layout.h"

namespace weft::dpdk {
namespace {

struct Kind {
  std::string_view name;
  std::uint32_t MishapSpec::*every;
};
constexpr std::array kKinds{Kind{"drop", &MishapSpec::drop}, Kind{"duplicate", &MishapSpec::duplicate},
                            Kind{"reorder", &MishapSpec::reorder}, Kind{"ce", &MishapSpec::mark_ce},
                            Kind{"bad_icrc", &MishapSpec::bad_icrc}};

bool read_number(std::string_view text, std::uint32_t& value) {
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  return failed == std::errc{} && end == text.data() + text.size() && value > 0;
}

std::span<std::uint8_t> bytes_of(rte_mbuf* frame) {
  return {rte_pktmbuf_mtod(frame, std::uint8_t*), rte_pktmbuf_data_len(frame)};
}

void spoil_icrc(std::span<std::uint8_t> frame) {
  const auto layout = wire::find_layout(frame);
  if (layout) frame[layout->icrc] ^= 0xFF;
}

}  // namespace

Expected<MishapSpec> parse_mishaps(std::string_view text) {
  MishapSpec spec;
  while (!text.empty()) {
    const std::size_t comma = text.find(',');
    const std::string_view item = text.substr(0, comma);
    text = comma == std::string_view::npos ? std::string_view{} : text.substr(comma + 1);
    const std::size_t equals = item.find('=');
    const Kind* kind = nullptr;
    for (const Kind& known : kKinds)
      if (known.name == item.substr(0, equals)) kind = &known;
    std::string_view number = equals == std::string_view::npos ? std::string_view{} : item.substr(equals + 1);
    const std::size_t colon = number.find(':');
    if (colon != std::string_view::npos && kind != nullptr && kind->name == "reorder") {
      if (!read_number(number.substr(colon + 1), spec.reorder_depth) || spec.reorder_depth > 256)
        return input_error("no depth of reordering", std::string(item), "reorder=1000:8; at most 256");
      number = number.substr(0, colon);
    }
    if (kind == nullptr || !read_number(number, spec.*kind->every))
      return input_error("no fault to inject", std::string(item),
                         "drop=N, duplicate=N, reorder=N:DEPTH, ce=N, bad_icrc=N: one in N packets");
  }
  return spec;
}

Mishaps::~Mishaps() {
  for (const Held& held : held_) rte_pktmbuf_free(held.frame);
}

void Mishaps::pass(rte_mbuf* frame, std::vector<rte_mbuf*>& out) {
  out.push_back(frame);
  for (std::size_t i = 0; i < held_.size();) {
    if (--held_[i].waits_for > 0) {
      ++i;
      continue;
    }
    out.push_back(held_[i].frame);
    held_.erase(held_.begin() + static_cast<std::ptrdiff_t>(i));
  }
}

void Mishaps::apply(rte_mbuf** frames, std::size_t count, std::vector<rte_mbuf*>& out) {
  const auto meets = [&](std::uint32_t every) { return every > 0 && index_ % every == every - 1; };
  for (std::size_t i = 0; i < count; ++i, ++index_) {
    rte_mbuf* frame = frames[i];
    if (meets(spec_.drop)) {
      ++counts_.dropped;
      rte_pktmbuf_free(frame);
      continue;
    }
    if (meets(spec_.duplicate)) {
      ++counts_.duplicated;
      rte_mbuf_refcnt_update(frame, 1);
      pass(frame, out);
    } else if (meets(spec_.reorder)) {
      ++counts_.reordered;
      held_.push_back({frame, spec_.reorder_depth});
      continue;
    } else if (meets(spec_.mark_ce)) {
      ++counts_.marked_ce;
      mark_congestion(bytes_of(frame));
    } else if (meets(spec_.bad_icrc)) {
      ++counts_.bad_icrc;
      spoil_icrc(bytes_of(frame));
    }
    pass(frame, out);
  }
}

void Mishaps::finish(std::vector<rte_mbuf*>& out) {
  for (const Held& held : held_) out.push_back(held.frame);
  held_.clear();
}

}  // namespace weft::dpdk
