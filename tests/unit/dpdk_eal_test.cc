#include "dpdk/eal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weft::dpdk {
namespace {

TEST(Eal, NamesItsVersion) { EXPECT_THAT(version(), testing::StartsWith("DPDK ")); }

}  // namespace
}  // namespace weft::dpdk
