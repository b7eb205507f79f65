#include "dpdk/transmit.h"

#include <fmt/format.h>
#include <rte_byteorder.h>
#include <rte_mbuf.h>

#include <atomic>
#include <cstring>

#include "fabric/wire/icrc_patch.h"

namespace weft::dpdk {
namespace {

using wire::Field;

constexpr std::size_t kAhead = 8;  // QPs that are fetched before their turn

template <typename T>
void store(std::uint8_t* at, T value) {
  std::memcpy(at, &value, sizeof value);
}

void add(std::atomic<std::uint64_t>& counter, std::uint64_t count) {  // one writer: no locked instruction
  counter.store(counter.load(std::memory_order_relaxed) + count, std::memory_order_relaxed);
}

// Of 16-bit words in memory order: the ones' complement sum does not mind the byte order.
std::uint32_t sum_of_words(std::span<const std::uint8_t> bytes) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i + 1 < bytes.size(); i += 2) {
    std::uint16_t word = 0;
    std::memcpy(&word, &bytes[i], 2);
    sum += word;
  }
  return sum;
}

// A pool's name must be its own in the process.
std::string next_pool_name() {
  static std::atomic<unsigned> made{0};
  return fmt::format("weft_tx_{}", made++);
}

}  // namespace

Transmitter::Transmitter(const Port& port, const Stream& stream, const Clock& clock, const Options& options)
    : port_(&port),
      spec_(stream.spec()),
      queue_(options.queue),
      packets_a_message_(stream.packets_a_message()),
      one_shape_(stream.shapes().size() == 1),
      sweep_(stream.spec().port_policy == SourcePortPolicy::kSweep),
      many_hosts_(!stream.spec().endpoints.empty()),
      pacer_(stream.spec().rate, clock),
      left_(stream.spec().count == 0 ? ~std::uint64_t{0} : stream.spec().count),
      watch_(options.watch) {
  dcqcn_ = options.dcqcn;
  line_rate_ = options.line_rate;
  seconds_per_tick_ = 1 / clock.ticks_per_second();
  for (const Shape& shape : stream.shapes()) plans_.emplace_back().shape = shape;
  if (options.mishaps.any()) mishaps_ = std::make_unique<Mishaps>(options.mishaps);
}

Expected<std::unique_ptr<Transmitter>> Transmitter::create(const Port& port, const Stream& stream, const Clock& clock,
                                                           const Options& options, std::uint32_t first,
                                                           std::uint32_t step) {
  if (stream.largest_frame() > port.largest_frame())
    return environment_error(fmt::format("port {} was opened for frames of {} bytes, and the stream has {}",
                                         port.facts().name, port.largest_frame(), stream.largest_frame()));
  std::unique_ptr<Transmitter> made(new Transmitter(port, stream, clock, options));
  if (const auto shapes = made->make_shapes(options); !shapes) return tl::unexpected(shapes.error());
  made->make_flows(first, step);
  made->first_qp_ = first;
  made->qp_step_ = step;
  return made;
}

Transmitter::~Transmitter() {
  for (; pending_from_ < pending_.size(); ++pending_from_) rte_pktmbuf_free(pending_[pending_from_]);
  for (ShapePlan& plan : plans_)
    for (; plan.stashed > 0; --plan.stashed) rte_pktmbuf_free(plan.stash[plan.stashed - 1]);
  mishaps_.reset();
  port_->reclaim(queue_);
  // A pool whose buffers a driver still holds is left to the process's end.
  for (ShapePlan& plan : plans_)
    if (plan.pool && !wait_until_full(plan.pool.get())) static_cast<void>(plan.pool.release());
}

Expected<void> Transmitter::make_shapes(const Options& options) {
  for (ShapePlan& plan : plans_) {
    auto pool = make_template_pool(next_pool_name(), options.buffers, plan.shape.frame);
    if (!pool) return tl::unexpected(pool.error());
    plan.pool = std::move(*pool);
    const wire::FrameLayout& layout = plan.shape.layout;
    // The second word is the lower half of the address; where there is none, a word that is always zero.
    std::vector<std::uint32_t> offsets{layout.bth + 8,
                                       plan.shape.address_at > 0 ? plan.shape.address_at + 4 : layout.udp};
    if (sweep_) offsets.push_back(layout.udp);
    plan.words = std::make_unique<wire::IcrcWords>(layout, offsets);
    if (plan.shape.stamp_at > 0)
      plan.stamp_words =
          std::make_unique<wire::IcrcWords>(layout, std::vector{plan.shape.stamp_at, plan.shape.stamp_at + 4});
    plan.header_sum = sum_of_words(std::span(plan.shape.frame).subspan(layout.ip, 10));
    plan.wire_size = static_cast<std::uint32_t>(std::max<std::size_t>(plan.shape.frame.size(), 60));
  }
  return {};
}

