#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dpdk/eal.h"

namespace weft::dpdk {
namespace {

TEST(Eal, NamesItsVersion) { EXPECT_THAT(version(), testing::StartsWith("DPDK ")); }

}  // namespace
}  // namespace weft::dpdk
