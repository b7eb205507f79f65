// Ranks as launchers tell them.
#include <gmock/gmock.h>

#include <map>

#include "verbs/launch.h"

namespace weft::verbs {
namespace {

using ::testing::HasSubstr;
using Variables = std::map<std::string, std::string>;

Expected<std::optional<Launch>> launched(const Variables& variables) {
  return launch_from([&](const char* name) {
    const auto at = variables.find(name);
    return at == variables.end() ? nullptr : at->second.c_str();
  });
}

struct Case {
  const char* by;
  Variables variables;
};

TEST(VerbsLaunch, EveryLauncherTellsRankAndSize) {
  const Case cases[] = {
      {"Open MPI", {{"OMPI_COMM_WORLD_RANK", "5"}, {"OMPI_COMM_WORLD_SIZE", "8"}, {"OMPI_COMM_WORLD_LOCAL_RANK", "1"}}},
      {"PMIx under SLURM", {{"PMIX_RANK", "5"}, {"SLURM_STEP_NUM_TASKS", "8"}, {"SLURM_LOCALID", "1"}}},
      {"PMIx", {{"PMIX_RANK", "5"}, {"PMIX_SIZE", "8"}, {"PMIX_LOCAL_RANK", "1"}}},
      {"PMI", {{"PMI_RANK", "5"}, {"PMI_SIZE", "8"}, {"MPI_LOCALRANKID", "1"}}},
      {"SLURM", {{"SLURM_PROCID", "5"}, {"SLURM_STEP_NUM_TASKS", "8"}, {"SLURM_LOCALID", "1"}}},
  };
  for (const Case& c : cases) {
    const auto got = launched(c.variables);
    ASSERT_TRUE(got && *got) << c.by;
    EXPECT_EQ((*got)->by, c.by);
    EXPECT_EQ((*got)->rank, 5u);
    EXPECT_EQ((*got)->size, 8u);
    EXPECT_EQ((*got)->local_rank, 1u);
  }
}

TEST(VerbsLaunch, ByHandThereIsNoRank) {
  EXPECT_FALSE(launched({})->has_value());
  EXPECT_FALSE(launched({{"OMPI_COMM_WORLD_SIZE", "8"}})->has_value());
}

TEST(VerbsLaunch, MpirunInsideAnAllocationCountsItsOwnRanks) {
  const auto got = launched({{"OMPI_COMM_WORLD_RANK", "3"},
                             {"OMPI_COMM_WORLD_SIZE", "4"},
                             {"PMIX_RANK", "3"},
                             {"SLURM_PROCID", "0"},
                             {"SLURM_STEP_NUM_TASKS", "2"}});
  ASSERT_TRUE(got && *got);
  EXPECT_EQ((*got)->rank, 3u);
  EXPECT_EQ((*got)->size, 4u);
}

TEST(VerbsLaunch, BatchScriptIsNoRank) {
  EXPECT_FALSE(launched({{"SLURM_PROCID", "0"}, {"SLURM_NTASKS", "8"}, {"SLURM_JOB_ID", "17"}})->has_value());
}

TEST(VerbsLaunch, WhatCannotBeIsNamed) {
  const auto text = [](const Variables& variables) {
    const auto got = launched(variables);
    return got ? std::string("accepted") : got.error().text();
  };
  EXPECT_THAT(text({{"PMI_RANK", "4x"}, {"PMI_SIZE", "8"}}), HasSubstr("PMI_RANK is no number of a rank: '4x'"));
  EXPECT_THAT(text({{"PMI_RANK", "8"}, {"PMI_SIZE", "8"}}), HasSubstr("PMI_RANK is not below PMI_SIZE"));
  EXPECT_THAT(text({{"PMI_RANK", "-1"}, {"PMI_SIZE", "8"}}), HasSubstr("'-1'"));
  EXPECT_THAT(text({{"PMI_RANK", "0"}, {"PMI_SIZE", "99999999999"}}), HasSubstr("PMI_SIZE"));
  EXPECT_THAT(text({{"PMIX_RANK", "2"}}), HasSubstr("nothing says how many ranks there are"));
}

}  // namespace
}  // namespace weft::verbs