void Transmitter::make_flows(std::uint32_t first, std::uint32_t step) {
  struct Patches {
    std::uint32_t zero;  // ICRC of QP 0's frame with its changing words zero
    wire::IcrcPatch qp, port, source, destination;
  };
  std::vector<Patches> patches;
  const bool v4 = std::holds_alternative<wire::Ipv4Header>(spec_.ip);
  for (const ShapePlan& plan : plans_) {
    std::vector<std::uint8_t> frame = plan.shape.frame;
    const wire::FrameLayout& layout = plan.shape.layout;
    std::memset(&frame[layout.bth + 8], 0, 4);
    if (plan.shape.address_at > 0) std::memset(&frame[plan.shape.address_at + 4], 0, 4);
    if (plan.shape.stamp_at > 0) std::memset(&frame[plan.shape.stamp_at], 0, 8);
    if (sweep_) std::memset(&frame[layout.udp], 0, 4);
    const auto patch = [&](Field field) { return wire::IcrcPatch(layout, *find_field(layout, field)); };
    const Field source = v4 ? Field::kIpv4Source : Field::kDestQp;  // IPv6: not used
    patches.push_back({wire::icrc(frame, layout), patch(Field::kDestQp), patch(Field::kUdpSourcePort), patch(source),
                       patch(v4 ? Field::kIpv4Destination : Field::kDestQp)});
  }
  const auto port_of = [&](std::uint32_t qp) {
    return spec_.port_policy == SourcePortPolicy::kPerQp
               ? wire::udp_source_port(spec_.source_qp + qp, spec_.dest_qp + qp)
               : spec_.source_port;
  };
  flows_.reserve((spec_.qps - first) / step + 1 + kAhead);
  for (std::uint32_t qp = first; qp < spec_.qps; qp += step) {
    Flow& flow = flows_.emplace_back();
    flow.qp_word = rte_cpu_to_be_32(spec_.dest_qp + qp);
    flow.psn = spec_.start_psn;
    flow.address = spec_.virtual_address;
    flow.port = rte_cpu_to_be_16(port_of(qp));
    flow.sweep_port = static_cast<std::uint16_t>(qp % std::max<std::uint16_t>(1, spec_.source_ports));
    for (std::size_t s = 0; s < patches.size(); ++s) {
      flow.icrc[s] = patches[s].zero ^ patches[s].qp.delta(spec_.dest_qp ^ (spec_.dest_qp + qp));
      if (!sweep_) flow.icrc[s] ^= patches[s].port.delta(port_of(0) ^ port_of(qp));
      if (!many_hosts_) continue;
      const Endpoints &zero = spec_.endpoints[0], &own = spec_.endpoints[qp];
      flow.icrc[s] ^= patches[s].source.delta(zero.source ^ own.source) ^
                      patches[s].destination.delta(zero.destination ^ own.destination);
    }
    if (!many_hosts_) continue;
    flow.addresses = {rte_cpu_to_be_32(spec_.endpoints[qp].source), rte_cpu_to_be_32(spec_.endpoints[qp].destination)};
    flow.address_sum = sum_of_words({reinterpret_cast<const std::uint8_t*>(flow.addresses.data()), 8});
  }
}

rte_mbuf* Transmitter::take(ShapePlan& plan) {
  if (plan.stashed == 0) {
    if (rte_mempool_get_bulk(plan.pool.get(), reinterpret_cast<void**>(plan.stash.data()), kBurst) != 0) return nullptr;
    plan.stashed = kBurst;
  }
  return plan.stash[--plan.stashed];
}

struct Transmitter::Constants {
  std::uint32_t bth, udp, ip, address_at, stamp_at, ack_bit, header_sum;
  std::uint32_t packets_a_message, message, source_port;
  std::uint16_t source_ports;
  bool sweep, many_hosts;
};

Transmitter::Constants Transmitter::constants_of(const ShapePlan& plan) const {
  const Shape& shape = plan.shape;
  return {shape.layout.bth,  shape.layout.udp,   shape.layout.ip,
          shape.address_at,  shape.stamp_at,     shape.ack_bit,
          plan.header_sum,   packets_a_message_, static_cast<std::uint32_t>(spec_.message.count),
          spec_.source_port, spec_.source_ports, sweep_,
          many_hosts_};
}

