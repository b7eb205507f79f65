// The exchange between two hosts, over socket pairs: what fits, and all that does not.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <random>
#include <thread>

#include "verbs/control.h"
#include "verbs/offer.h"
#include "verbs/words.h"

namespace weft::verbs {
namespace {

using ::testing::HasSubstr;

struct Pair {
  Pair() {
    int ends[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    ours.emplace(Descriptor(ends[0]), Milliseconds(300), &stop);
    raw = Descriptor(ends[1]);
  }
  void write(std::string_view bytes) const {
    ASSERT_EQ(::send(raw.get(), bytes.data(), bytes.size(), 0), std::ssize(bytes));
  }
  std::atomic<bool> stop{false};
  std::optional<Control> ours;
  Descriptor raw;
};

std::string refusal(std::string_view bytes) {
  Pair pair;
  pair.write(bytes);
  const auto got = pair.ours->receive(ControlKind::kPlan);
  return got ? "accepted" : got.error().text();
}

TEST(VerbsControl, MessageComesBackAsItWasSent) {
  Pair pair;
  pair.write(encode({ControlKind::kOffer, {{"mtu", 4096}, {"name", "a\xff"}}}));
  const auto got = pair.ours->receive(ControlKind::kOffer);
  ASSERT_TRUE(got) << got.error().text();
  EXPECT_EQ(got->at("mtu"), 4096);
}

TEST(VerbsControl, MessageInPiecesIsPutTogether) {
  Pair pair;
  const std::string bytes = encode({ControlKind::kStart, {{"a", 1}}});
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    pair.write(bytes.substr(i, 1));
    const auto got = pair.ours->poll();
    ASSERT_TRUE(got) << i << got.error().text();
    EXPECT_EQ(got->has_value(), i + 1 == bytes.size());
  }
}

TEST(VerbsControl, RandomBytesAreRefusedByTheFirstFour) {
  EXPECT_THAT(refusal("GET / HTTP/1.1\r\n"), HasSubstr("does not speak weft's protocol: 'GET\\x20/\\x20HTTP"));
  EXPECT_THAT(refusal("SSH-"), HasSubstr("does not speak weft's protocol: 'SSH-'"));
  EXPECT_THAT(refusal(std::string_view("\0\1\2\3", 4)), HasSubstr("'\\x00\\x01\\x02\\x03'"));
}

TEST(VerbsControl, RandomBytesOfAnySeedNeverPass) {
  std::mt19937_64 random(7);
  for (int round = 0; round < 2000; ++round) {
    std::string bytes = round % 2 == 0 ? "" : "WEFT" + std::string("\0\2", 2);
    for (std::size_t n = random() % 64; n > 0; --n) bytes += static_cast<char>(random());
    if (bytes.size() < kControlHeadSize) continue;
    const auto head = decode_head(std::string_view(bytes).substr(0, kControlHeadSize));
    if (head) {
      EXPECT_LE(head->length, kLargestControlBody);
    }
    EXPECT_FALSE(decode_body(std::string_view(bytes).substr(kControlHeadSize)));
  }
}

TEST(VerbsControl, OtherVersionIsNamed) {
  std::string bytes = encode({ControlKind::kPlan, nlohmann::ordered_json::object()});
  bytes[5] = 9;
  EXPECT_THAT(refusal(bytes), HasSubstr("version 9 of weft's protocol, this weft version 2"));
}

TEST(VerbsControl, LongUnknownAndDeepMessagesAreRefused) {
  std::string bytes = encode({ControlKind::kPlan, nlohmann::ordered_json::object()});
  std::string wrong = bytes;
  wrong[8] = 0x7f;
  EXPECT_THAT(refusal(wrong), HasSubstr("too long"));
  wrong = bytes;
  wrong[7] = 77;
  EXPECT_THAT(refusal(wrong), HasSubstr("no known kind: '77'"));
  EXPECT_FALSE(decode_body("{\"a\":" + std::string(100000, '[') + std::string(100000, ']') + "}"));
  EXPECT_FALSE(decode_body("[1]"));
  EXPECT_FALSE(decode_body("{\"a\":"));
  EXPECT_FALSE(decode_body(""));
}

TEST(VerbsControl, SilenceEndsAtTheLimit) {
  Pair pair;
  const auto start = std::chrono::steady_clock::now();
  const auto got = pair.ours->receive(ControlKind::kPlan);
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, ErrorCode::kEnvironment);
  EXPECT_THAT(got.error().text(), HasSubstr("said nothing for too long"));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
}

TEST(VerbsControl, HalfAMessageEndsAtTheLimitAndAStopAtOnce) {
  EXPECT_THAT(refusal("WE"), HasSubstr("too long"));
  Pair pair;
  pair.stop = true;
  const auto got = pair.ours->receive(ControlKind::kPlan);
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, ErrorCode::kInterrupted);
}

TEST(VerbsControl, PeerThatLeavesIsSaidSo) {
  Pair pair;
  pair.raw = Descriptor();
  const auto got = pair.ours->receive(ControlKind::kPlan);
  ASSERT_FALSE(got);
  EXPECT_THAT(got.error().text(), HasSubstr("closed the control connection"));
}

