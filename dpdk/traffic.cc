#include "dpdk/traffic.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <mutex>
#include <thread>
#include <utility>

#include "dpdk/lcore_thread.h"
#include "dpdk/rdma_probe.h"

namespace weft::dpdk {
namespace {

constexpr auto kPoll = std::chrono::milliseconds(2);
constexpr auto kInterval = std::chrono::seconds(1);
constexpr std::size_t kWorstFlows = 16;
constexpr unsigned kIdlePolls = 64;  // without work, before the processor is offered to others
const Duration kFlushLimit = Duration::us(200'000);

std::uint64_t read(const std::atomic<std::uint64_t>& counter) { return counter.load(std::memory_order_relaxed); }

void add(Sent& sum, const Transmitter& sender) {
  const TransmitCounters& c = sender.counters();
  sum.packets += read(c.packets), sum.bytes += read(c.bytes), sum.messages += read(c.messages);
  sum.refused += read(c.refused), sum.given_up += read(c.given_up), sum.cnps += read(c.cnps);
}
void add(MishapCounts& sum, const MishapCounts& m) {
  sum.dropped += m.dropped, sum.duplicated += m.duplicated, sum.reordered += m.reordered;
  sum.marked_ce += m.marked_ce, sum.bad_icrc += m.bad_icrc;
}
void add(Judged& sum, const JudgeCounters& c) {
  sum.packets += read(c.packets), sum.bytes += read(c.bytes), sum.payload_bytes += read(c.payload_bytes);
  sum.requests += read(c.requests), sum.responses += read(c.responses), sum.cnps += read(c.cnps);
  sum.foreign += read(c.foreign), sum.untracked += read(c.untracked), sum.icrc_checked += read(c.icrc_checked);
  sum.icrc_bad += read(c.icrc_bad), sum.marked_ce += read(c.marked_ce), sum.lost += read(c.lost);
  sum.duplicates += read(c.duplicates), sum.reordered += read(c.reordered), sum.too_late += read(c.too_late);
  sum.restarts += read(c.restarts), sum.other_clock += read(c.other_clock);
  sum.returned += read(c.returned), sum.returned_lost += read(c.returned_lost);
  sum.returned_duplicates += read(c.returned_duplicates), sum.returned_reordered += read(c.returned_reordered);
  sum.returned_marked += read(c.returned_marked);
  sum.depth = std::max(sum.depth, read(c.depth));
}

// The share of a whole number that worker `index` of `workers` gets.
std::uint64_t share(std::uint64_t whole, std::uint64_t index, std::uint64_t workers) {
  return whole * (index + 1) / workers - whole * index / workers;
}

}  // namespace

struct Traffic::Worker {
  std::uint16_t queue = 0;
  std::vector<std::pair<std::size_t, std::unique_ptr<Transmitter>>> senders;  // with the index of their stream
  std::unique_ptr<Receiver> receiver;
  std::unique_ptr<FrameIo> answers;  // for CNPs
  std::unique_ptr<Reflector> reflector;
  std::atomic<std::uint64_t> cnps_sent{0};
  std::atomic<std::uint64_t> first_arrival{0}, last_arrival{0}, sent_at{0};  // ticks
  std::atomic<bool> sending{true};
  // CNPs for this worker's QPs, that came on any queue.
  std::mutex mailbox_mutex;
  std::vector<std::uint32_t> mailbox;
};

Traffic::Traffic(TrafficOptions options) : options_(std::move(options)), clock_(Clock::calibrate()) {}
Traffic::~Traffic() {
  // Frames that still lie in a looped port belong to the senders' pools.
  for (const Port* port : {first_port_.get(), second_port_.get()})
    if (port != nullptr) port->drain();
  workers_.clear();
}

Expected<std::unique_ptr<Traffic>> Traffic::create(const Eal& eal, const TrafficOptions& options) {
  std::unique_ptr<Traffic> traffic(new Traffic(options));
  for (const StreamSpec& spec : options.streams) {
    auto stream = Stream::create(spec);
    if (!stream) return tl::unexpected(stream.error());
    traffic->streams_.push_back(std::move(*stream));
  }
  if (options.judging.round_trips)
    if (const auto good = traffic->check_round_trips(); !good) return tl::unexpected(good.error());
  if (const auto opened = traffic->open_ports(eal); !opened) return tl::unexpected(opened.error());
  for (Stream& stream : traffic->streams_) {
    StreamSpec spec = stream.spec();
    if (spec.source_mac != wire::MacAddress{}) continue;
    spec.source_mac = traffic->sender_->facts().mac;
    stream = Stream::create(spec).value();
  }
  for (const auto& [path, capture] : {std::pair(&options.capture_sent, &traffic->sent_capture_),
                                      std::pair(&options.capture_received, &traffic->received_capture_)}) {
    if (path->empty()) continue;
    auto made = Capture::create(*path, traffic->clock_, options.capture_frames);
    if (!made) return tl::unexpected(made.error());
    *capture = std::move(*made);
  }
  if (const auto made = traffic->make_workers(); !made) return tl::unexpected(made.error());
  return traffic;
}

// Every packet must come back, or what is missing could not be told from what is lost.
Expected<void> Traffic::check_round_trips() const {
  for (const Stream& stream : streams_)
    for (const Shape& shape : stream.shapes()) {
      if (shape.stamp_at == 0)
        return input_error(fmt::format("stream {}: round trips need a stamp in every packet", stream.spec().name),
                           fmt::format("a packet of {} B of payload", shape.layout.payload_size),
                           fmt::format("a --size of which no packet carries less than {} B", Stamp::kSize));
      if (classify(shape.frame).kind != ArrivalKind::kRequest)
        return input_error(fmt::format("stream {}: these are no requests, and are not reflected", stream.spec().name),
                           stream.operation(), "write or send");
    }
  return {};
}

Expected<void> Traffic::open_ports(const Eal& eal) {
  PortOptions wanted;
  wanted.receive_queues = wanted.transmit_queues = options_.queues;
  wanted.largest_frame = options_.largest_frame;
  for (const Stream& stream : streams_) wanted.largest_frame = std::max(wanted.largest_frame, stream.largest_frame());
  if (options_.judging.reflect && options_.judging.round_trips && options_.sending_device != options_.receiving_device)
    return input_error("round trips over two ports of one process",
                       options_.sending_device + " to " + options_.receiving_device,
                       "one looped port; or receive --reflect and send --round-trip, a process each");
  const bool two = !streams_.empty() && options_.judge && options_.sending_device != options_.receiving_device;
  const Duration link_wait = std::exchange(wanted.link_wait, Duration{});
  wanted.device = streams_.empty() ? options_.receiving_device : options_.sending_device;
  auto first = Port::open(eal, wanted);
  if (!first) return tl::unexpected(first.error());
  first_port_ = std::make_unique<Port>(std::move(*first));
  sender_ = receiver_ = first_port_.get();
  if (!two) return sender_->wait_for_link(link_wait);
  wanted.device = options_.receiving_device;
  auto second = Port::open(eal, wanted);
  if (!second) return tl::unexpected(second.error());
  second_port_ = std::make_unique<Port>(std::move(*second));
  receiver_ = second_port_.get();
  if (auto up = sender_->wait_for_link(link_wait); !up) return up;  // only now: the two may be cabled to each other
  return receiver_->wait_for_link(link_wait);
}

Expected<void> Traffic::add_transmitters(Worker& worker, std::uint16_t queue) {
  for (std::size_t s = 0; s < streams_.size(); ++s) {
    StreamSpec spec = streams_[s].spec();
    if (queue >= spec.qps) continue;  // fewer QPs than queues
    const std::uint32_t sharing = std::min<std::uint32_t>(spec.qps, options_.queues);
    const std::uint32_t own = spec.qps / sharing + (queue < spec.qps % sharing ? 1 : 0);
    const double part = static_cast<double>(own) / spec.qps;
    spec.rate.packets_per_second *= part;
    spec.rate.ramp_from *= part;
    if (spec.count > 0 && (spec.count = share(spec.count, queue, sharing)) == 0) continue;
    const auto stream = Stream::create(spec);
    if (!stream) return tl::unexpected(stream.error());
    Transmitter::Options options;
    options.queue = queue;
    options.mishaps = options_.mishaps;
    options.dcqcn = options_.dcqcn;
    const Rate line = options_.line_rate > Rate{} ? options_.line_rate : sender_->facts().link_rate;
    if (line > Rate{}) options.line_rate = line.bytes_per_second();
    if (sent_capture_) options.watch = sent_capture_->watch();
    auto sender = Transmitter::create(*sender_, *stream, clock_, options, queue, options_.queues);
    if (!sender) return tl::unexpected(sender.error());
    worker.senders.emplace_back(s, std::move(*sender));
  }
  return {};
}

Expected<void> Traffic::make_workers() {
  for (std::uint16_t queue = 0; queue < options_.queues; ++queue) {
    auto worker = std::make_unique<Worker>();
    worker->queue = queue;
    if (auto added = add_transmitters(*worker, queue); !added) return added;
    worker->receiver = std::make_unique<Receiver>(*receiver_, queue, options_.judging, clock_,
                                                  received_capture_ ? received_capture_->watch() : FrameWatch{});
    if (options_.judging.answer_ce) {
      auto io = make_frame_io(*receiver_, queue);
      if (!io) return tl::unexpected(io.error());
      worker->answers = std::move(*io);
    }
    if (options_.judging.reflect) {
      auto reflector = Reflector::create(*receiver_, queue, options_.reflecting, clock_);
      if (!reflector) return tl::unexpected(reflector.error());
      worker->reflector = std::move(*reflector);
      worker->receiver->reflect_by(*worker->reflector);
    }
    worker->sending = !worker->senders.empty();
    workers_.push_back(std::move(worker));
  }
  return {};
}

void Traffic::send_and_receive(Worker& worker) {
  unsigned idle = 0;
  for (auto& [stream, sender] : worker.senders) sender->start(start_);
  bool sending = !worker.senders.empty();
  while (!stop_all_.load(std::memory_order_relaxed)) {
    std::uint32_t moved = 0;
    if (sending) {
      const std::uint64_t now = ticks();
      bool all_done = true;
      for (auto& [stream, sender] : worker.senders) {
        moved += sender->step(now);
        all_done = all_done && sender->done();
      }
      if (all_done || stop_sending_.load(std::memory_order_relaxed)) {
        for (auto& [stream, sender] : worker.senders) sender->finish(kFlushLimit, clock_);
        worker.sent_at.store(ticks(), std::memory_order_relaxed);
        worker.sending.store(sending = false);
      }
    }
    if (const std::uint32_t came = worker.receiver->step(); came > 0) {
      moved += came;
      const std::uint64_t now = ticks();
      if (read(worker.first_arrival) == 0) worker.first_arrival.store(now, std::memory_order_relaxed);
      worker.last_arrival.store(now, std::memory_order_relaxed);
    }
    if (worker.reflector) moved += worker.reflector->step(ticks());
    if (worker.answers)
      for (const auto& cnp : worker.receiver->judge().take_answers())
        if (worker.answers->send(cnp)) worker.cnps_sent.fetch_add(1, std::memory_order_relaxed);
    if (options_.dcqcn) pass_on_cnps(worker);
    idle = moved > 0 ? 0 : idle + 1;
    if (idle >= kIdlePolls) std::this_thread::yield();
  }
  if (sending)
    for (auto& [stream, sender] : worker.senders) sender->finish(Duration::us(1000), clock_);
}

// A CNP may come on another queue than its QP sends on.
void Traffic::pass_on_cnps(Worker& worker) {
  for (const std::uint32_t qp : worker.receiver->judge().take_cnps())
    for (const auto& other : workers_) {
      const std::scoped_lock lock(other->mailbox_mutex);
      if (other->mailbox.size() < 4096) other->mailbox.push_back(qp);
    }
  std::vector<std::uint32_t> mine;
  {
    const std::scoped_lock lock(worker.mailbox_mutex);
    mine.swap(worker.mailbox);
  }
  for (const std::uint32_t qp : mine)
    for (auto& [stream, sender] : worker.senders) sender->on_cnp(qp, ticks());
}

void Traffic::work(Worker& worker) {
  while (!go_.load(std::memory_order_acquire)) std::this_thread::yield();
  if (!failed_) send_and_receive(worker);
  worker.sending = false;
}

std::uint64_t Traffic::frames_received() const {
  std::uint64_t sum = 0;
  for (const auto& worker : workers_) sum += read(worker->receiver->judge().counters().packets);
  return sum;
}

std::uint64_t Traffic::frames_returned() const {
  std::uint64_t sum = 0;
  for (const auto& worker : workers_) sum += read(worker->receiver->judge().counters().returned);
  return sum;
}

// Decides when it is over: time, counts, silence, or a signal.
void Traffic::supervise(const std::atomic<bool>& stop,
                        const std::function<void(const TrafficSnapshot&)>& every_second) {
  using Wall = std::chrono::steady_clock;
  const auto begun = Wall::now();
  const auto limit = std::chrono::nanoseconds(options_.duration.picoseconds / 1000);
  const auto silence = std::chrono::nanoseconds(options_.drain.picoseconds / 1000);
  auto next_report = begun + kInterval, last_change = begun;
  std::uint64_t seen = 0;
  bool ended = false;
  while (!stop) {
    std::this_thread::sleep_for(kPoll);
    const auto now = Wall::now();
    if (now >= next_report) {
      next_report += kInterval;
      for (const auto& worker : workers_) worker->receiver->judge().ask_latency();
      if (every_second) every_second(snapshot(ticks()));
    }
    const std::uint64_t frames = frames_received();
    if (options_.receive_count > 0 && frames >= options_.receive_count) return;
    if (limit.count() > 0 && now - begun >= limit) {
      if (streams_.empty()) return;
      stop_sending_ = true;
    }
    const bool sending = std::ranges::any_of(workers_, [](const auto& worker) { return worker->sending.load(); });
    if (sending || streams_.empty()) continue;
    // What was sent may still come. Of round trips only they count: others may send to this port for ever.
    const std::uint64_t awaited = options_.judge ? frames : frames_returned();
    if (!ended || awaited != seen) last_change = now;
    ended = true;
    seen = awaited;
    const bool listens = options_.judge || options_.judging.round_trips;
    if (!listens || now - last_change >= silence) return;
  }
}

Expected<TrafficResult> Traffic::run(const std::atomic<bool>& stop,
                                     const std::function<void(const TrafficSnapshot&)>& every_second) {
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < workers_.size(); ++i)
    threads.push_back(start_lcore_thread(static_cast<unsigned>(i), [this, i](bool known) {
      if (!known) failed_ = true;
      work(*workers_[i]);
    }));
  std::this_thread::sleep_for(kPoll);
  start_ = ticks();
  go_.store(true, std::memory_order_release);
  supervise(stop, every_second);
  const bool interrupted = stop;
  stop_all_ = true;
  for (std::thread& thread : threads) thread.join();
  if (failed_) return environment_error("DPDK takes no more threads", {}, "fewer --queues");
  for (const auto& capture : {sent_capture_.get(), received_capture_.get()})
    if (capture != nullptr)
      if (const auto closed = capture->close(); !closed) return tl::unexpected(closed.error());
  return result(interrupted);
}

std::string Traffic::rdma_warning() const {
  const auto devices = rdma_devices_of(receiver_->facts().name);
  return devices.empty() ? "" : dpdk::rdma_warning(receiver_->facts(), devices, why_no_flow_rule(*receiver_));
}

TrafficSnapshot Traffic::snapshot(std::uint64_t now) const {
  TrafficSnapshot shot;
  shot.seconds = clock_.seconds(now - start_);
  for (const auto& worker : workers_) {
    for (const auto& [stream, sender] : worker->senders) add(shot.sent, *sender);
    const Judge& judge = worker->receiver->judge();
    add(shot.judged, judge.counters());
    shot.judged.cnps_sent += read(worker->cnps_sent);
    shot.judged.latency.merge(judge.last_latency());
    if (worker->reflector) shot.judged.reflected += worker->reflector->reflected();
  }
  return shot;
}

TrafficResult Traffic::result(bool interrupted) const {
  TrafficResult result;
  result.interrupted = interrupted;
  result.sent.resize(streams_.size());
  std::uint64_t first = ~std::uint64_t{0}, last = 0, sent_at = start_;
  for (const auto& worker : workers_) {
    for (const auto& [stream, sender] : worker->senders) {
      add(result.sent[stream], *sender);
      add(result.sent[stream].mishaps, sender->mishap_counts());
    }
    const Judge& judge = worker->receiver->judge();
    add(result.judged, judge.counters());
    result.judged.cnps_sent += read(worker->cnps_sent);
    result.judged.flows += judge.flows();
    result.judged.latency.merge(judge.latency());
    result.judged.round_trip.merge(judge.round_trip());
    if (worker->reflector) {
      result.judged.reflected += worker->reflector->reflected();
      result.judged.reflections_dropped += worker->reflector->dropped();
    }
    const auto worst = judge.worst_flows(kWorstFlows);
    result.judged.worst.insert(result.judged.worst.end(), worst.begin(), worst.end());
    if (read(worker->first_arrival) > 0) first = std::min(first, read(worker->first_arrival));
    last = std::max(last, read(worker->last_arrival));
    sent_at = std::max(sent_at, read(worker->sent_at));
  }
  if (sent_at == start_) sent_at = ticks();  // interrupted
  result.send_seconds = streams_.empty() ? 0 : clock_.seconds(sent_at - start_);
  result.receive_seconds = last > first ? clock_.seconds(last - first) : 0;
  result.sending_port = sender_->counters();
  result.receiving_port = receiver_->counters();
  result.sending_name = sender_->facts().name;
  result.receiving_name = receiver_->facts().name;
  result.rdma_warning = rdma_warning();
  return result;
}

}  // namespace weft::dpdk
