// What sending and judging RoCEv2 packets costs: ns of CPU time a packet, against testpmd's txonly of equal frames on
// the same kind of device, in turns. And the port rate that one core fills.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstring>
#include <ctime>
#include <map>
#include <memory>

#include "bench/table.h"
#include "bench/testpmd_peer.h"
#include "dpdk/judge.h"
#include "dpdk/transmit.h"

namespace {

using namespace weft;
using namespace weft::dpdk;

constexpr int kRounds = 9;
constexpr double kRoundSeconds = 0.25;
constexpr std::int64_t kPayloads[] = {64, 1024, 4096};

double cpu_ns() {
  std::timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values.empty() ? 0 : values[values.size() / 2];
}

template <typename T>
T required(Expected<T> value) {
  if (value) return std::move(*value);
  fmt::print(stderr, "weft: error: {}\n", value.error().text());
  std::exit(3);
}

StreamSpec writes(std::int64_t payload, std::uint32_t qps) {
  StreamSpec spec;
  spec.message = Bytes{payload};
  spec.qps = qps;
  return spec;
}

double send_round(Transmitter& sender) {
  const std::uint64_t before = sender.counters().packets;
  const double start = cpu_ns();
  double spent = 0;
  for (; spent < kRoundSeconds * 1e9; spent = cpu_ns() - start)
    for (int i = 0; i < 20'000; ++i) sender.step(ticks());
  return spent / static_cast<double>(sender.counters().packets - before);
}

// One payload size: our sender and testpmd, in turns.
struct SendCase {
  std::int64_t payload;
  std::uint32_t frame_size;
  double wire_bytes;
  std::unique_ptr<Transmitter> sender;
  std::unique_ptr<bench::TestpmdPeer> peer;
  std::vector<double> ours, theirs;
};

void bench_sending(const Port& port, const Clock& clock, bench::Table& table) {
  std::vector<SendCase> cases;
  for (const std::int64_t payload : kPayloads) {
    const Stream stream = required(Stream::create(writes(payload, 16)));
    SendCase& c = cases.emplace_back();
    c.payload = payload;
    c.frame_size = static_cast<std::uint32_t>(stream.shapes()[0].frame.size());
    c.wire_bytes = stream.wire_bytes();
    c.sender = required(Transmitter::create(port, stream, clock, {}));
    c.sender->start(ticks());
    c.peer = std::make_unique<bench::TestpmdPeer>(c.frame_size);
  }
  for (int round = 0; round < kRounds; ++round)
    for (SendCase& c : cases) {
      c.ours.push_back(send_round(*c.sender));
      if (c.peer->running()) c.theirs.push_back(c.peer->measure(kRoundSeconds));
    }
  double fastest = 1e9, slowest = 0;
  for (SendCase& c : cases) {
    const double ours = median(c.ours), theirs = median(c.theirs);
    fastest = std::min(fastest, ours), slowest = std::max(slowest, ours);
    const std::string name = fmt::format("transmit, {} B of payload, frames of {} B", c.payload, c.frame_size);
    if (theirs > 0)
      table.add(name + ": ns", ours, fmt::format("1.25 x testpmd txonly, {:.2f} ns", theirs), 1.25 * theirs);
    else
      table.add(name + ": ns", ours, "none: no dpdk-testpmd here", ours);
    table.add_rate(fmt::format("one core fills, {} B of payload: Gb/s on the wire", c.payload), c.wire_bytes * 8 / ours,
                   "port of 100 Gb/s", 100);
  }
  table.add("transmit, slowest payload less fastest: ns", slowest - fastest, "limit 5 ns", 5);
}

// Frames in their buffers, of `flows` flows in turn; PSNs, QPs and stamps are written outside the time that counts.
class FrameStore {
 public:
  FrameStore(std::int64_t payload, std::uint32_t flows, std::size_t buffers)
      : stream_(required(Stream::create(writes(payload, flows)))), flows_(flows), psns_(flows) {
    const Shape& shape = stream_.shapes()[0];
    stride_ = (shape.frame.size() + 191) / 64 * 64;
    bytes_.resize(buffers * stride_);
    for (std::size_t i = 0; i < buffers; ++i) {
      std::memcpy(&bytes_[i * stride_], shape.frame.data(), shape.frame.size());
      frames_.push_back({&bytes_[i * stride_], static_cast<std::uint32_t>(shape.frame.size())});
    }
  }
  void refresh(bool with_icrc) {
    const wire::FrameLayout& layout = stream_.shapes()[0].layout;
    std::uint64_t now = ticks() - 1000;
    for (std::size_t i = 0; i < frames_.size(); ++i) {
      std::uint8_t* frame = &bytes_[i * stride_];
      const std::uint32_t qp = __builtin_bswap32(stream_.spec().dest_qp + next_);
      const std::uint32_t psn = __builtin_bswap32(psns_[next_]++ & wire::kMask24);
      if (++next_ == flows_) next_ = 0;
      if (i % kBurst == 0) now += 7;
      std::memcpy(frame + layout.bth + 4, &qp, 4);
      std::memcpy(frame + layout.bth + 8, &psn, 4);
      std::memcpy(frame + layout.payload, &now, 8);
      const std::span<std::uint8_t> span(frame, frames_[i].size);
      if (with_icrc) wire::store_icrc(span, layout, wire::icrc(span, layout));
    }
  }
  [[nodiscard]] const std::vector<FrameRef>& frames() const { return frames_; }

 private:
  Stream stream_;
  std::uint32_t flows_, next_ = 0;
  std::vector<std::uint32_t> psns_;
  std::size_t stride_ = 0;
  std::vector<std::uint8_t> bytes_;
  std::vector<FrameRef> frames_;
};

double judge_ns(const Clock& clock, std::int64_t payload, std::uint32_t flows, std::size_t buffers, bool check) {
  JudgeOptions options;
  options.icrc_one_in = check ? 1 : 0;
  Judge judge(options, clock);
  FrameStore store(payload, flows, buffers);
  std::vector<double> rounds;
  const double start = cpu_ns();
  for (std::size_t passes = 0; cpu_ns() - start < 1.5e9 || passes < 3 + 2 * flows / buffers; ++passes) {
    store.refresh(check);
    const double before = cpu_ns();
    for (std::size_t i = 0; i < buffers; i += kBurst) judge.take({&store.frames()[i], kBurst}, ticks());
    const double spent = cpu_ns() - before;
    if (passes >= 1 + flows / buffers) rounds.push_back(spent / static_cast<double>(buffers));
  }
  const auto& c = judge.counters();
  WEFT_CHECK(c.lost == 0 && c.icrc_bad == 0 && c.reordered == 0 && judge.flows() == flows && c.foreign == 0);
  return median(rounds);
}

void bench_judging(const Clock& clock, bench::Table& table) {
  constexpr std::size_t kBuffers = 1024;
  const double plain = judge_ns(clock, 64, 1024, kBuffers, false);
  table.add("receive without ICRC check, 1,024 flows: ns", plain, "limit 15 ns", 15);
  table.add("receive without ICRC check, 65,536 flows: ns", judge_ns(clock, 64, 65'536, kBuffers, false), "limit 25 ns",
            25);
  double warm = 0;
  for (const std::int64_t payload : kPayloads) {
    const double ns = warm = judge_ns(clock, payload, 1024, 64, true);
    const double wire = static_cast<double>(payload + 98);
    if (payload == 4096)
      table.add("receive with ICRC check, 4096 B, in cache: ns", ns, "limit 120 ns", 120);
    else
      table.add(fmt::format("receive with ICRC check, {} B, in cache: ns", payload), ns, "without the check", plain);
    table.add_rate(fmt::format("one core checks, {} B of payload: Gb/s on the wire", payload), wire * 8 / ns,
                   "port of 100 Gb/s", 100);
  }
  const double cold = judge_ns(clock, 4096, 1024, 32'768, true);
  table.add("receive with ICRC check, 4096 B, from memory: ns", cold, "in cache", warm);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Sending and judging RoCEv2 packets: ns of CPU time a packet");
  std::string json_file, part = "all";
  app.add_option("--json", json_file, "write rows to this file");
  app.add_option("--part", part, "send, receive or all")->check(CLI::IsMember({"send", "receive", "all"}));
  CLI11_PARSE(app, argc, argv);
  const Eal eal =
      required(Eal::start({"--no-huge", "--no-shconf", "-m", "512", "--no-pci", "--no-telemetry", "-l", "1",
                           "--file-prefix", fmt::format("weft_bench_{}", getpid()), "--vdev", "net_null0"}));
  PortOptions options;
  options.largest_frame = 4300;
  options.receive_buffers = 1023;
  const Port port = required(Port::open(eal, options));
  const Clock clock = Clock::calibrate();
  bench::Table table;
  if (part != "receive") bench_sending(port, clock, table);
  if (part != "send") bench_judging(clock, table);
  if (!json_file.empty()) table.write(json_file);
  return 0;
}