TEST(VerbsControl, RefusalOfThePeerIsOurError) {
  Pair pair;
  pair.write(encode({ControlKind::kRefused, {{"message", "no such device"}}}));
  const auto got = pair.ours->receive(ControlKind::kOffer);
  ASSERT_FALSE(got);
  EXPECT_THAT(got.error().text(), HasSubstr("the peer refused: no such device"));
}

TEST(VerbsControl, ListenerAndCallerMeetOnLoopback) {
  std::atomic<bool> stop{false};
  std::optional<Listener> listener;
  std::uint16_t port = 31870;
  for (; port < 31890 && !listener; ++port) {
    auto made = Listener::listening("127.0.0.1", port);
    if (made) listener.emplace(std::move(*made));
    if (made) break;
  }
  ASSERT_TRUE(listener);
  auto caller = Control::connected("127.0.0.1", port, {}, Milliseconds(2000), &stop);
  ASSERT_TRUE(caller) << caller.error().text();
  auto served = listener->accepted(Milliseconds(2000), Milliseconds(2000), &stop);
  ASSERT_TRUE(served) << served.error().text();
  ASSERT_TRUE(caller->send({ControlKind::kBye, {{"x", std::string(300000, 'y')}}}));
  const auto got = served->receive(ControlKind::kBye);
  ASSERT_TRUE(got) << got.error().text();
  EXPECT_EQ(served->local_address(), "127.0.0.1");
  EXPECT_FALSE(listener->accepted(Milliseconds(50), Milliseconds(50), &stop));
}

TEST(VerbsControl, NobodyListeningAndNoSuchHostAreSaidSo) {
  const auto refused_by_host = Control::connected("127.0.0.1", 1, {}, Milliseconds(500), nullptr);
  ASSERT_FALSE(refused_by_host);
  EXPECT_EQ(refused_by_host.error().code, ErrorCode::kEnvironment);
  EXPECT_THAT(refused_by_host.error().text(), HasSubstr("--listen"));
  const auto unknown = Control::connected("host.invalid", 1, {}, Milliseconds(500), nullptr);
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, ErrorCode::kInput);
}

Offer example() {
  Offer offer;
  offer.device = "rxe1";
  offer.gid = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 1};
  offer.mtu = 4096;
  offer.address = ~std::uint64_t{0};
  offer.rkey = ~std::uint32_t{0};
  offer.qps = {{0xffffff, 0, 1, 2}, {17, 0xffffff, 3, 4}};
  return offer;
}

TEST(VerbsOffer, ComesBackFromJson) {
  const auto back = offer_from_json(to_json(example()));
  ASSERT_TRUE(back) << back.error().text();
  EXPECT_EQ(to_json(*back), to_json(example()));
  EXPECT_EQ(back->gid, example().gid);
  EXPECT_EQ(back->qps[1].psn, 0xffffffU);
}

TEST(VerbsOffer, EachMemberIsCheckedAndNamed) {
  const auto good = to_json(example());
  for (const auto& [key, value] : good.items()) {
    auto missing = good;
    missing.erase(key);
    EXPECT_FALSE(offer_from_json(missing)) << key;
    for (const nlohmann::ordered_json& wrong : {nlohmann::ordered_json(-1), nlohmann::ordered_json(1.5),
                                                nlohmann::ordered_json(nullptr), nlohmann::ordered_json::object()}) {
      auto changed = good;
      changed[key] = wrong;
      EXPECT_FALSE(offer_from_json(changed)) << key << wrong;
    }
  }
  auto changed = good;
  changed["qps"][0]["qpn"] = 1U << 24U;
  const auto refused_qp = offer_from_json(changed);
  ASSERT_FALSE(refused_qp);
  EXPECT_THAT(refused_qp.error().text(), HasSubstr("'qpn' does not fit: '16777216'"));
  changed = good;
  changed["gid"] = "zz000000000000000000ffffc0000201";
  EXPECT_FALSE(offer_from_json(changed));
}

TEST(VerbsWords, ComeBackFromTheirTextInAnyCase) {
  for (const Op op : {Op::kWrite, Op::kWriteImm, Op::kRead, Op::kSend, Op::kAtomicCas, Op::kAtomicFadd})
    EXPECT_EQ(*parse_op(to_text(op)), op);
  for (const Transport transport : {Transport::kRc, Transport::kUc, Transport::kUd, Transport::kXrc})
    EXPECT_EQ(*parse_transport(to_text(transport)), transport);
  EXPECT_EQ(*parse_transport("rc"), Transport::kRc);
  EXPECT_THAT(parse_op("push").error().text(), HasSubstr("one of write, write_imm, read, send, atomic_cas"));
}

TEST(VerbsWords, TransportsHaveTheOpsOfTheStandard) {
  EXPECT_TRUE(has(Transport::kRc, Op::kAtomicCas));
  EXPECT_TRUE(has(Transport::kUc, Op::kWriteImm));
  EXPECT_FALSE(has(Transport::kUc, Op::kRead));
  EXPECT_FALSE(has(Transport::kUd, Op::kWrite));
  EXPECT_TRUE(has(Transport::kUd, Op::kSend));
}

}  // namespace
}  // namespace weft::verbs
