// Schedules executed on real data: every algorithm, any number of ranks, any size, exact results.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <rapidcheck.h>

#include <cmath>
#include <thread>

#include "tests/support/shapes.h"
#include "verbs/collective/memory_mesh.h"

namespace weft::verbs {
namespace {

using ::testing::HasSubstr;

constexpr CollectiveKind kKinds[] = {CollectiveKind::kAllReduce, CollectiveKind::kAllGather,
                                     CollectiveKind::kReduceScatter, CollectiveKind::kAllToAll,
                                     CollectiveKind::kBroadcast};

// Wrong elements over all ranks; nullopt where the algorithm is refused.
std::optional<std::uint64_t> run(CollectiveKind kind, const std::string& algorithm, std::uint32_t ranks,
                                 std::uint32_t host, std::uint64_t asked, Reduction reduction, std::uint32_t root = 0,
                                 double gbits = 0) {
  const std::uint64_t size = size_of(reduction.type);
  CollectiveRequest request = testing::request_of(kind, algorithm, static_cast<std::int64_t>(asked * size));
  request.root = root;
  const auto schedule = make_schedule(testing::shape_of(ranks, host, host, host), testing::packed(ranks), request);
  if (!schedule) return std::nullopt;
  const std::uint64_t count = movable_count(*schedule, asked);
  MemorySwitch between(gbits);
  std::vector<std::uint64_t> wrong(ranks);
  std::vector<std::jthread> threads;
  for (std::uint32_t rank = 0; rank < ranks; ++rank)
    threads.emplace_back([&, rank] {
      const auto program = compile(*schedule, rank, count);
      ASSERT_TRUE(program) << program.error().text();
      std::vector<std::byte> memory(program->memory() * size);
      fill(*schedule, rank, count, reduction, root, memory);
      MemoryMesh mesh(between, rank);
      const auto done = execute(*program, reduction, memory, mesh);
      EXPECT_TRUE(done) << done.error().text();
      wrong[rank] = count_wrong(*schedule, rank, count, reduction, root, memory);
    });
  threads.clear();
  std::uint64_t sum = 0;
  for (const std::uint64_t w : wrong) sum += w;
  return sum;
}

class VerbsCollective : public ::testing::TestWithParam<CollectiveKind> {};

TEST_P(VerbsCollective, EveryAlgorithmIsExactForAnyRanksAndSizes) {
  unsigned ran = 0;
  for (const AlgorithmInfo& info : algorithms(GetParam()))
    for (std::uint32_t ranks = 2; ranks <= 9; ++ranks)
      for (const std::uint32_t host : {1U, 2U, 3U})
        for (const std::uint64_t count : {0ULL, 1ULL, 2ULL, 7ULL, 255ULL, 1001ULL}) {
          const DataType type = count % 2 == 0 ? DataType::kInt32 : DataType::kFloat;
          const auto wrong = run(GetParam(), std::string(info.name), ranks, host, count, type);
          if (!wrong) continue;
          ++ran;
          EXPECT_EQ(*wrong, 0u) << fmt::format("{} {} ranks {} a host, {} elements", info.name, ranks, host, count);
        }
  EXPECT_GE(ran, 144u);  // the first algorithm is never refused
}

INSTANTIATE_TEST_SUITE_P(Kinds, VerbsCollective, ::testing::ValuesIn(kKinds),
                         [](const auto& kind) { return std::string(name_of(kind.param)); });

TEST(VerbsProgram, EveryRootBroadcasts) {
  for (std::uint32_t root = 0; root < 5; ++root)
    for (const char* algorithm : {"ring", "tree"})
      EXPECT_EQ(run(CollectiveKind::kBroadcast, algorithm, 5, 1, 100, DataType::kInt32, root), 0u) << root << algorithm;
}

TEST(VerbsProgram, RingAllReduceSendsWhatTheFormulaSays) {
  // 2 (n - 1) steps of S / n: Thakur, Rabenseifner, Gropp 2005.
  for (std::uint32_t n = 2; n <= 8; ++n) {
    const auto schedule = testing::schedule_of(CollectiveKind::kAllReduce, "ring", n, n * 400, 1);
    for (std::uint32_t rank = 0; rank < n; ++rank) {
      const auto program = compile(*schedule, rank, n * 100);
      EXPECT_EQ(program->sent, 2 * (n - 1) * 100) << n;
      EXPECT_EQ(program->steps.size(), 2 * (n - 1)) << n;
      EXPECT_EQ(program->peers.size(), n == 2 ? 1u : 2u) << n;
    }
  }
}

TEST(VerbsProgram, SendsAndReceivesMatchInOrder) {
  for (const CollectiveKind kind : kKinds)
    for (const AlgorithmInfo& info : algorithms(kind)) {
      const auto schedule = testing::schedule_of(kind, std::string(info.name), 6, 4 * 601, 2);
      if (!schedule) continue;
      std::map<std::pair<std::uint32_t, std::uint32_t>, std::vector<std::uint64_t>> sent, received;
      for (std::uint32_t rank = 0; rank < 6; ++rank) {
        const auto program = compile(*schedule, rank, movable_count(*schedule, 601));
        for (const ProgramStep& step : program->steps) {
          for (const Outgoing& o : step.sends) sent[{rank, o.peer}].push_back(o.from.count);
          for (const Incoming& i : step.receives) received[{i.peer, rank}].push_back(i.to.count);
        }
      }
      EXPECT_EQ(sent, received) << info.name;
    }
}

TEST(VerbsProgram, WrongBytesAreCounted) {
  const auto schedule = testing::schedule_of(CollectiveKind::kAllReduce, "ring", 1, 40, 1);
  std::vector<std::byte> memory(3 * 10 * 4);
  fill(*schedule, 0, 10, DataType::kFloat, 0, memory);
  EXPECT_EQ(count_wrong(*schedule, 0, 10, DataType::kFloat, 0, memory), 0u);
  memory[4 * 3] ^= std::byte{1};
  memory[4 * 9 + 3] ^= std::byte{0x80};
  EXPECT_EQ(count_wrong(*schedule, 0, 10, DataType::kFloat, 0, memory), 2u);
}

TEST(VerbsProgram, UnequalPartsAreRefusedNotTruncated) {
  const auto schedule = testing::schedule_of(CollectiveKind::kAllToAll, "all_at_once", 3, 400, 1);
  EXPECT_EQ(movable_count(*schedule, 100), 99u);
  EXPECT_THAT(compile(*schedule, 0, 100).error().text(), HasSubstr("a move's ends differ in length"));
}

TEST(VerbsProgram, ScaleUpIsCopiedAtTheSetRate) {
  // Two ranks, all_reduce by ring: each sends 1 MiB in all, at 0.1 Gb/s 84 ms.
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(run(CollectiveKind::kAllReduce, "ring", 2, 1, 262144, DataType::kInt32, 0, 0.1), 0u);
  EXPECT_GE(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(80));
}

TEST(VerbsProgram, PeerThatNeverSendsIsNamed) {
  MemorySwitch between(0, std::chrono::milliseconds(50));
  std::vector<std::byte> bytes(4);
  EXPECT_THAT(between.get(3, 1, bytes).error().text(), HasSubstr("rank 1 got nothing from rank 3"));
}

constexpr DataType kTypes[] = {DataType::kInt8,  DataType::kUint8,  DataType::kInt32, DataType::kUint32,
                               DataType::kInt64, DataType::kUint64, DataType::kHalf,  DataType::kBfloat16,
                               DataType::kFloat, DataType::kDouble};
constexpr RedOp kOps[] = {RedOp::kSum, RedOp::kProd, RedOp::kMin, RedOp::kMax};

TEST(VerbsDataType, WordsComeBackAndOthersAreRefused) {
  for (const DataType type : kTypes) EXPECT_EQ(parse_data_type(to_text(type)).value(), type);
  for (const RedOp op : kOps) EXPECT_EQ(parse_red_op(to_text(op)).value(), op);
  EXPECT_EQ(parse_data_type("float16").value(), DataType::kHalf);
  EXPECT_EQ(parse_data_type("bf16").value(), DataType::kBfloat16);
  EXPECT_THAT(parse_data_type("fp8").error().text(), HasSubstr("no such data type: 'fp8'"));
  EXPECT_THAT(parse_red_op("avg").error().text(), HasSubstr("sum, prod, min, max"));
}

TEST(VerbsDataType, HalfAndBfloat16RoundToNearestEven) {
  EXPECT_EQ(half_to_float(0x3c00), 1.0F);  // IEEE 754 binary16
  EXPECT_EQ(half_to_float(0xc000), -2.0F);
  EXPECT_EQ(half_to_float(0x7bff), 65504.0F);
  EXPECT_EQ(half_to_float(0x0001), std::ldexp(1.0F, -24));
  EXPECT_EQ(float_to_half(65519.9F), 0x7bff);
  EXPECT_EQ(float_to_half(65520.0F), 0x7c00);
  EXPECT_EQ(float_to_half(2049.0F), 0x6800);  // ties go to 2048, the even one
  EXPECT_EQ(float_to_half(2051.0F), 0x6802);
  EXPECT_EQ(float_to_half(std::ldexp(1.0F, -25)), 0x0000);
  EXPECT_EQ(float_to_half(std::ldexp(3.0F, -25)), 0x0002);
  EXPECT_EQ(float_to_bfloat16(1.0F), 0x3f80);
  EXPECT_EQ(float_to_bfloat16(257.0F), 0x4380);  // ties go to 256
  EXPECT_EQ(float_to_bfloat16(259.0F), 0x4382);
  for (std::uint32_t bits = 0; bits < 65536; ++bits) {
    const auto word = static_cast<std::uint16_t>(bits);
    ASSERT_TRUE(std::isnan(half_to_float(word)) || float_to_half(half_to_float(word)) == word) << bits;
    ASSERT_TRUE(std::isnan(bfloat16_to_float(word)) || float_to_bfloat16(bfloat16_to_float(word)) == word) << bits;
  }
}

#ifdef __FLT16_MANT_DIG__
TEST(VerbsDataType, HalfIsTheCompilers) {
  ::rc::check([](std::uint32_t bits) {
    const auto value = std::bit_cast<float>(bits);
    RC_PRE(!std::isnan(value));
    const auto half = static_cast<_Float16>(value);
    RC_ASSERT(float_to_half(value) == std::bit_cast<std::uint16_t>(half));
  });
}
#endif

TEST(VerbsDataType, IdentityLeavesEveryValueUnchanged) {
  for (const DataType type : kTypes)
    for (const RedOp op : kOps)
      for (const std::uint64_t number : {0, 1, 100}) {
        alignas(8) std::array<std::byte, kLargestElement> value{}, result{};
        const std::span to(result.data(), size_of(type)), from(value.data(), size_of(type));
        write_number(type, value.data(), number);
        fill_identity({type, op}, to);
        reduce({type, op}, to, from);
        EXPECT_EQ(result, value) << to_text(type) << to_text(op) << number;
      }
}

TEST(VerbsDataType, SumsOfTheMostRanksAreExact) {
  for (const DataType type : {DataType::kHalf, DataType::kBfloat16, DataType::kFloat})
    for (std::uint64_t element = 0; element < 3000; ++element) {
      std::uint64_t sum = 0;
      for (std::uint32_t rank = 0; rank < 256; ++rank) sum += value_of(type, 256, rank, element);
      ASSERT_LE(sum, type == DataType::kHalf ? 2048U : type == DataType::kBfloat16 ? 256U : 1U << 24U);
    }
}

TEST(VerbsProgram, EveryTypeAndReductionIsExact) {
  for (const DataType type : kTypes)
    for (const RedOp op : kOps)
      for (const auto& [kind, algorithm, ranks, host] : {std::tuple(CollectiveKind::kAllReduce, "ring", 5U, 1U),
                                                         std::tuple(CollectiveKind::kAllReduce, "tree", 8U, 1U),
                                                         std::tuple(CollectiveKind::kAllReduce, "nvls_ring", 6U, 3U),
                                                         std::tuple(CollectiveKind::kReduceScatter, "ring", 3U, 1U)})
        EXPECT_EQ(run(kind, algorithm, ranks, host, 301, {type, op}), 0U)
            << fmt::format("{} {} of {} by {}", to_text(op), name_of(kind), to_text(type), algorithm);
}

TEST(VerbsProgram, AnyPlanIsExact) {
  ::rc::check([] {
    const auto kind = *::rc::gen::elementOf(std::vector<CollectiveKind>(std::begin(kKinds), std::end(kKinds)));
    const auto names = algorithms(kind);
    const auto& info = names[*::rc::gen::inRange<std::size_t>(0, names.size())];
    const Reduction reduction(*::rc::gen::elementOf(std::vector<DataType>(std::begin(kTypes), std::end(kTypes))),
                              *::rc::gen::elementOf(std::vector<RedOp>(std::begin(kOps), std::end(kOps))));
    const auto ranks = *::rc::gen::inRange<std::uint32_t>(2, 13);
    const auto wrong = run(kind, std::string(info.name), ranks, *::rc::gen::inRange<std::uint32_t>(1, 5),
                           *::rc::gen::inRange<std::uint64_t>(0, 700), reduction);
    RC_ASSERT(wrong.value_or(0) == 0);
  });
}

TEST(VerbsProgram, AnyWrongBitIsCounted) {
  ::rc::check([] {
    const Reduction reduction(*::rc::gen::elementOf(std::vector<DataType>(std::begin(kTypes), std::end(kTypes))),
                              *::rc::gen::elementOf(std::vector<RedOp>(std::begin(kOps), std::end(kOps))));
    const std::uint64_t size = size_of(reduction.type);
    const auto schedule =
        testing::schedule_of(CollectiveKind::kAllReduce, "ring", 1, static_cast<std::int64_t>(50 * size), 1);
    std::vector<std::byte> memory(150 * size);
    fill(*schedule, 0, 50, reduction, 0, memory);
    RC_ASSERT(count_wrong(*schedule, 0, 50, reduction, 0, memory) == 0U);
    memory[*::rc::gen::inRange<std::size_t>(0, 50 * size)] ^= std::byte{1} << *::rc::gen::inRange(0, 8);
    RC_ASSERT(count_wrong(*schedule, 0, 50, reduction, 0, memory) == 1U);
  });
}

}  // namespace
}  // namespace weft::verbs
