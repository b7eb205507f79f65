// Traffic over one or two ports: a worker for each queue sends its share of the streams and judges what comes back.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dpdk/capture.h"
#include "dpdk/receive.h"
#include "dpdk/transmit.h"

namespace weft::dpdk {

struct TrafficOptions {
  std::vector<StreamSpec> streams;  // empty: nothing is sent
  bool judge = true;                // what comes; otherwise only CNPs and round trips are heeded
  JudgeOptions judging{};
  ReflectOptions reflecting{};  // where judging.reflect
  MishapSpec mishaps{};
  std::string sending_device, receiving_device;  // empty: the first port; equal: one port for both
  std::uint16_t queues = 1;                      // and workers
  std::uint32_t largest_frame = 1514;            // to be received
  Duration duration{};                     // of sending, or of receiving alone; 0: until `count`s are sent, or stopped
  std::optional<DcqcnSpec> dcqcn;          // QPs react to CNPs with it
  Rate line_rate{};                        // that they start from; 0: the port's, or 100 Gb/s where it has none
  std::uint64_t receive_count = 0;         // ends when so many frames came; 0: no limit
  Duration drain = Duration::us(200'000);  // silence after the last packet sent that ends the receiving
  std::string capture_sent, capture_received;  // files
  std::uint64_t capture_frames = ~std::uint64_t{0};
};

// Sums over all workers; all above `flows` are JudgeCounters.
struct Judged {
  std::uint64_t packets = 0, bytes = 0, payload_bytes = 0, requests = 0, responses = 0, cnps = 0, foreign = 0;
  std::uint64_t untracked = 0, icrc_checked = 0, icrc_bad = 0, marked_ce = 0, cnps_sent = 0, lost = 0, duplicates = 0;
  std::uint64_t reordered = 0, depth = 0, too_late = 0, restarts = 0, other_clock = 0;
  std::uint64_t returned = 0, returned_lost = 0, returned_duplicates = 0, returned_reordered = 0, returned_marked = 0;
  std::uint64_t flows = 0, reflected = 0, reflections_dropped = 0;
  Histogram round_trip{JudgeOptions{}.precision_bits};
  Histogram latency{JudgeOptions{}.precision_bits};
  std::vector<FlowResult> worst;
};

struct Sent {
  std::uint64_t packets = 0, bytes = 0, messages = 0, refused = 0, given_up = 0, cnps = 0;
  MishapCounts mishaps;
};

struct TrafficSnapshot {
  double seconds = 0;  // since the start
  Sent sent;           // of all streams
  Judged judged;       // without flows and worst; latency as of a moment ago
};

struct TrafficResult {
  std::vector<Sent> sent;  // by stream
  Judged judged;
  double send_seconds = 0;     // from the start to the last packet
  double receive_seconds = 0;  // from the first burst that came to the last
  PortCounters sending_port, receiving_port;
  std::string sending_name, receiving_name;
  std::string rdma_warning;  // of the port that receives; empty: no RDMA engine is in the way
  bool interrupted = false;
};

class Traffic {
 public:
  // Opens the ports and makes everything ready. Errors: those of Stream, Port, Transmitter, Capture.
  [[nodiscard]] static Expected<std::unique_ptr<Traffic>> create(const Eal& eal, const TrafficOptions& options);
  ~Traffic();

  // Runs until all is done, or `stop`. `every_second` is called by the calling thread meanwhile.
  // Errors: threads that cannot be made, a capture that could not be written.
  [[nodiscard]] Expected<TrafficResult> run(const std::atomic<bool>& stop,
                                            const std::function<void(const TrafficSnapshot&)>& every_second);
  // What stands in the way of receiving on a NIC with an RDMA engine; else empty.
  [[nodiscard]] std::string rdma_warning() const;

 private:
  struct Worker;
  explicit Traffic(TrafficOptions options);
  [[nodiscard]] Expected<void> check_round_trips() const;
  [[nodiscard]] Expected<void> open_ports(const Eal& eal);
  [[nodiscard]] Expected<void> make_workers();
  [[nodiscard]] Expected<void> add_transmitters(Worker& worker, std::uint16_t queue);
  void work(Worker& worker);
  void send_and_receive(Worker& worker);
  void pass_on_cnps(Worker& worker);
  void supervise(const std::atomic<bool>& stop, const std::function<void(const TrafficSnapshot&)>& every_second);
  [[nodiscard]] TrafficSnapshot snapshot(std::uint64_t now) const;
  [[nodiscard]] std::uint64_t frames_received() const;
  [[nodiscard]] std::uint64_t frames_returned() const;
  [[nodiscard]] TrafficResult result(bool interrupted) const;

  TrafficOptions options_;
  Clock clock_;
  std::vector<Stream> streams_;
  std::unique_ptr<Port> first_port_, second_port_;  // second: where the receiving device is another
  Port *sender_ = nullptr, *receiver_ = nullptr;
  std::unique_ptr<Capture> sent_capture_, received_capture_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::uint64_t start_ = 0;
  std::atomic<bool> go_{false}, stop_sending_{false}, stop_all_{false}, failed_{false};
};

}  // namespace weft::dpdk