// Writes what changes, and collects what the ICRC has to know of it.
inline void Transmitter::write(const Constants& c, Flow& flow, std::uint64_t now, std::uint8_t* frame,
                               std::uint32_t* words) {
  words[0] = rte_cpu_to_be_32(c.ack_bit | flow.psn);
  store(frame + c.bth + 4, std::uint64_t{words[0]} << 32 | flow.qp_word);
  words[1] = 0;
  if (c.address_at > 0) {
    const std::uint64_t address = rte_cpu_to_be_64(flow.address);
    store(frame + c.address_at, address);
    words[1] = static_cast<std::uint32_t>(address >> 32);
  }
  if (c.stamp_at > 0) store(frame + c.stamp_at, now);
  if (c.sweep) {
    words[2] = rte_cpu_to_be_32((c.source_port + flow.sweep_port) << 16 | wire::kRoceV2Port);
    store(frame + c.udp, words[2]);
  } else {
    store(frame + c.udp, flow.port);
  }
  if (!c.many_hosts) return;
  std::uint32_t sum = c.header_sum + flow.address_sum;
  sum = (sum & 0xFFFF) + (sum >> 16);
  sum = (sum & 0xFFFF) + (sum >> 16);
  store(frame + c.ip + 10, static_cast<std::uint16_t>(~sum));
  store(frame + c.ip + 12, flow.addresses);
}

inline void Transmitter::advance(const Constants& c, Flow& flow, std::uint64_t& messages) {
  flow.psn = (flow.psn + 1) & wire::kMask24;
  if (++flow.index < c.packets_a_message) return;
  flow.index = 0;
  flow.address = address_in_region(flow.address, c.message);
  ++messages;
  if (c.sweep && ++flow.sweep_port == c.source_ports) flow.sweep_port = 0;
}

std::uint32_t Transmitter::build_one_shape(std::uint64_t now, std::uint32_t count) {
  ShapePlan& plan = plans_[0];
  if (rte_mempool_get_bulk(plan.pool.get(), reinterpret_cast<void**>(burst_.data()), count) != 0) return 0;
  const Constants c = constants_of(plan);
  Flow* const flows = flows_.data();
  const std::size_t flow_count = flows_.size();
  const std::uint32_t stamp_icrc = plan.stamp_icrc;
  std::size_t next = next_flow_;
  std::uint64_t messages = messages_;
  for (std::uint32_t i = 0; i < count; ++i) {
    Flow& flow = flows[next];
    __builtin_prefetch(flows + next + kAhead);
    if (++next == flow_count) next = 0;
    icrcs_[i] = flow.icrc[0] ^ stamp_icrc;
    write(c, flow, now, rte_pktmbuf_mtod(burst_[i], std::uint8_t*), words_[i].data());
    advance(c, flow, messages);
  }
  next_flow_ = next;
  messages_ = messages;
  return count;
}

bool Transmitter::on_cnp(std::uint32_t source_qp, std::uint64_t now) {
  const std::uint32_t qp = source_qp - spec_.source_qp;
  if (!dcqcn_ || qp >= spec_.qps || qp % qp_step_ != first_qp_) return false;
  if (reactions_.empty()) reactions_.assign(flows_.size(), Reaction(*dcqcn_, line_rate_));
  reactions_[qp / qp_step_].on_cnp(*dcqcn_, static_cast<double>(now) * seconds_per_tick_);
  add(counters_.cnps, 1);
  return true;
}

// Passes over QPs whose rate does not let them send yet; of many that wait, some are looked at in each burst.
bool Transmitter::find_flow_in_its_turn(std::uint64_t now) {
  const double seconds = static_cast<double>(now) * seconds_per_tick_;
  for (std::size_t looked = 0; looked < std::min<std::size_t>(flows_.size(), 4 * kBurst); ++looked) {
    Reaction& reaction = reactions_[next_flow_];
    reaction.advance(*dcqcn_, seconds);
    if (!reaction.throttled() || reaction.next_send() <= seconds) return true;
    if (++next_flow_ == flows_.size()) next_flow_ = 0;
  }
  return false;
}

std::uint32_t Transmitter::build_shapes(std::uint64_t now, std::uint32_t count) {
  const std::size_t last_shape = plans_.size() - 1;
  for (std::uint32_t i = 0; i < count; ++i) {
    if (!reactions_.empty() && !find_flow_in_its_turn(now)) return i;
    Flow& flow = flows_[next_flow_];
    const std::size_t s = flow.index == 0 ? 0 : flow.index + 1 == packets_a_message_ ? last_shape : 1;
    burst_[i] = take(plans_[s]);
    if (burst_[i] == nullptr) return i;  // all buffers are under way
    if (!reactions_.empty())
      reactions_[next_flow_].on_send(*dcqcn_, static_cast<double>(now) * seconds_per_tick_,
                                     plans_[s].wire_size + kWireOverhead);
    if (++next_flow_ == flows_.size()) next_flow_ = 0;
    shape_of_[i] = static_cast<std::uint8_t>(s);
    icrcs_[i] = flow.icrc[s] ^ plans_[s].stamp_icrc;
    const Constants c = constants_of(plans_[s]);
    write(c, flow, now, rte_pktmbuf_mtod(burst_[i], std::uint8_t*), words_[i].data());
    advance(c, flow, messages_);
  }
  return count;
}

