// The responder of a user-space RC QP against sequences worked out by hand from IBTA volume 1, section 9.7.
#include "tests/support/rc.h"

namespace weft::dpdk::rc::testing {
namespace {

using wire::Operation;

class RcResponder : public ::testing::Test {
 protected:
  RcResponder() : memory_(1024), responder_(settings_there()) { responder_.add_region({7, 0x1000, memory_}); }

  void request(Operation operation, std::uint32_t psn, const Frame& payload = {}, wire::Reth reth = {}, bool ask = true,
               wire::AtomicEth atomic = {}) {
    wire::Extensions extensions;
    extensions.reth = reth;
    extensions.immediate = {0xABCD};
    extensions.atomic = atomic;
    const Parsed parsed(frame_of(settings_here(), operation, psn, ask, extensions, payload));
    responder_.take(parsed.view);
  }
  // "ACK 100 msn 1", "NAK0 101 msn 1", "RNR12 ...", or the response's opcode and PSN.
  Texts answers(unsigned budget = 100) {
    responder_.pump(wire_.sink(), budget);
    Texts out;
    for (const Frame& frame : wire_.take()) {
      const Parsed parsed(frame);
      const auto& aeth = parsed.view.headers.extensions.aeth;
      if (parsed.view.headers.bth.opcode != wire::opcode(wire::Transport::kRc, Operation::kAck)) {
        out.push_back(parsed.text());
        continue;
      }
      const std::string kind = aeth.kind == wire::AckKind::kAck      ? "ACK"
                               : aeth.kind == wire::AckKind::kRnrNak ? "RNR" + std::to_string(aeth.value)
                                                                     : "NAK" + std::to_string(aeth.value);
      out.push_back(kind + " " + std::to_string(parsed.psn()) + " msn " + std::to_string(aeth.msn));
    }
    return out;
  }

