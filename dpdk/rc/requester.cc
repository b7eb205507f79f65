#include "dpdk/rc/requester.h"

#include <algorithm>
#include <cstring>
#include <limits>

namespace weft::dpdk::rc {
namespace {

using wire::Operation;

constexpr Psn kStart = Psn{1} << 32;  // room behind it for duplicates
constexpr unsigned kAckEvery = 16;    // packets

// First, middle, last and only of a message, without and with immediate data.
Operation operation_of(Op op, bool first, bool last) {
  const bool send = op == Op::kSend || op == Op::kSendImm;
  const bool immediate = op == Op::kSendImm || op == Op::kWriteImm;
  if (first && last) {
    if (send) return immediate ? Operation::kSendOnlyImm : Operation::kSendOnly;
    return immediate ? Operation::kWriteOnlyImm : Operation::kWriteOnly;
  }
  if (first) return send ? Operation::kSendFirst : Operation::kWriteFirst;
  if (!last) return send ? Operation::kSendMiddle : Operation::kWriteMiddle;
  if (send) return immediate ? Operation::kSendLastImm : Operation::kSendLast;
  return immediate ? Operation::kWriteLastImm : Operation::kWriteLast;
}

Status status_of(wire::NakCode code) {
  switch (code) {
    case wire::NakCode::kRemoteAccessError:
      return Status::kRemoteAccess;
    case wire::NakCode::kRemoteOperationalError:
      return Status::kRemoteOperation;
    default:
      return Status::kRemoteInvalid;
  }
}

}  // namespace

std::string_view to_text(Status status) {
  switch (status) {
    case Status::kSuccess:
      return "success";
    case Status::kRetriesExceeded:
      return "retries exceeded: the peer does not answer";
    case Status::kRnrRetriesExceeded:
      return "RNR retries exceeded: the peer posts no receives";
    case Status::kRemoteInvalid:
      return "remote invalid request";
    case Status::kRemoteAccess:
      return "remote access error: rkey, address or length is not the peer's";
    case Status::kRemoteOperation:
      return "remote operational error";
    case Status::kBadResponse:
      return "bad response";
    case Status::kFlushed:
      break;
  }
  return "flushed";
}

Requester::Requester(const Settings& settings)
    : settings_(settings),
      unacknowledged_(kStart + settings.first_psn),
      next_(unacknowledged_),
      never_sent_(unacknowledged_),
      end_(unacknowledged_),
      retries_left_(settings.retries),
      rnr_retries_left_(settings.rnr_retries) {}

void Requester::post(const Work& work) {
  const bool atomic = work.op == Op::kCompareSwap || work.op == Op::kFetchAdd;
  WEFT_CHECK(work.local.size() <= (std::size_t{1} << 31) && (!atomic || work.local.size() == 8));
  if (failed_) {
    completions_.push_back({work.id, work.op, Status::kFlushed, work.local.size()});
    return;
  }
  Placed placed{work, end_, atomic ? 1 : packets_of(work.local.size(), settings_.mtu), 0};
  end_ = placed.end();
  works_.push_back(placed);
}

Requester::Placed* Requester::at(Psn psn) {
  const auto found = std::find_if(works_.begin(), works_.end(), [&](const Placed& p) { return psn < p.end(); });
  return found != works_.end() && psn >= found->first ? &*found : nullptr;
}

std::uint64_t Requester::fetches_under_way() const {
  std::uint64_t count = 0;
  for (const Placed& placed : works_)
    if (placed.fetches() && placed.first < next_) ++count;
  return count;
}

// A read takes its PSNs at once, be they more than the window; then it goes alone.
bool Requester::may_send(const Placed& placed) const {
  if (placed.fetches()) {
    const bool begun = placed.first < next_;
    return (begun || fetches_under_way() < settings_.reads) &&
           (next_ == unacknowledged_ || placed.end() - unacknowledged_ <= settings_.window);
  }
  return next_ - unacknowledged_ < settings_.window;
}

std::vector<std::uint8_t> Requester::packet(const Placed& placed, Psn psn) const {
  const Work& work = placed.work;
  wire::Extensions extensions;
  const std::uint64_t offset = (psn - placed.first) * settings_.mtu;
  if (work.op == Op::kRead) {  // what is still missing of it
    extensions.reth = {
        work.remote_address + offset, work.rkey,
        static_cast<std::uint32_t>(work.local.size() - std::min(work.local.size(), std::size_t{offset}))};
    return frame_of(settings_, Operation::kReadRequest, psn, true, extensions, {});
  }
  if (placed.fetches()) {
    extensions.atomic = {work.remote_address, work.rkey, work.swap_or_add, work.compare};
    return frame_of(settings_, work.op == Op::kFetchAdd ? Operation::kFetchAdd : Operation::kCompareSwap, psn, true,
                    extensions, {});
  }
  const bool last = psn + 1 == placed.end();
  const bool ack =
      last || (psn - placed.first) % kAckEvery == kAckEvery - 1 || psn + 1 - unacknowledged_ >= settings_.window;
  extensions.reth = {work.remote_address, work.rkey, static_cast<std::uint32_t>(work.local.size())};
  extensions.immediate = {work.immediate};
  const std::size_t size = std::min<std::size_t>(settings_.mtu, work.local.size() - offset);
  return frame_of(settings_, operation_of(work.op, psn == placed.first, last), psn, ack, extensions,
                  work.local.subspan(offset, size));
}

bool Requester::send_one(Placed& placed, const Sink& sink) {
  if (!sink(packet(placed, next_))) return false;
  ++counts_.packets;
  if (next_ < never_sent_) ++counts_.resent;
  next_ = placed.fetches() ? placed.end() : next_ + 1;
  never_sent_ = std::max(never_sent_, next_);
  return true;
}

void Requester::pump(Duration now, const Sink& sink, unsigned budget) {
  if (failed_) return;
  if (waiting_ && now >= rnr_until_) {
    waiting_ = false;
    timing_ = false;
  }
  if (timing_ && !waiting_ && now >= deadline_) {
    ++counts_.timeouts;
    timing_ = heeded_implied_nak_ = false;
    if (retries_left_ == 0) return fail(unacknowledged_, Status::kRetriesExceeded);
    --retries_left_;
    go_back(unacknowledged_);
  }
  while (!waiting_ && budget-- > 0 && next_ < end_) {
    Placed* placed = at(next_);
    if (placed == nullptr || !may_send(*placed) || !send_one(*placed, sink)) break;
    if (timing_) continue;
    timing_ = true;
    deadline_ = now + settings_.timeout;
  }
}

Duration Requester::next_event() const {
  if (waiting_) return rnr_until_;
  return timing_ ? deadline_ : Duration{std::numeric_limits<std::int64_t>::max()};
}

void Requester::progressed(Duration now) {
  retries_left_ = settings_.retries;
  rnr_retries_left_ = settings_.rnr_retries;
  heeded_implied_nak_ = false;
  timing_ = unacknowledged_ < next_;
  deadline_ = now + settings_.timeout;
}

void Requester::retire() {
  while (!works_.empty() && works_.front().end() <= unacknowledged_) {
    const Work& work = works_.front().work;
    completions_.push_back({work.id, work.op, Status::kSuccess, work.local.size()});
    works_.pop_front();
  }
}

bool Requester::acknowledge(Psn psn, Duration now) {
  Psn reached = psn;
  bool whole = true;
  for (const Placed& placed : works_) {
    if (placed.first >= psn) break;
    if (!placed.fetches() || placed.fetched == placed.packets) continue;
    reached = std::min(psn, placed.first + placed.fetched);
    whole = reached == psn;
    break;
  }
  if (reached > unacknowledged_) {
    unacknowledged_ = reached;
    next_ = std::max(next_, reached);
    retire();
    progressed(now);
  }
  return whole;
}

void Requester::take(const wire::ParsedFrame& frame, Duration now) {
  if (failed_) return;
  const auto& info = *frame.layout.opcode;
  if (info.transport != wire::Transport::kRc || info.request) return;
  const Psn psn = unwrap(frame.headers.bth.psn, unacknowledged_);
  if (psn >= never_sent_) return;  // answers what was never asked
  if (frame.headers.bth.opcode == wire::opcode(wire::Transport::kRc, Operation::kAck))
    return take_ack(frame.headers.extensions.aeth, psn, now);
  if (psn >= unacknowledged_) take_response(frame, psn, now);
}

void Requester::take_ack(const wire::Aeth& aeth, Psn psn, Duration now) {
  if (psn + 1 < unacknowledged_) return;  // old
  switch (aeth.kind) {
    case wire::AckKind::kAck:
      ++counts_.acks;
      if (!acknowledge(psn + 1, now)) {  // section 9.7.5.1.4: a read before it was answered, and the answer is lost
        take_implied_nak();
      }
      return;
    case wire::AckKind::kRnrNak:
      ++counts_.rnr_naks;
      if (!acknowledge(psn, now) || psn < unacknowledged_) return;
      if (settings_.rnr_retries != 7 && rnr_retries_left_-- == 0) return fail(psn, Status::kRnrRetriesExceeded);
      go_back(psn);
      waiting_ = true;
      rnr_until_ = now + rnr_delay(aeth.value);
      return;
    case wire::AckKind::kNak: {
      const bool whole = acknowledge(psn, now);
      const auto code = static_cast<wire::NakCode>(aeth.value);
      if (code != wire::NakCode::kPsnSequenceError) return fail(psn, status_of(code));
      ++counts_.sequence_naks;
      if (psn < unacknowledged_) return;  // late: an ACK behind it has come
      // Section 9.7.5: it uses up the same retries as a timeout; progress, which it may say too, gives them back.
      if (retries_left_ == 0) return fail(unacknowledged_, Status::kRetriesExceeded);
      --retries_left_;
      go_back(whole ? std::max(psn, unacknowledged_) : unacknowledged_);
      return;
    }
    case wire::AckKind::kReserved:
      return;
  }
}

void Requester::take_response(const wire::ParsedFrame& frame, Psn psn, Duration now) {
  Placed* placed = at(psn);
  if (placed == nullptr || !placed->fetches()) return;
  if (psn != placed->first + placed->fetched) {
    if (psn < placed->first + placed->fetched) return;  // again
    acknowledge(placed->first, now);
    return take_implied_nak();  // one before it is lost
  }
  const auto operation = static_cast<Operation>(frame.headers.bth.opcode & 0x1FU);
  const Work& work = placed->work;
  if (work.op == Op::kRead) {
    const std::uint64_t offset = placed->fetched * settings_.mtu;
    const std::size_t size = std::min<std::size_t>(settings_.mtu, work.local.size() - offset);
    if (operation < Operation::kReadResponseFirst || operation > Operation::kReadResponseOnly ||
        frame.payload.size() != size)
      return fail(psn, Status::kBadResponse);
    if (size > 0) std::memcpy(work.local.data() + offset, frame.payload.data(), size);
  } else {
    if (operation != Operation::kAtomicAck) return fail(psn, Status::kBadResponse);
    const std::uint64_t original = frame.headers.extensions.atomic_ack.original;
    std::memcpy(work.local.data(), &original, sizeof original);
  }
  ++placed->fetched;
  if (!acknowledge(psn + 1, now)) {  // an earlier fetch has not been answered
    --placed->fetched;
    take_implied_nak();
  }
}

// Every answer behind the lost one says so again: the first is heeded, as a NAK would be, then none until there was
// progress or a timeout.
void Requester::take_implied_nak() {
  ++counts_.implied_naks;
  if (heeded_implied_nak_) return;
  heeded_implied_nak_ = true;
  if (retries_left_ == 0) return fail(unacknowledged_, Status::kRetriesExceeded);
  --retries_left_;
  go_back(unacknowledged_);
}

void Requester::go_back(Psn psn) {
  next_ = std::max(psn, unacknowledged_);
  timing_ = false;
}

void Requester::fail(Psn psn, Status status) {
  failed_ = true;
  for (const Placed& placed : works_) {
    const bool culprit = psn >= placed.first && psn < placed.end();
    const Work& work = placed.work;
    completions_.push_back({work.id, work.op, culprit ? status : Status::kFlushed, work.local.size()});
  }
  works_.clear();
  timing_ = waiting_ = false;
}

}  // namespace weft::dpdk::rc