std::uint32_t Transmitter::build(std::uint64_t now, std::uint32_t count) {
  for (ShapePlan& plan : plans_) {
    if (!plan.stamp_words) continue;
    wire::IcrcWords::Words stamp{};
    std::memcpy(stamp.data(), &now, sizeof now);
    plan.stamp_icrc = 0;
    plan.stamp_words->apply({&stamp, 1}, {&plan.stamp_icrc, 1});
  }
  return one_shape_ && reactions_.empty() ? build_one_shape(now, count) : build_shapes(now, count);
}

void Transmitter::store_icrcs(std::uint32_t count) {
  for (std::uint32_t from = 0; from < count;) {
    std::uint32_t to = one_shape_ ? count : from + 1;
    while (to < count && shape_of_[to] == shape_of_[from]) ++to;
    const ShapePlan& plan = plans_[shape_of_[from]];
    plan.words->apply({&words_[from], to - from}, {&icrcs_[from], to - from});
    for (; from < to; ++from)
      store(rte_pktmbuf_mtod(burst_[from], std::uint8_t*) + plan.shape.layout.icrc, icrcs_[from]);
  }
}

// A buffer may still have the CE mark of its last use.
void Transmitter::restore_marks(std::uint32_t count) {
  for (std::uint32_t i = 0; i < count; ++i) {
    const Shape& shape = plans_[shape_of_[i]].shape;
    const std::uint32_t ip = shape.layout.ip;
    std::memcpy(rte_pktmbuf_mtod(burst_[i], std::uint8_t*) + ip, &shape.frame[ip], many_hosts_ ? 10 : 12);
  }
}

std::uint32_t Transmitter::flush() {
  const std::size_t waiting = pending_.size() - pending_from_;
  const auto burst = std::min<std::size_t>(waiting, 2 * kBurst);
  if (burst == 0) return 0;
  const std::uint16_t went = port_->send(queue_, {&pending_[pending_from_], burst});
  if (went < burst) add(counters_.refused, 1);
  pending_from_ += went;
  if (pending_from_ == pending_.size()) pending_.clear(), pending_from_ = 0;
  return went;
}

std::uint32_t Transmitter::step(std::uint64_t now) {
  if (pending_from_ < pending_.size() && (flush(), pending_from_ < pending_.size())) return 0;
  const auto most = static_cast<std::uint32_t>(std::min<std::uint64_t>(kBurst, left_));
  const std::uint32_t due = pacer_.due(now, most);
  if (due == 0) return 0;
  const std::uint32_t count = build(now, due);
  store_icrcs(count);
  pacer_.sent(count);
  left_ -= count;
  std::uint64_t bytes = std::uint64_t{count} * plans_[0].wire_size;
  if (!one_shape_) {
    bytes = 0;
    for (std::uint32_t i = 0; i < count; ++i) bytes += plans_[shape_of_[i]].wire_size;
  }
  add(counters_.packets, count);
  add(counters_.bytes, bytes);
  counters_.messages.store(messages_, std::memory_order_relaxed);
  counters_.given_up.store(pacer_.given_up(), std::memory_order_relaxed);
  if (mishaps_) restore_marks(count);
  if (!mishaps_) {
    show({burst_.data(), count});
    const std::uint16_t went = port_->send(queue_, {burst_.data(), count});
    if (went == count) return count;
    add(counters_.refused, 1);
    pending_.assign(burst_.begin() + went, burst_.begin() + count);
    return went;
  }
  mishaps_->apply(burst_.data(), count, pending_);
  show(pending_);
  return flush();
}

void Transmitter::show(std::span<rte_mbuf* const> frames) const {
  if (!watch_) return;
  for (rte_mbuf* frame : frames) watch_({rte_pktmbuf_mtod(frame, std::uint8_t*), rte_pktmbuf_data_len(frame)});
}

void Transmitter::finish(Duration limit, const Clock& clock) {
  const std::size_t before = pending_.size();
  if (mishaps_) mishaps_->finish(pending_);
  show(std::span(pending_).subspan(before));
  const std::uint64_t end = ticks() + clock.to_ticks(limit);
  while (pending_from_ < pending_.size() && ticks() < end) flush();
  add(counters_.packets, 0 - static_cast<std::uint64_t>(pending_.size() - pending_from_));
}

}  // namespace weft::dpdk
