// Schedules executed on real data: every algorithm, any number of ranks, any size, exact results.
#include <fmt/format.h>
#include <gmock/gmock.h>

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
                                 std::uint32_t host, std::uint64_t asked, DataType type, std::uint32_t root = 0,
                                 double gbits = 0) {
  CollectiveRequest request = testing::request_of(kind, algorithm, static_cast<std::int64_t>(asked * kElementSize));
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
      std::vector<std::byte> memory(program->memory() * kElementSize);
      fill(*schedule, rank, count, type, root, memory);
      MemoryMesh mesh(between, rank);
      const auto done = execute(*program, type, memory, mesh);
      EXPECT_TRUE(done) << done.error().text();
      wrong[rank] = count_wrong(*schedule, rank, count, type, root, memory);
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
  std::vector<std::byte> memory(3 * 10 * kElementSize);
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

TEST(VerbsProgram, DataTypesComeBack) {
  EXPECT_EQ(parse_data_type("int32").value(), DataType::kInt32);
  EXPECT_EQ(parse_data_type(to_text(DataType::kFloat)).value(), DataType::kFloat);
  EXPECT_FALSE(parse_data_type("half"));
}

}  // namespace
}  // namespace weft::verbs