  Frame memory_;
  Responder responder_;
  Wire wire_;
};

TEST_F(RcResponder, SendFillsAReceive) {
  Frame buffer(1000);
  responder_.post_receive(5, buffer);
  const Frame data = pattern(600);
  request(Operation::kSendFirst, 100, {data.begin(), data.begin() + 256}, {}, false);
  request(Operation::kSendMiddle, 101, {data.begin() + 256, data.begin() + 512}, {}, false);
  EXPECT_EQ(answers(), Texts{});
  request(Operation::kSendLastImm, 102, {data.begin() + 512, data.end()});
  EXPECT_EQ(answers(), (Texts{"ACK 102 msn 1"}));
  ASSERT_EQ(responder_.received().size(), 1U);
  EXPECT_EQ(responder_.received()[0].id, 5U);
  EXPECT_EQ(responder_.received()[0].size, 600U);
  EXPECT_EQ(responder_.received()[0].immediate, 0xABCDU);
  EXPECT_TRUE(std::equal(data.begin(), data.end(), buffer.begin()));
}

TEST_F(RcResponder, WriteGoesToItsAddress) {
  const Frame data = pattern(300);
  request(Operation::kWriteFirst, 100, {data.begin(), data.begin() + 256}, {0x1010, 7, 300}, false);
  request(Operation::kWriteLast, 101, {data.begin() + 256, data.end()});
  EXPECT_EQ(answers(), (Texts{"ACK 101 msn 1"}));
  EXPECT_TRUE(std::equal(data.begin(), data.end(), memory_.begin() + 16));
  EXPECT_TRUE(responder_.received().empty());
}

TEST_F(RcResponder, AcksAreCoalesced) {
  for (std::uint32_t psn = 100; psn < 110; ++psn) request(Operation::kWriteOnly, psn, pattern(8), {0x1000, 7, 8});
  EXPECT_EQ(answers(), (Texts{"ACK 109 msn 10"}));
}

TEST_F(RcResponder, GapIsNakedOnce) {
  request(Operation::kWriteOnly, 100, pattern(8), {0x1000, 7, 8});
  request(Operation::kWriteOnly, 102, pattern(8), {0x1000, 7, 8});
  request(Operation::kWriteOnly, 103, pattern(8), {0x1000, 7, 8});
  EXPECT_EQ(answers(), (Texts{"ACK 100 msn 1", "NAK0 101 msn 1"}));
  request(Operation::kWriteOnly, 101, pattern(8), {0x1000, 7, 8});
  request(Operation::kWriteOnly, 103, pattern(8), {0x1000, 7, 8});  // 102 is missing: a new gap
  EXPECT_EQ(answers(), (Texts{"ACK 101 msn 2", "NAK0 102 msn 2"}));
}

TEST_F(RcResponder, DuplicateIsAcknowledgedAndNotTaken) {
  request(Operation::kWriteOnly, 100, Frame(8, 1), {0x1000, 7, 8});
  request(Operation::kWriteOnly, 101, Frame(8, 2), {0x1008, 7, 8});
  answers();
  request(Operation::kWriteOnly, 100, Frame(8, 3), {0x1000, 7, 8});
  EXPECT_EQ(answers(), (Texts{"ACK 101 msn 2"}));
  EXPECT_EQ(memory_[0], 1);
}

TEST_F(RcResponder, SendWithoutReceiveIsNotReady) {
  request(Operation::kSendOnly, 100, pattern(8));
  request(Operation::kSendOnly, 101, pattern(8));
  EXPECT_EQ(answers(), (Texts{"RNR12 100 msn 0"}));
  Frame buffer(8);
  responder_.post_receive(1, buffer);
  request(Operation::kSendOnly, 100, pattern(8));
  EXPECT_EQ(answers(), (Texts{"ACK 100 msn 1"}));
}

TEST_F(RcResponder, ImmediateDataNeedsAReceiveToo) {
  request(Operation::kWriteOnlyImm, 100, pattern(8), {0x1000, 7, 8});
  EXPECT_EQ(answers(), (Texts{"RNR12 100 msn 0"}));
  EXPECT_EQ(memory_[0], 0);  // and is not written before
}

TEST_F(RcResponder, WrongKeyAddressOrLengthIsRefusedAndNothingIsTouched) {
  const auto refused = [&](wire::Reth reth) {
    Responder fresh(settings_there());
    std::swap(responder_, fresh);
    responder_.add_region({7, 0x1000, memory_});
    request(Operation::kWriteOnly, 100, pattern(8), reth);
    return answers() == Texts{"NAK2 100 msn 0"} && responder_.failed();
  };
  EXPECT_TRUE(refused({0x1000, 8, 8}));
  EXPECT_TRUE(refused({0x0FFF, 7, 8}));
  EXPECT_TRUE(refused({0x1000 + 1020, 7, 8}));
  EXPECT_TRUE(refused({0xFFFFFFFFFFFFFFFF, 7, 8}));
  EXPECT_TRUE(std::all_of(memory_.begin(), memory_.end(), [](auto b) { return b == 0; }));
}

TEST_F(RcResponder, FatalNakIsSaidAgainForItsRequestOnly) {
  request(Operation::kWriteOnly, 100, pattern(8), {0x1000, 8, 8});
  EXPECT_EQ(answers(), (Texts{"NAK2 100 msn 0"}));
  request(Operation::kWriteOnly, 101, pattern(8), {0x1000, 7, 8});
  EXPECT_EQ(answers(), Texts{});
  request(Operation::kWriteOnly, 100, pattern(8), {0x1000, 8, 8});
  EXPECT_EQ(answers(), (Texts{"NAK2 100 msn 0"}));
}

TEST_F(RcResponder, ReadsThatNobodyFetchesAreBounded) {
  for (std::uint32_t psn = 100; psn < 2100; ++psn) request(Operation::kReadRequest, psn, {}, {0x1000, 7, 8});
  EXPECT_EQ(answers(10'000).size(), 256U);
}

TEST_F(RcResponder, MessageOutOfTurnIsInvalid) {
  request(Operation::kSendMiddle, 100, pattern(256));
  EXPECT_EQ(answers(), (Texts{"NAK1 100 msn 0"}));
}

TEST_F(RcResponder, SendLongerThanItsReceiveIsInvalid) {
  Frame buffer(7);
  responder_.post_receive(1, buffer);
  request(Operation::kSendOnly, 100, pattern(8));
  EXPECT_EQ(answers(), (Texts{"NAK1 100 msn 0"}));
}

TEST_F(RcResponder, WriteOfAnotherLengthThanAnnouncedIsInvalid) {
  request(Operation::kWriteOnly, 100, pattern(8), {0x1000, 7, 12});
  EXPECT_EQ(answers(), (Texts{"NAK1 100 msn 0"}));
}

TEST_F(RcResponder, ReadIsAnsweredInMtus) {
  std::ranges::copy(pattern(1024), memory_.begin());  // in place: the region is this memory
  request(Operation::kReadRequest, 100, {}, {0x1000, 7, 600});
  request(Operation::kWriteOnly, 103, pattern(8), {0x1000 + 1000, 7, 8});
  EXPECT_EQ(answers(), (Texts{"RDMA_READ_RESPONSE_FIRST 100", "RDMA_READ_RESPONSE_MIDDLE 101",
                              "RDMA_READ_RESPONSE_LAST 102", "ACK 103 msn 2"}));
}

TEST_F(RcResponder, ReadIsReadAgainWhenAskedAgain) {
  request(Operation::kReadRequest, 100, {}, {0x1000, 7, 600});
  EXPECT_EQ(answers(1), (Texts{"RDMA_READ_RESPONSE_FIRST 100"}));
  request(Operation::kReadRequest, 101, {}, {0x1000 + 256, 7, 344});  // the tail of it
  EXPECT_EQ(answers(), (Texts{"RDMA_READ_RESPONSE_FIRST 101", "RDMA_READ_RESPONSE_LAST 102"}));
}

TEST_F(RcResponder, AtomicsHappenOnce) {
  const auto word = [&] {
    std::uint64_t value = 0;
    std::memcpy(&value, memory_.data(), 8);
    return value;
  };
  request(Operation::kFetchAdd, 100, {}, {}, true, {0x1000, 7, 5, 0});
  request(Operation::kFetchAdd, 100, {}, {}, true, {0x1000, 7, 5, 0});  // again: answered from memory
  EXPECT_EQ(word(), 5U);
  EXPECT_EQ(answers(), (Texts{"ATOMIC_ACKNOWLEDGE 100", "ATOMIC_ACKNOWLEDGE 100"}));
  request(Operation::kCompareSwap, 101, {}, {}, true, {0x1000, 7, 9, 4});
  EXPECT_EQ(word(), 5U);
  request(Operation::kCompareSwap, 102, {}, {}, true, {0x1000, 7, 9, 5});
  EXPECT_EQ(word(), 9U);
}

TEST_F(RcResponder, UnalignedAtomicIsInvalid) {
  request(Operation::kFetchAdd, 100, {}, {}, true, {0x1001, 7, 5, 0});
  EXPECT_EQ(answers(), (Texts{"NAK1 100 msn 0"}));
}

}  // namespace
}  // namespace weft::dpdk::rc::testing
