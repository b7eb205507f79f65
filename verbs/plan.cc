#include "verbs/plan.h"

#include <fmt/format.h>

#include <algorithm>

#include "fabric/units.h"
#include "verbs/offer.h"

namespace weft::verbs {
namespace {

constexpr std::size_t kMostSizes = 4096;
constexpr std::uint64_t kMostDepth = 32768;
constexpr std::uint64_t kVerifyArea = std::uint64_t{256} << 20;  // B, all QPs' slots while they are verified
constexpr std::uint64_t kRing = 4096;                            // B, cached: small messages walk through it

Expected<void> in_range(const char* option, std::uint64_t value, std::uint64_t low, std::uint64_t high) {
  if (value >= low && value <= high) return {};
  return input_error(fmt::format("{} is out of range", option), fmt::format("{}", value),
                     fmt::format("{} to {}", low, high));
}

Expected<std::uint64_t> parse_size(const std::string& text) {
  const auto size = parse_nccl_size(text);
  if (!size) return tl::unexpected(size.error());
  return static_cast<std::uint64_t>(size->count);
}

std::vector<std::string> split(const std::string& text, char at) {
  std::vector<std::string> parts{""};
  for (const char c : text)
    if (c == at)
      parts.emplace_back();
    else
      parts.back() += c;
  return parts;
}

Expected<void> check_numbers(const PairPlan& plan) {
  for (const auto& done :
       {in_range("--qps", plan.qps, 1, kMostQps), in_range("--depth", plan.depth, 1, kMostDepth),
        in_range("--receives", plan.receives, 1, kMostDepth),
        in_range("--cq-moderation", plan.cq_moderation, 0, plan.depth),
        in_range("--post-list", plan.post_list, 1, plan.depth), in_range("--inline", plan.inline_size, 0, 4096),
        in_range("--reads", plan.reads, 0, 255), in_range("--flow-label", plan.flow_label, 0, (1U << 20U) - 1),
        in_range("--service-level", plan.service_level, 0, 15), in_range("--traffic-class", plan.traffic_class, 0, 255),
        in_range("--iterations", plan.iterations, 0, std::uint64_t{1} << 39U),
        in_range("--warm-up", plan.warm_up, 0, std::uint64_t{1} << 39U),
        in_range("--duration in ms", plan.duration_ms, 0, std::uint64_t{1} << 31U)})
    if (!done) return done;
  if (plan.mtu != 0 && (plan.mtu < 256 || plan.mtu > 4096 || (plan.mtu & (plan.mtu - 1)) != 0))
    return input_error("not an MTU of RDMA", fmt::format("{}", plan.mtu), "256, 512, 1024, 2048 or 4096");
  if (plan.sizes.empty() || plan.sizes.size() > kMostSizes)
    return input_error("--sizes: too few or too many", fmt::format("{}", plan.sizes.size()),
                       fmt::format("1 to {}", kMostSizes));
  for (const std::uint64_t size : plan.sizes)
    if (auto done = in_range("--sizes", size, plan.latency ? 1 : 0, kLargestMessage); !done) return done;
  return {};
}

}  // namespace

Expected<void> check(const PairPlan& plan) {
  if (auto done = check_numbers(plan); !done) return done;
  if (!has(plan.transport, plan.op))
    return input_error(fmt::format("{} has no operation {}", to_text(plan.transport), to_text(plan.op)), {},
                       plan.transport == Transport::kUd ? "UD has send only; use --transport RC"
                                                        : "UC has send, write and write_imm; use --transport RC");
  if (is_atomic(plan.op) && (plan.sizes.size() != 1 || plan.sizes[0] != 8))
    return input_error("atomics work on 8 bytes", fmt::format("{} B", plan.sizes[0]), "leave --sizes out");
  if (plan.srq && (!takes_receives(plan.op) || plan.transport == Transport::kUc))
    return input_error("--srq: only RC, UD and XRC have shared receive queues, and only send and write_imm receive",
                       fmt::format("{} {}", to_text(plan.transport), to_text(plan.op)));
  if (plan.latency && plan.qps != 1)
    return input_error("latency is of one QP", fmt::format("--qps {}", plan.qps), "use weft verbs bw for many");
  if (plan.latency && plan.bidirectional)
    return input_error("latency takes turns: it has no --bidirectional", {}, "use weft verbs bw");
  if (plan.latency && plan.rate_limit > 0)
    return input_error("latency is of one message at a time: it has no --rate-limit", {}, "use weft verbs bw");
  if (plan.latency && plan.events && plan.op == Op::kWrite)
    return input_error("a write makes no completion where it arrives: its latency has no --events", {},
                       "use --op write_imm or send");
  if (plan.rdma_cm && (plan.transport == Transport::kUc || plan.transport == Transport::kXrc))
    return input_error("rdma_cm connects RC and UD here", std::string(to_text(plan.transport)), "leave --rdma-cm out");
  if (plan.transport == Transport::kXrc && (plan.bidirectional || plan.latency))
    return input_error("XRC goes one way", {}, "weft verbs bw without --bidirectional");
  for (const std::uint64_t size : plan.sizes)
    if (Layout(plan, size).bytes() > kLargestMemory)
      return input_error(fmt::format("{} QPs with messages of {} B need too much memory", plan.qps, size),
                         fmt::format("{} B", Layout(plan, size).bytes()), fmt::format("at most {} B", kLargestMemory));
  return {};
}

Expected<std::vector<std::uint64_t>> parse_sizes(const std::string& text) {
  std::vector<std::uint64_t> sizes;
  for (const std::string& part : split(text, ',')) {
    const std::vector<std::string> range = split(part, ':');
    if (range.size() > 3) return input_error("--sizes: not a size or range", part, "4K, 2:1M or 2:1M:x4");
    const auto first = parse_size(range[0]);
    const auto last = range.size() > 1 ? parse_size(range[1]) : first;
    const bool by = range.size() > 2 && range[2].starts_with('x');  // as weft predict writes it
    const auto factor = range.size() > 2 ? parse_size(range[2].substr(by ? 1 : 0)) : Expected<std::uint64_t>(2);
    for (const auto* value : {&first, &last, &factor})
      if (!*value) return tl::unexpected(value->error());
    if (*factor < 2 || *last < *first || (*first == 0 && *last > 0))
      return input_error("--sizes: not a range", part, "from 1 B up, the smaller size first, growing by 2 or more");
    for (std::uint64_t size = *first; size <= *last && sizes.size() <= kMostSizes; size *= *factor) {
      sizes.push_back(size);
      if (size == 0 || size > *last / *factor) break;
    }
  }
  return sizes;
}

void cut_sizes(std::vector<std::uint64_t>& sizes, std::uint64_t largest, const std::string& why,
               std::vector<std::string>& notes) {
  std::vector<std::uint64_t> kept;
  for (const std::uint64_t size : sizes) {
    if (size > largest) notes.push_back(fmt::format("messages of {} B cut to {} B: {}", size, largest, why));
    if (const std::uint64_t cut = std::min(size, largest); kept.empty() || kept.back() != cut || size <= largest)
      kept.push_back(cut);
  }
  sizes = std::move(kept);
}

std::uint32_t moderation(const PairPlan& plan, std::uint64_t size) {
  const std::uint32_t asked = plan.cq_moderation > 0 ? plan.cq_moderation : size > 8192 ? 1 : 100;
  return std::clamp(asked, 1U, std::max(1U, plan.depth / 2));
}

Layout::Layout(const PairPlan& plan, std::uint64_t size) {
  constexpr std::uint64_t kLine = 64;  // B, of a cache
  const std::uint64_t grh = plan.transport == Transport::kUd ? kGrhSize : 0;
  stride_ = (std::max<std::uint64_t>(size, 8) + grh + kLine - 1) / kLine * kLine;
  const std::uint64_t fitting = plan.verify ? kVerifyArea / plan.qps / stride_ : kRing / stride_;
  slots_ = plan.latency ? 1 : std::clamp<std::uint64_t>(fitting, 1, plan.depth);
  // A ring of pages: what one QP's messages share with the next QP's would cost both.
  ring_ = (slots_ * stride_ + kRing - 1) / kRing * kRing;
  area_ = plan.qps * ring_;
}

}  // namespace weft::verbs
