// The requester of a user-space RC QP against sequences worked out by hand from IBTA volume 1, section 9.7.
#include "tests/support/rc.h"

namespace weft::dpdk::rc::testing {
namespace {

constexpr Duration kNow = Duration::us(1);

class RcRequester : public ::testing::Test {
 protected:
  Requester& make(const std::function<void(Settings&)>& change = [](Settings&) {}) {
    Settings settings = settings_here();
    change(settings);
    requester_ = std::make_unique<Requester>(settings);
    return *requester_;
  }
  void post(Op op, std::size_t size, std::uint64_t id = 1) {
    memory_.push_back(std::make_unique<Frame>(pattern(size)));
    requester_->post({id, op, *memory_.back(), 0x1000, 7, 0xABCD, 5, 9});
  }
  Texts sent(Duration now = kNow, unsigned budget = 100) {
    requester_->pump(now, wire_.sink(), budget);
    return wire_.texts();
  }
  void answer(wire::Operation operation, std::uint32_t psn, wire::Aeth aeth = {}, const Frame& payload = {},
              Duration now = kNow) {
    wire::Extensions extensions;
    extensions.aeth = aeth;
    extensions.atomic_ack = {77};
    const Parsed parsed(frame_of(settings_there(), operation, psn, false, extensions, payload));
    requester_->take(parsed.view, now);
  }
  void ack(std::uint32_t psn) { answer(wire::Operation::kAck, psn); }
  void nak(std::uint32_t psn, wire::NakCode code) {
    answer(wire::Operation::kAck, psn, {false, wire::AckKind::kNak, static_cast<std::uint8_t>(code), 0});
  }
  // "1 success", in order.
  Texts completed() {
    Texts out;
    for (const Completion& c : requester_->completions())
      out.push_back(std::to_string(c.id) + " " + std::string(to_text(c.status)).substr(0, 13));
    requester_->completions().clear();
    return out;
  }

