// CollectiveRun: executes a schedule on a Network as a collective library would, message by message.
//
// Nothing is global: a rank goes on by what it has received and what of its own was acknowledged.
//   - A rank enters the next block when all its transfers of the last one are complete: what comes in is in memory,
//   what
//     goes out is acknowledged.
//   - In a ring, message s of a lane goes when its source has message s - 1 of that lane.
//     Where it is cut into slices, the lowest slice goes first, and no more are under way than fill the path.
//   - In a pipelined chain or tree, slice k goes when its source has slice k of every edge that feeds it.
//   - In an overlap group, slice k of a phase goes when its source has slice k of all phases before it.
//   - The domain's switch sends the sum of slice k down when all ranks of the domain have sent theirs up.
// The QPs of a connection share each message evenly. A transfer by proxy (PXN) is two QPs one after the other, and is
// passed on in pieces of 128 KiB.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "emulator/packet/network.h"
#include "emulator/packet/run_stats.h"
#include "emulator/packet/transfers.h"

namespace weft::packet {

class CollectiveRun final : public Listener {
 public:
  // All must outlive it. `on_end` is called once: every rank is done, or error() is set.
  CollectiveRun(Network& network, const Forwarding& forwarding, const Schedule& schedule, const Plan& plan,
                std::function<void()> on_end);

  ~CollectiveRun() override { network_.remove_listener(this); }
  CollectiveRun(const CollectiveRun&) = delete;
  CollectiveRun& operator=(const CollectiveRun&) = delete;

  // Every rank enters the first block. Call it once, before the simulation runs.
  void start();

  [[nodiscard]] bool finished() const { return ranks_done_ == schedule_.ranks; }
  [[nodiscard]] const std::optional<Error>& error() const { return error_; }
  [[nodiscard]] Ps last_received() const { return last_received_; }
  // Payload that is to be delivered, what proxies pass on counted twice (as far as known).
  [[nodiscard]] double bytes_to_deliver() const { return bytes_to_deliver_; }
  [[nodiscard]] const std::vector<PhaseStats>& phases() const { return phases_; }
  // Message completion times: of those through the network, or inside scale-up domains where there are no others.
  [[nodiscard]] const DurationHistogram& completion_times() const {
    return network_times_.count() > 0 ? network_times_ : scale_up_times_;
  }
  [[nodiscard]] std::uint64_t open_transfers() const { return open_transfers_; }

  void on_received(std::uint32_t qp, std::uint32_t message) override;
  void on_acknowledged(std::uint32_t qp, std::uint32_t message) override;
  void on_failed(std::uint32_t qp) override;

 private:
  // One QP of a transfer.
  struct Slot {
    std::uint32_t next = kNone;  // of the same transfer
    std::uint32_t qp = kNone;
    std::uint32_t stage = 0, transfer = 0;
    std::uint32_t received = 0;        // units
    std::uint32_t pieces = 0;          // of the unit that comes next
    std::uint32_t unacknowledged = 0;  // messages
    std::uint32_t relay = kNone;       // last leg: the slot of the leg before; first leg: of the leg behind
    std::uint64_t bytes = 0;           // of one step
    bool first_leg = false;
  };
  struct BlockState {
    std::vector<std::uint32_t> remaining;  // by rank: transfers in and out that are not complete
    std::uint32_t ranks_done = 0;
  };
  struct Place {  // a transfer
    StageTransfers& stage;
    std::uint32_t index;
    [[nodiscard]] Transfer& transfer() const { return stage[index]; }
  };

  // collective_run.cc: ranks and blocks
  void enter(Rank rank);
  void open_block(std::uint32_t block);
  void open_gates(std::uint32_t block);
  void gather_domains(StageTransfers& up, StageTransfers& down);
  void complete_one(std::uint32_t block, Rank rank);
  void close_blocks();
  [[nodiscard]] bool is_at(std::uint32_t block, Rank rank) const { return position_[rank.value] == block; }
  [[nodiscard]] std::uint64_t domain_key(Rank rank) const;
  [[nodiscard]] GpuId gpu_of(Rank rank) const { return schedule_.gpu_of ? schedule_.gpu_of(rank) : GpuId{rank.value}; }
  void fail(Error error);

  // collective_messages.cc: what goes when, and what follows from what came
  void pump(Place at);
  [[nodiscard]] bool has_room(const Transfer& transfer) const;
  void unit_received(Place at);
  void pass_on(Place at, std::uint32_t unit);
  void slice_received(Place at, std::uint32_t slice);
  void raise_gate(StageTransfers& stage, Rank rank);
  void refresh_tree(Place at);
  void settle(Place at);

  // collective_qps.cc: transfers as QPs
  bool open_transfer(Place at);
  [[nodiscard]] std::optional<Error> open_slot(Place at, std::uint32_t qp, std::uint32_t qps);
  [[nodiscard]] std::optional<Error> make_qp(Place at, std::uint32_t slot, const QpRequest& request);
  [[nodiscard]] std::uint32_t window_of(Place at) const;
  void close_transfer(Place at);
  void post_unit(Place at, std::uint32_t unit);
  void post(std::uint32_t slot, std::uint64_t bytes);
  [[nodiscard]] bool relay_piece(std::uint32_t slot);
  [[nodiscard]] bool advance(std::uint32_t slot);
  [[nodiscard]] std::uint64_t unit_bytes(const Slot& slot, const StageTransfers& stage, std::uint32_t unit) const;
  [[nodiscard]] Place place_of(const Slot& slot) { return {*stages_[slot.stage], slot.transfer}; }
  [[nodiscard]] std::string describe(const Transfer& transfer) const;
  [[nodiscard]] Error no_path(const Transfer& transfer) const;
  void count_flow(Place at, std::uint32_t qp);

  Network& network_;
  const Forwarding& forwarding_;
  const Schedule& schedule_;
  const Plan& plan_;
  std::function<void()> on_end_;
  std::uint32_t mtu_;
  std::vector<std::unique_ptr<StageTransfers>> stages_;  // by plan's index; those that run
  std::vector<std::unique_ptr<BlockState>> blocks_;      // likewise
  std::vector<std::uint32_t> position_;                  // by rank: the block it works on
  std::vector<std::uint32_t> closing_;                   // blocks that every rank has left
  Arena<Slot> slots_;
  std::uint32_t ranks_done_ = 0;
  std::uint64_t open_transfers_ = 0;
  Ps last_received_ = 0;
  double bytes_to_deliver_;
  std::optional<Error> error_;
  std::vector<PhaseStats> phases_;
  DurationHistogram network_times_, scale_up_times_;
};

}  // namespace weft::packet
