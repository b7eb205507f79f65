#include <gtest/gtest.h>

#include "verbs/devices.h"

namespace weft::verbs {
namespace {

TEST(Devices, ListIsGivenWhereThereIsNone) { EXPECT_TRUE(device_names().has_value()); }

}  // namespace
}  // namespace weft::verbs