  std::unique_ptr<Requester> requester_;
  std::vector<std::unique_ptr<Frame>> memory_;
  Wire wire_;
};

TEST_F(RcRequester, MessagesBecomeFirstMiddleLastOrOnly) {
  make();
  post(Op::kSend, 600);
  post(Op::kWriteImm, 10);
  post(Op::kWrite, 512);
  post(Op::kSend, 0);
  EXPECT_EQ(sent(), (Texts{"SEND_FIRST 100", "SEND_MIDDLE 101", "SEND_LAST 102", "RDMA_WRITE_ONLY_IMM 103",
                           "RDMA_WRITE_FIRST 104", "RDMA_WRITE_LAST 105", "SEND_ONLY 106"}));
}

TEST_F(RcRequester, LastPacketAsksForAnAck) {
  make();
  post(Op::kWrite, 600);
  requester_->pump(kNow, wire_.sink(), 100);
  std::vector<bool> asks;
  for (const Frame& frame : wire_.take()) asks.push_back(Parsed(frame).view.headers.bth.ack_request);
  EXPECT_EQ(asks, (std::vector<bool>{false, false, true}));
}

TEST_F(RcRequester, RethIsInTheFirstPacketAndHasTheWholeLength) {
  make();
  post(Op::kWrite, 600);
  requester_->pump(kNow, wire_.sink(), 1);
  const Parsed first(wire_.take().at(0));
  EXPECT_EQ(first.view.headers.extensions.reth, (wire::Reth{0x1000, 7, 600}));
  EXPECT_EQ(first.view.headers.bth.dest_qp, 0x22U);
}

TEST_F(RcRequester, AckCompletesAllBeforeIt) {
  make();
  post(Op::kSend, 600, 1);
  post(Op::kSend, 10, 2);
  post(Op::kSend, 10, 3);
  sent();
  ack(101);
  EXPECT_EQ(completed(), Texts{});
  ack(103);
  EXPECT_EQ(completed(), (Texts{"1 success", "2 success"}));
  ack(102);  // late: says nothing new
  EXPECT_EQ(completed(), Texts{});
  ack(104);
  EXPECT_TRUE(requester_->idle());
}

TEST_F(RcRequester, SequenceNakGoesBackToWhatIsMissing) {
  make();
  post(Op::kWrite, 1024);
  EXPECT_EQ(sent().size(), 4U);
  nak(102, wire::NakCode::kPsnSequenceError);
  EXPECT_EQ(sent(), (Texts{"RDMA_WRITE_MIDDLE 102", "RDMA_WRITE_LAST 103"}));
  EXPECT_EQ(requester_->counts().resent, 2U);
}

TEST_F(RcRequester, WindowHoldsAndAsksForAnAck) {
  make([](Settings& s) { s.window = 4; });
  post(Op::kWrite, 256 * 10);
  EXPECT_EQ(sent().size(), 4U);
  EXPECT_EQ(sent().size(), 0U);
  ack(101);
  EXPECT_EQ(sent(), (Texts{"RDMA_WRITE_MIDDLE 104", "RDMA_WRITE_MIDDLE 105"}));
}

TEST_F(RcRequester, TimeoutSendsAgainAndGivesUpAfterTheRetries) {
  make([](Settings& s) { s.retries = 2; });
  post(Op::kSend, 10, 1);
  post(Op::kSend, 10, 2);
  EXPECT_EQ(sent(Duration::us(0)).size(), 2U);
  EXPECT_EQ(sent(Duration::us(99)).size(), 0U);
  EXPECT_EQ(sent(Duration::us(100)), (Texts{"SEND_ONLY 100", "SEND_ONLY 101"}));
  EXPECT_EQ(sent(Duration::us(200)).size(), 2U);
  EXPECT_EQ(sent(Duration::us(300)).size(), 0U);
  EXPECT_EQ(completed(), (Texts{"1 retries excee", "2 flushed"}));
  EXPECT_EQ(requester_->counts().timeouts, 3U);
  post(Op::kSend, 10, 3);
  EXPECT_EQ(completed(), (Texts{"3 flushed"}));
}

TEST_F(RcRequester, SequenceNaksOfTheSamePacketUseUpTheRetries) {
  make([](Settings& s) { s.retries = 2; });
  post(Op::kWrite, 512, 1);
  post(Op::kWrite, 10, 2);
  sent();
  nak(101, wire::NakCode::kPsnSequenceError);  // says that 100 has come: progress
  EXPECT_EQ(sent().size(), 2U);
  nak(101, wire::NakCode::kPsnSequenceError);
  EXPECT_EQ(sent().size(), 2U);
  EXPECT_FALSE(requester_->failed());
  nak(101, wire::NakCode::kPsnSequenceError);
  EXPECT_EQ(sent().size(), 0U);
  EXPECT_EQ(completed(), (Texts{"1 retries excee", "2 flushed"}));
}

TEST_F(RcRequester, LateSequenceNakIsIgnored) {
  make([](Settings& s) { s.retries = 0; });
  post(Op::kWrite, 1024);
  sent();
  ack(102);
  nak(101, wire::NakCode::kPsnSequenceError);
  EXPECT_EQ(sent().size(), 0U);
  EXPECT_FALSE(requester_->failed());
}

TEST_F(RcRequester, ProgressGivesTheRetriesBack) {
  make([](Settings& s) { s.retries = 1; });
  post(Op::kSend, 10, 1);
  post(Op::kSend, 10, 2);
  sent(Duration::us(0));
  sent(Duration::us(100));
  answer(wire::Operation::kAck, 100, {}, {}, Duration::us(150));
  EXPECT_EQ(sent(Duration::us(249)).size(), 0U);
  EXPECT_EQ(sent(Duration::us(250)), (Texts{"SEND_ONLY 101"}));
}

TEST_F(RcRequester, RnrNakWaitsAsLongAsItsCodeSays) {
  make();
  post(Op::kSend, 10);
  sent(Duration::us(0));
  answer(wire::Operation::kAck, 100, {false, wire::AckKind::kRnrNak, 2, 0}, {}, Duration::us(5));  // code 2: 20 us
  EXPECT_EQ(sent(Duration::us(24)).size(), 0U);
  EXPECT_EQ(sent(Duration::us(25)), (Texts{"SEND_ONLY 100"}));
}

TEST_F(RcRequester, RnrRetriesEnd) {
  make([](Settings& s) { s.rnr_retries = 1; });
  post(Op::kSend, 10);
  sent(Duration::us(0));
  answer(wire::Operation::kAck, 100, {false, wire::AckKind::kRnrNak, 1, 0}, {}, Duration::us(5));
  EXPECT_EQ(sent(Duration::us(50)).size(), 1U);
  answer(wire::Operation::kAck, 100, {false, wire::AckKind::kRnrNak, 1, 0}, {}, Duration::us(55));
  EXPECT_EQ(completed(), (Texts{"1 RNR retries e"}));
}

TEST_F(RcRequester, FatalNakFailsItsWorkAndFlushesTheRest) {
  make();
  post(Op::kWrite, 10, 1);
  post(Op::kWrite, 10, 2);
  post(Op::kWrite, 10, 3);
  sent();
  nak(101, wire::NakCode::kRemoteAccessError);
  EXPECT_EQ(completed(), (Texts{"1 success", "2 remote access", "3 flushed"}));
}

TEST_F(RcRequester, ReadTakesAsManyPsnsAsResponses) {
  make([](Settings& s) { s.reads = 2; });
  post(Op::kRead, 600, 1);
  post(Op::kSend, 10, 2);
  EXPECT_EQ(sent(), (Texts{"RDMA_READ_REQUEST 100", "SEND_ONLY 103"}));
  const Frame data = pattern(600, 3);
  answer(wire::Operation::kReadResponseFirst, 100, {}, {data.begin(), data.begin() + 256});
  answer(wire::Operation::kReadResponseMiddle, 101, {}, {data.begin() + 256, data.begin() + 512});
  EXPECT_EQ(completed(), Texts{});
  answer(wire::Operation::kReadResponseLast, 102, {}, {data.begin() + 512, data.end()});
  EXPECT_EQ(completed(), (Texts{"1 success"}));
  EXPECT_EQ(*memory_[0], data);
}

TEST_F(RcRequester, LostReadResponseIsAskedForFromThere) {
  make();
  post(Op::kRead, 600);
  sent();
  const Frame data = pattern(600, 3);
  answer(wire::Operation::kReadResponseFirst, 100, {}, {data.begin(), data.begin() + 256});
  answer(wire::Operation::kReadResponseLast, 102, {}, {data.begin() + 512, data.end()});
  requester_->pump(kNow, wire_.sink(), 10);
  const Parsed again(wire_.take().at(0));
  EXPECT_EQ(again.text(), "RDMA_READ_REQUEST 101");
  EXPECT_EQ(again.view.headers.extensions.reth, (wire::Reth{0x1000 + 256, 7, 344}));
}

// However many later answers say that it is lost, it is asked for once until a timeout: two retries are one at the
// first answer and one at the timeout of what was sent then; the first answer behind that is one too many.
TEST_F(RcRequester, ResponseThatNeverComesUsesUpTheRetries) {
  make([](Settings& s) { s.retries = 2; });
  post(Op::kRead, 600);
  EXPECT_EQ(sent(Duration::us(0)), (Texts{"RDMA_READ_REQUEST 100"}));
  const Frame last = pattern(88, 3);
  Texts requests;
  int us = 10;
  for (; !requester_->failed() && us < 1000; us += 10) {
    answer(wire::Operation::kReadResponseLast, 102, {}, last, Duration::us(us));
    for (const std::string& text : sent(Duration::us(us))) requests.push_back(std::to_string(us) + " " + text);
  }
  EXPECT_EQ(requests, (Texts{"10 RDMA_READ_REQUEST 100", "110 RDMA_READ_REQUEST 100"}));
  EXPECT_EQ(us, 130);
  EXPECT_EQ(completed(), (Texts{"1 retries excee"}));
  EXPECT_EQ(requester_->counts().timeouts, 1U);
  EXPECT_EQ(requester_->counts().implied_naks, 12U);
}

TEST_F(RcRequester, AckBehindAnUnansweredReadMeansItsAnswerIsLost) {
  make();
  post(Op::kRead, 10, 1);
  post(Op::kSend, 10, 2);
  sent();
  ack(101);
  EXPECT_EQ(completed(), Texts{});
  EXPECT_EQ(sent(), (Texts{"RDMA_READ_REQUEST 100", "SEND_ONLY 101"}));
  EXPECT_EQ(requester_->counts().implied_naks, 1U);
}

TEST_F(RcRequester, NoMoreReadsAtOnceThanThePeerTakes) {
  make([](Settings& s) { s.reads = 1; });
  post(Op::kRead, 10, 1);
  post(Op::kRead, 10, 2);
  EXPECT_EQ(sent(), (Texts{"RDMA_READ_REQUEST 100"}));
  answer(wire::Operation::kReadResponseOnly, 100, {}, pattern(10));
  EXPECT_EQ(sent(), (Texts{"RDMA_READ_REQUEST 101"}));
}

TEST_F(RcRequester, AtomicBringsTheOldValue) {
  make();
  post(Op::kFetchAdd, 8);
  EXPECT_EQ(sent(), (Texts{"FETCH_ADD 100"}));
  answer(wire::Operation::kAtomicAck, 100);
  EXPECT_EQ(completed(), (Texts{"1 success"}));
  std::uint64_t original = 0;
  std::memcpy(&original, memory_[0]->data(), 8);
  EXPECT_EQ(original, 77U);
}

TEST_F(RcRequester, AnswerToWhatWasNeverAskedIsIgnored) {
  make();
  post(Op::kSend, 10);
  sent();
  ack(150);
  EXPECT_EQ(completed(), Texts{});
  answer(wire::Operation::kReadResponseOnly, 100, {}, pattern(10));
  EXPECT_EQ(completed(), Texts{});
}

TEST_F(RcRequester, PsnsWrapAround) {
  make([](Settings& s) { s.first_psn = 0xFFFFFE; });
  post(Op::kWrite, 1024);
  EXPECT_EQ(sent(), (Texts{"RDMA_WRITE_FIRST 16777214", "RDMA_WRITE_MIDDLE 16777215", "RDMA_WRITE_MIDDLE 0",
                           "RDMA_WRITE_LAST 1"}));
  ack(1);
  EXPECT_EQ(completed(), (Texts{"1 success"}));
}

// IBTA 1.3, table 45.
TEST(RcSettings, RnrTimerCodes) {
  EXPECT_EQ(rnr_delay(0), Duration::us(655'360));
  EXPECT_EQ(rnr_delay(1), Duration::us(10));
  EXPECT_EQ(rnr_delay(12), Duration::us(640));
  EXPECT_EQ(rnr_delay(31), Duration::us(491'520));
  for (std::uint8_t code = 2; code < 32; ++code) EXPECT_GT(rnr_delay(code), rnr_delay(code - 1));
}

TEST(RcSettings, PsnIsTheNearestWithItsBits) {
  const Psn base = Psn{5} << 24;
  EXPECT_EQ(unwrap(3, base + 1), base + 3);
  EXPECT_EQ(unwrap(0xFFFFFF, base), base - 1);
  EXPECT_EQ(unwrap(0x7FFFFF, base), base + 0x7FFFFF);
  EXPECT_EQ(unwrap(0x800000, base), base - 0x800000);
}

}  // namespace
}  // namespace weft::dpdk::rc::testing
