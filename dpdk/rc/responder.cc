#include "dpdk/rc/responder.h"

#include <algorithm>
#include <cstring>

namespace weft::dpdk::rc {
namespace {

using wire::Operation;

constexpr Psn kStart = Psn{1} << 32;  // room behind it for duplicates
constexpr std::uint8_t kNoCredits = 31;
constexpr std::size_t kMostAnswers = 256;  // that wait to be sent; what is asked beyond is as if lost

Operation operation_of(const wire::ParsedFrame& frame) {
  return static_cast<Operation>(frame.headers.bth.opcode & 0x1FU);
}
bool is_send(Operation o) { return o <= Operation::kSendOnlyImm; }
bool is_write(Operation o) { return o >= Operation::kWriteFirst && o <= Operation::kWriteOnlyImm; }
bool is_atomic(Operation o) { return o == Operation::kCompareSwap || o == Operation::kFetchAdd; }

}  // namespace

Responder::Responder(const Settings& settings) : settings_(settings), expected_(kStart + settings.expected_psn) {}

void Responder::take(const wire::ParsedFrame& frame) {
  const auto& info = *frame.layout.opcode;
  if (info.transport != wire::Transport::kRc || !info.request || answers_.size() >= kMostAnswers) return;
  const Psn psn = unwrap(frame.headers.bth.psn, expected_);
  if (failed_) {  // the NAK may have been lost: said again when its request comes again
    if (psn == expected_) refuse(fatal_);
    return;
  }
  if (psn < expected_) return take_duplicate(frame, psn);
  if (psn == expected_) return take_new(frame, psn);
  ++counts_.out_of_order;
  if (nak_sent_) return;  // section 9.7.5.1.3: once, until the missing one comes
  nak_sent_ = true;
  ++counts_.sequence_naks;
  const auto code = static_cast<std::uint8_t>(wire::NakCode::kPsnSequenceError);
  answers_.push_back({expected_, {false, wire::AckKind::kNak, code, messages_}, false, false, 0, {}, false});
}

// Section 9.7.4.1.2: whether this packet may come now, after the ones before it.
bool Responder::takes_turn(const wire::OpcodeInfo& info, bool send) const {
  if (info.starts) return !in_send_ && !in_write_;
  return send ? in_send_ : in_write_;
}

void Responder::take_new(const wire::ParsedFrame& frame, Psn psn) {
  const auto& info = *frame.layout.opcode;
  const Operation operation = operation_of(frame);
  nak_sent_ = false;
  if (is_send(operation)) {
    if (!takes_turn(info, true)) return refuse(wire::NakCode::kInvalidRequest);
    return take_send(frame, info);
  }
  if (is_write(operation)) {
    if (!takes_turn(info, false)) return refuse(wire::NakCode::kInvalidRequest);
    return take_write(frame, info);
  }
  if (in_send_ || in_write_) return refuse(wire::NakCode::kInvalidRequest);
  if (operation == Operation::kReadRequest) return take_read(frame.headers.extensions.reth, psn);
  if (is_atomic(operation)) return take_atomic(frame, psn);
  refuse(wire::NakCode::kInvalidRequest);  // an operation that this responder has not
}

// First and middle packets are full, last ones are not longer (section 9.7.4.1.6).
static bool has_right_size(const wire::ParsedFrame& frame, const wire::OpcodeInfo& info, std::uint32_t mtu) {
  return info.ends ? frame.payload.size() <= mtu && (info.starts || !frame.payload.empty())
                   : frame.payload.size() == mtu;
}

void Responder::take_send(const wire::ParsedFrame& frame, const wire::OpcodeInfo& info) {
  if (info.starts) {
    if (receives_.empty()) return not_ready();
    target_ = receives_.front().buffer;
    filled_ = 0;
  }
  if (!has_right_size(frame, info, settings_.mtu) || frame.payload.size() > target_.size() - filled_)
    return refuse(wire::NakCode::kInvalidRequest);
  finish_packet(frame, info);
  in_send_ = !info.ends;
  if (info.ends) complete_receive(frame, info, filled_);
}

void Responder::take_write(const wire::ParsedFrame& frame, const wire::OpcodeInfo& info) {
  if (info.starts) {
    const wire::Reth& reth = frame.headers.extensions.reth;
    bool ok = true;
    target_ = memory(reth.rkey, reth.virtual_address, reth.dma_length, ok);
    if (!ok) return refuse(wire::NakCode::kRemoteAccessError);
    filled_ = 0;
  }
  const bool fits = frame.payload.size() <= target_.size() - filled_;
  if (!has_right_size(frame, info, settings_.mtu) || !fits ||
      (info.ends && filled_ + frame.payload.size() != target_.size()))
    return refuse(wire::NakCode::kInvalidRequest);
  const bool immediate = info.has(wire::kHasImmDt);
  if (immediate && receives_.empty()) return not_ready();
  finish_packet(frame, info);
  in_write_ = !info.ends;
  if (immediate) complete_receive(frame, info, 0);
}

void Responder::finish_packet(const wire::ParsedFrame& frame, const wire::OpcodeInfo& info) {
  if (!frame.payload.empty()) std::memcpy(target_.data() + filled_, frame.payload.data(), frame.payload.size());
  filled_ += frame.payload.size();
  ++counts_.requests;
  if (info.ends) messages_ = (messages_ + 1) & wire::kMask24;
  const Psn psn = expected_++;
  if (frame.headers.bth.ack_request) acknowledge(psn);
}

void Responder::complete_receive(const wire::ParsedFrame& frame, const wire::OpcodeInfo& info, std::uint64_t size) {
  received_.push_back({receives_.front().id, size, info.has(wire::kHasImmDt), frame.headers.extensions.immediate.data});
  if (!info.has(wire::kHasImmDt)) received_.back().immediate = 0;
  receives_.pop_front();
}

std::span<std::uint8_t> Responder::memory(std::uint32_t rkey, std::uint64_t address, std::uint64_t size,
                                          bool& ok) const {
  if (size == 0) return {};  // section 9.7.4.1.5: nothing is touched, so nothing is checked
  for (const Region& region : regions_) {
    if (region.rkey != rkey || address < region.address) continue;
    const std::uint64_t offset = address - region.address;
    if (offset <= region.memory.size() && size <= region.memory.size() - offset)
      return region.memory.subspan(offset, size);
  }
  ok = false;
  return {};
}

void Responder::take_read(const wire::Reth& reth, Psn psn) {
  bool ok = reth.dma_length <= (1U << 31);
  const auto from = ok ? memory(reth.rkey, reth.virtual_address, reth.dma_length, ok) : std::span<std::uint8_t>();
  if (!ok) {
    if (psn == expected_) refuse(wire::NakCode::kRemoteAccessError);
    return;
  }
  if (psn == expected_) {
    ++counts_.requests;
    messages_ = (messages_ + 1) & wire::kMask24;
    expected_ += packets_of(reth.dma_length, settings_.mtu);
  }
  // A read that is asked for again takes the place of what its first answer has still to say.
  answers_.erase(std::remove_if(answers_.begin(), answers_.end(),
                                [&](const Answer& a) { return psn != expected_ && a.psn >= psn && a.read; }),
                 answers_.end());
  answers_.push_back({psn, {false, wire::AckKind::kAck, kNoCredits, messages_}, false, true, 0, from, false});
}

void Responder::take_atomic(const wire::ParsedFrame& frame, Psn psn) {
  const wire::AtomicEth& request = frame.headers.extensions.atomic;
  bool ok = true;
  const auto word = memory(request.rkey, request.virtual_address, 8, ok);
  if (!ok) return refuse(wire::NakCode::kRemoteAccessError);
  if (request.virtual_address % 8 != 0) return refuse(wire::NakCode::kInvalidRequest);
  std::uint64_t original = 0;
  std::memcpy(&original, word.data(), sizeof original);
  std::uint64_t changed = original;
  if (operation_of(frame) == Operation::kFetchAdd)
    changed += request.swap_or_add;
  else if (original == request.compare)
    changed = request.swap_or_add;
  std::memcpy(word.data(), &changed, sizeof changed);
  ++counts_.requests;
  messages_ = (messages_ + 1) & wire::kMask24;
  ++expected_;
  atomics_[next_atomic_++ % atomics_.size()] = {psn, original, true};
  answers_.push_back({psn, {false, wire::AckKind::kAck, kNoCredits, messages_}, true, false, original, {}, false});
}

// Section 9.7.5.1.2: data is not taken twice; reads are read again, atomics answered from memory.
void Responder::take_duplicate(const wire::ParsedFrame& frame, Psn psn) {
  ++counts_.duplicates;
  const Operation operation = operation_of(frame);
  if (operation == Operation::kReadRequest) return take_read(frame.headers.extensions.reth, psn);
  if (is_atomic(operation)) {
    for (const AtomicResult& done : atomics_)
      if (done.valid && done.psn == psn)
        answers_.push_back(
            {psn, {false, wire::AckKind::kAck, kNoCredits, messages_}, true, false, done.original, {}, false});
    return;
  }
  acknowledge(expected_ - 1);
}

void Responder::acknowledge(Psn psn) {
  Answer ack{psn, {false, wire::AckKind::kAck, kNoCredits, messages_}, false, false, 0, {}, false};
  const bool coalesce = !answers_.empty() && !answers_.back().read && !answers_.back().atomic &&
                        answers_.back().aeth.kind == wire::AckKind::kAck;
  if (coalesce)
    answers_.back() = ack;
  else
    answers_.push_back(ack);
}

void Responder::refuse(wire::NakCode code) {
  ++(code == wire::NakCode::kRemoteAccessError ? counts_.access_naks : counts_.invalid_naks);
  answers_.push_back({expected_,
                      {false, wire::AckKind::kNak, static_cast<std::uint8_t>(code), messages_},
                      false,
                      false,
                      0,
                      {},
                      false});
  failed_ = true;
  fatal_ = code;
}

void Responder::not_ready() {
  ++counts_.rnr_naks;
  answers_.push_back(
      {expected_, {false, wire::AckKind::kRnrNak, settings_.rnr_timer, messages_}, false, false, 0, {}, false});
  nak_sent_ = true;  // what follows is thrown away until it comes again
}

bool Responder::send_answer(Answer& answer, const Sink& sink) {
  wire::Extensions extensions;
  extensions.aeth = answer.aeth;
  extensions.atomic_ack = {answer.original};
  if (!answer.read) {
    const Operation operation = answer.atomic ? Operation::kAtomicAck : Operation::kAck;
    return sink(frame_of(settings_, operation, answer.psn, false, extensions, {}));
  }
  const bool first = !answer.begun, last = answer.rest.size() <= settings_.mtu;
  const auto payload = answer.rest.first(std::min<std::size_t>(answer.rest.size(), settings_.mtu));
  const Operation operation = first && last ? Operation::kReadResponseOnly
                              : first       ? Operation::kReadResponseFirst
                              : last        ? Operation::kReadResponseLast
                                            : Operation::kReadResponseMiddle;
  if (!sink(frame_of(settings_, operation, answer.psn, false, extensions, payload))) return false;
  ++answer.psn;
  answer.begun = true;
  answer.rest = answer.rest.subspan(payload.size());
  return true;
}

void Responder::pump(const Sink& sink, unsigned budget) {
  while (budget-- > 0 && !answers_.empty()) {
    Answer& answer = answers_.front();
    const bool last = !answer.read || answer.rest.size() <= settings_.mtu;
    if (!send_answer(answer, sink)) return;
    if (!answer.read && !answer.atomic && answer.aeth.kind == wire::AckKind::kAck) ++counts_.acks;
    if (last) answers_.pop_front();
  }
}

}  // namespace weft::dpdk::rc
